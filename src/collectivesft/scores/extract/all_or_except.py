"""Read answers that choose by the rest: "除E外都对", "B错误,其余正确", "以上都是"."""

import re

from collectivesft.scores.extract import patterns

_EXCEPT = re.compile(
    rf"(?:除(?:了|去)?|(?i:(?:all|everything|every\soption)\s(?:except|but)))\s?(?:选项)?({patterns.NAMED_RUN}){patterns.NO_TERM}\s?(?:选?项)?(?:\([^()\n]{{0,30}}\))?"
    r"(?:以外|之外|外)?[,、]?\s?(?:其他|其余|其它|剩下|别)?的?(?:选项|各项|说法|叙述|描述|表述|[四三两几]项|[四三两]个(?:选项)?)?(?:的?(?:说法|叙述|描述|表述))?"
    r"(?P<said>(?:都|均|全|皆)?(?:是)?(?:不)?(?:正确|对|符合|属于|是|可以|选|错误?)?)"
)
_OTHERS_RIGHT = re.compile(
    rf"(?<![{patterns.LATIN}])({patterns.NAMED_JOINED})(?:选?项|[两三四]项)?(?:都|均)?(?:是|的说法)?(?:错误?|不正确|不对|不选|×|不(?:是|属于|符合|包括))的?[,;。]?"
    r"\s?(?:而)?(?:其余|其他|其它|剩下|剩余)的?(?:选项|各项|[两三四]项)?(?:都|均|全|皆)?(?P<said>是?(?:正确|对|选)|是(?=[的。!\s]|\Z))"
)
# Several answers: all of them.
_ALL = re.compile(
    r"\A\s{0,9}(?:以上)?(?:全部|[都均皆全])(?:选项)?[都均]?(?:是|正确|对|选)?[。.!]?\s{0,9}\Z|(?<![不非])(?<!不是)以上[二两三四五六七]?个?选?项?[都均皆全](?:是|属于)(?![非不错误无否假伪干])|(?<![不非])(?<!不是)(?:全选(?!错)|全部(?:都)?(?:选|正确|对)|(?<!并非)都选(?!错)|(?:以上|上述|所有|全部|这?[四五六]个|每个|各个?)"
    r"(?:的)?(?:选?项|说法|答案)?(?:[都全均皆]|全部)?(?:是)?(?:正确|对(?!应|于|照)|符合题意|应选|要选|选(?!项))"
    r"|五项[都全均皆](?:正确|对|选)|(?i:all\sof\sthe\sabove|all\s(?:five\s|four\s)?(?:options\s)?are\s(?:correct|right)))"
)
# "其余选项全部正确" leaves some out.
_REST = re.compile(r"(?:其余|其他|其它|剩下|剩余|另外|[前后][一二两三四五])[^,。;]{0,4}\Z")
_COUNTED = re.compile(r"([二两三四五六七])(?=个(?!月)|选?项|种|者)|\b(?i:(four|five))\b")
_COUNTS = dict(zip("二两三四五六七", (2, 2, 3, 4, 5, 6, 7), strict=True)) | {"four": 4, "five": 5}


def excepted(text: str, letters: frozenset[str], multiple: bool) -> str:
    """Return the letters that "除E外都对" leaves: E where one is asked for, else those of the rest.

    "除了C都错" names C in both kinds of question.
    """
    for match in (*_EXCEPT.finditer(text), *_OTHERS_RIGHT.finditer(text)):
        run = {letter for letter in match[1] if letter in letters}
        if not run or not match["said"]:
            continue
        wrong = "错" in match["said"] or "不" in match["said"]
        if multiple:
            return "".join(sorted(run if wrong else letters - run))
        return "".join(run) if len(run) == 1 else ""
    return ""


def means_all(text: str, options: int) -> bool:
    """Return True if a text chooses all options ("以上都是", "五项均正确" of five)."""
    for match in _ALL.finditer(text):
        before = text[max(match.start() - 8, 0) : match.start()]
        near = re.split("[,。;\n]", before)[-1] + match.group()
        counts = [_COUNTS[han or word.lower()] for han, word in _COUNTED.findall(near)]
        if not _REST.search(before) and all(count == options for count in counts):
            return True
    return False
