"""Read answers that judge the options one by one and state none: eliminations and analyses.

Such an answer is cut into segments, each a run of letters with the words about it: "A、C无效",
"排除D", "B为大环内酯类,首选". A segment is judged in two ways: by words of right and wrong, and by
the question's own predicate ("首选" where the question asks for the first choice). The letter that
is judged alone against the rest is the answer. Without such a contrast there is none.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from collectivesft.scores.extract import patterns

# One letter or a list of them; not in a Latin word or a term.
_RUN = re.compile(
    rf"(?<![{patterns.LATIN}])(?:选项|[Oo]ptions?\s|[Ss]tatements?\s)?\(?"
    # A comma after "A、C" begins a clause about the next letter.
    r"(?P<run>[A-G](?:(?:\s?(?:以及|[、和与及/])\s?[A-G]){1,6}|(?:\s?(?:,?\sand|,)?\s?[A-G]){0,6}(?:[和与及][A-G])?))"
    rf"(?![{patterns.LATIN}{patterns.TERM}])\)?(?:[两三四五六]?个?选?项)?"
)
_TERM_BEFORE = re.compile(
    r"(?:维生素|维他命|肝炎|(?i:vitamins?|hepatitis|types?|groups?|class|grade|stage)\s?)\Z"
)
_SIGN = re.compile(rf"[{patterns.LATIN}]")
_LETTER_BEFORE = re.compile(
    rf"(?<![{patterns.LATIN}])(?P<letter>[A-G])(?:选?项)?\s?(?:[.、:\-]\s?)?(?P<open>\(?)\Z"
)
_LETTER_AFTER = re.compile(r"\s?\((?:选项)?(?P<letter>[A-G])(?:选?项)?\)")
_SENTENCE = re.compile(r"[。;!?\n]|\.(?=\s|\Z)")
_LAST_CLAUSE = re.compile(r"[^,。;:\n]*\Z")
# A sentence about the answer and not about the last option.
_SUMMARY = re.compile(
    r"\s*(?:故|因此|因而|所以|综上|总之|总结|结论|注意|本题|(?i:so|thus|therefore)\b)"
)
# Words before a letter that judge it, as in "无效,排除A".
_OUT_BEFORE = re.compile(
    r"(?:排除|不选|除外|不包括|不考虑|剔除|(?i:rule[sd]?\sout|exclude[sd]?|eliminate[sd]?))[\s:了]{0,2}\Z"
)
_NEXT_OUT = re.compile(
    r"[,\s]?(?:故|因此|所以|而|可|应|予以?|并){0,2}(?:排除|不选|剔除)了?[\s:]{0,2}\Z"
)
_WRONG = re.compile(
    r"错误|(?:(?<=[,:(\s])|\A)错(?=[,)\s]|\Z)|有误|不(?:正确|对(?![称等])|符|成立|应?选|首选|属于|是|宜|适|作为?|予|可用|能)"
    r"|并?非首选|排除|无效|无关|[×✗✘❌]|\b(?i:incorrect|wrong|false|not|ineffective|ruled\sout)\b"
)
_RIGHT = re.compile(
    r"(?<!不)正确|(?<!不)符合(?:题意|要求|描述)|(?:(?<=[,:(\s])|\A)对(?=[,)\s]|\Z)|应选|当选|[√✓✔]"
    r"|\b(?<!not )(?i:correct|right|true)\b"
)
_DENIED_BEFORE = re.compile(r"(?:[不非无未]|很?少见?|较少|次于)[^,。;:]{0,5}\Z")
_VOID_AFTER = re.compile(r"\s?(?:无效|失败|过敏|禁忌|之外|以外|药物?无|时)")
_EDGES = " \t\n()_。.:?,;!"
# "…的药物是", "…的有": the words of a question after its predicate.
_ASKING = re.compile(
    r"(?:的?(?:应?该?[是为]|有|包括|包含|属于)|的)?(?:哪[一些几]?[项种个类者]?(?:药物?)?|什么|何者)?\Z"
)
_SUPERLATIVE = re.compile(r"首选|首要|最[\u3400-\u9fff]{1,3}")
_NOUN = re.compile(r"的(?P<noun>[^的]{1,10})\Z")
_HAN_TAIL = re.compile(r"[\u3400-\u9fff]{2,8}\Z")
_GENERAL = frozenset(
    {"药物", "患者", "描述", "叙述", "说法", "选项", "措施", "方法", "检查", "下列"}
)
_FEWEST = 3
_ALL_SO = re.compile(
    r"[,\s]\s?(?:[都均皆]|全部?)(?:不(?:符合?(?:题意)?|正确|对|选|是)|错误?|排除|可?排除)[。.\s]*\Z"
)
# A subject of the question: at least so many signs, and this share of its asking words.
_SUBJECT, _SUBJECT_SHARE = 5, 0.5
_PREFERRED = re.compile(
    rf"(?<![{patterns.LATIN}比较])(?P<run>[A-G])(?:选?项)?(?:的可能性|的?诊断|的?依据)?(?:比[^,。;]{{1,8}})?"
    r"(?:明显|显然|应该?|是|则){0,2}更(?:为|加|具)?(?:合适|合理|符合|典型|恰当|准确|贴切|优先?|佳|好|大|高|全面"
    r"|可能|常见|接近|适合|适宜|有优势|充分|正确|特异|敏感|重要)(?=[的题,。;!\s)]|一些|\Z)"
    r"|(?:更?倾向于?|偏向于?|更支持)(?:选择?|认为|是|答案){0,2}(?:选项)?\s?(?P<also>[A-G])"
    rf"(?![{patterns.LATIN}{patterns.TERM}])"
    r"|\b(?i:leav(?:es|ing)|left\swith)\s(?i:us\swith\s|only\s)?(?i:option\s)?(?P<left>[A-G])\b"
)
_REST_RIGHT = re.compile(
    r"(?:其余|其他|其它|剩下|剩余)的?(?P<count>[一二两三四五六])?[个项种]?(?:选项|各项)?"
    r"(?:都|均|全|皆)(?:是|为|属于|正确|对|符合|可以?)(?![^,。;]{0,4}[不错误非])"
)
_COUNTS = dict(zip("一二两三四五六", (1, 2, 2, 3, 4, 5, 6), strict=True))


def spelled(text: str, texts: Mapping[str, str], every: bool = False) -> str:
    """Return the text with options' texts as their letters: "心悸(A)" and "A.心悸" become A.

    Args:
        text: an answer in plain signs.
        texts: the options' texts, in plain signs.
        every: true to replace a text without a letter too.
    """
    once = Counter(texts.values())
    for letter, said in sorted(texts.items(), key=lambda pair: -len(pair[1])):
        if said and said in text:
            text = _replaced(text, letter, said, every and once[said] == 1)
        if f"({letter})" in text:
            text = _bracketed(text, letter, said)
    return text


def _replaced(text: str, letter: str, said: str, every: bool) -> str:
    """Return the text with an option's text next to its letter, or every one, as the letter."""
    pieces, end, at = [], 0, text.find(said)
    while at >= 0:
        after = at + len(said)
        inside = _SIGN.match(text, at - 1) if at else None
        before = _LETTER_BEFORE.search(text[max(at - 8, end) : at])
        closed = _LETTER_AFTER.match(text, after)
        if closed and closed["letter"] == letter and not inside:
            pieces, end = [*pieces, text[end:at], letter], closed.end()
        elif before and before["letter"] == letter and len(said) > 1:
            begin = at - len(before.group())
            pieces, end = [*pieces, text[end:begin], letter], after
            if before["open"] and text[end : end + 1] == ")":
                end += 1
        elif every and len(said) > 1 and not inside and not _SIGN.match(text, after):
            pieces, end = [*pieces, text[end:at], letter], after
        at = text.find(said, max(after, end))
    return "".join([*pieces, text[end:]])


def _bracketed(text: str, letter: str, said: str) -> str:
    """Return the text without the part of an option's text before its letter in brackets."""
    first, *rest = text.split(f"({letter})")
    whole = first
    for piece in rest:
        before = whole.rstrip()
        longest = min(len(said), len(before))
        length = next((n for n in range(longest, 1, -1) if before[-n:] in said), 0)
        whole = before[: len(before) - length] + (letter if length else f"({letter})") + piece
    return whole


@dataclass(slots=True)
class _Segment:
    """Letters, the words of their clause before them and all words after them."""

    letters: set[str]
    before: str
    said: str


def _segments(text: str, letters: frozenset[str]) -> list[_Segment]:
    """Return the segments of a text; a sentence without a letter continues the one before."""
    found: list[_Segment] = []
    for sentence in _SENTENCE.split(text):
        runs = [run for run in _RUN.finditer(sentence) if _is_option(sentence, run, letters)]
        if not runs:
            if found and not _SUMMARY.match(sentence):
                found[-1].said += "。" + sentence
            continue
        previous = 0
        for place, run in enumerate(runs):
            last = place + 1 == len(runs)
            until = len(sentence) if last else runs[place + 1].start()
            said = sentence[run.end() : until]
            said = said if last else _NEXT_OUT.sub("", said)
            before = _LAST_CLAUSE.search(sentence[previous : run.start()]).group()
            found.append(_Segment(set(re.findall("[A-G]", run["run"])), before, said))
            previous = run.end()
    _share_last(text, found)
    # "A、C,D均…": letters with no words of their own share those of the next.
    for segment, following in zip(found[-2::-1], found[:0:-1], strict=True):
        if not segment.said.strip(_EDGES + "、和与及") and not _OUT_BEFORE.search(segment.before):
            segment.said = following.said
    return found


def _is_option(sentence: str, run: re.Match, letters: frozenset[str]) -> bool:
    """Tell if a run is of options' letters only and no part of a term (维生素C)."""
    term = _TERM_BEFORE.search(sentence[max(run.start() - 12, 0) : run.start()])
    return not term and set(re.findall("[A-G]", run["run"])) <= letters


def _share_last(text: str, segments: list[_Segment]) -> None:
    """Add a last "均不符合" to all segments of a text of one sentence."""
    shared = _ALL_SO.search(text)
    if shared and len(_SENTENCE.findall(text.strip(_EDGES))) == 0:
        for segment in segments:
            segment.said += shared.group()


def _verdict(segment: _Segment) -> int:
    """Return 1 for a segment that calls its letters right, -1 for wrong, 0 for neither or both."""
    if _OUT_BEFORE.search(segment.before):
        return -1
    wrong, right = _WRONG.search(segment.said), _RIGHT.search(segment.said)
    return (right is not None) - (wrong is not None)


def predicates(question: str, denial: str = "", parts: bool = False) -> list[str]:
    """Return the words that a question asks by, the most telling first.

    "青光眼患者禁用的药物是" gives 患者禁用, 者禁用 and 禁用; "首选的检查是" gives 首选.
    A question for the exception asks by the words after its denial: "不属于一级预防的是" gives
    一级预防 and its ends.

    Args:
        parts: true to add words of three and more signs within these.
    """
    asked = question.rstrip(_EDGES)
    asked = re.split(r"[,。;?!]", asked)[-1]
    if denial and denial in asked:
        asked = asked.rpartition(denial)[2]
    asked = _ASKING.sub("", asked).rstrip(_EDGES)
    found = [denial[1:]] if len(denial) > 2 and not denial.isascii() else []
    for match in () if denial else _SUPERLATIVE.finditer(asked):
        found += [match.group()[:length] for length in range(len(match.group()), 1, -1)]
    noun = _NOUN.search(asked)
    for part in (asked[: noun.start()], noun["noun"]) if noun else (asked,):
        if tail := _HAN_TAIL.search(part):
            found += _ends(tail.group(), parts)
    return [one for one in dict.fromkeys(found) if one not in _GENERAL]


def _ends(words: str, parts: bool) -> list[str]:
    """Return the ends of some words, of two signs and more; or their parts, the longest first."""
    ends = [words[-length:] for length in range(len(words), 1, -1)]
    if not parts:
        return ends
    lengths = range(len(words), 2, -1)
    return [words[at : at + n] for n in lengths for at in range(len(words) - n + 1)] + ends[-1:]


def _by_predicate(segments: list[_Segment], predicate: str) -> tuple[set[str], set[str]]:
    """Return the letters of which a predicate is said, and those of which it is denied."""
    has: set[str] = set()
    lacks: set[str] = set()
    for segment in segments:
        for words in (segment.before, segment.said):
            at = words.find(predicate)
            while at >= 0:
                denied = _DENIED_BEFORE.search(words[max(at - 8, 0) : at])
                denied = denied or _VOID_AFTER.match(words, at + len(predicate))
                (lacks if denied else has).update(segment.letters)
                at = words.find(predicate, at + 1)
    return has, lacks - has


def judged(
    text: str,
    letters: frozenset[str],
    multiple: bool,
    question: str,
    negative: bool,
    denial: str,
) -> str:
    """Return the letters that an answer judges against all the rest; "" for none.

    Args:
        text: plain text of an answer, with options' texts as letters (``spelled``).
        negative: true where the question asks for the wrong statement.
        denial: the denial of a question for the exception.
    """
    segments = _segments(text, letters)
    discussed = set().union(*(segment.letters for segment in segments))
    if found := _by_rest(text, letters, multiple, negative or bool(denial)):
        return found
    if len(letters) < _FEWEST or len(discussed) < min(_FEWEST, len(letters) - 1):
        return ""
    if negative:
        return ""
    right = set().union(*(s.letters for s in segments if _verdict(s) == 1))
    wrong = set().union(*(s.letters for s in segments if _verdict(s) == -1))
    if right & wrong:
        return ""
    once = len(segments) <= len(letters)  # a list that begins again leaves its letters open
    if not denial and not multiple and once and len(letters - wrong) == 1:
        return "".join(letters - wrong)
    for predicate in predicates(question, denial, multiple or bool(denial)):
        has, lacks = _by_predicate(segments, predicate)
        if not has and not lacks:
            continue
        if found := _contrasted(has, lacks, discussed, letters, multiple, bool(denial)):
            return found
    if multiple:
        return ""
    return _odd_one(segments, letters) or ("" if denial else _by_subject(segments, question))


def _by_subject(segments: list[_Segment], question: str) -> str:
    """Return the one letter whose clause has the question's subject: "维生素B12缺乏→B" in clauses
    about other vitamins."""
    asked = _ASKING.sub("", re.split(r"[,。;?!]", question.rstrip(_EDGES))[-1])
    shared: dict[str, int] = {}
    for segment in segments:
        length = max(_common(asked, segment.before), _common(asked, segment.said))
        for letter in segment.letters:
            shared[letter] = max(shared.get(letter, 0), length)
    if len(shared) < _FEWEST:
        return ""
    (best, most), (_, next_best) = sorted(shared.items(), key=lambda pair: -pair[1])[:2]
    whole = most >= max(_SUBJECT, _SUBJECT_SHARE * len(asked))
    return best if whole and most - next_best > 1 else ""


def _common(one: str, other: str) -> int:
    """Return the length of the longest text that is part of both."""
    return max(
        (
            n
            for at in range(len(one))
            for n in range(2, len(one) - at + 1)
            if one[at : at + n] in other
        ),
        default=0,
    )


def _odd_one(segments: list[_Segment], letters: frozenset[str]) -> str:
    """Return the one letter that stands against a list of all the rest: "A、B、D、E可用,C则…"."""
    groups = {frozenset(s.letters) for s in segments}
    lists = [group for group in groups if len(group) == len(letters) - 1]
    if len(letters) <= _FEWEST or len(lists) != 1:
        return ""
    odd = letters - lists[0]
    own = [s for s in segments if s.letters == odd]
    rest = [s for s in segments if s.letters != odd and s.letters != lists[0]]
    return "".join(odd) if own and not rest and all(s.said.strip(_EDGES) for s in own) else ""


def _contrasted(
    has: set[str],
    lacks: set[str],
    discussed: set[str],
    letters: frozenset[str],
    multiple: bool,
    denied: bool,
) -> str:
    """Return the letters that a predicate sets apart from the rest, or ""."""
    if multiple:
        found = letters - has if denied else has
        return "".join(sorted(found)) if has and found and discussed == letters else ""
    if denied:
        if len(lacks) == 1 and len(discussed) > 1:
            return "".join(lacks)
        return "".join(letters - has) if len(has) == len(letters) - 1 else ""
    return "".join(has) if len(has) == 1 and len(discussed) >= _FEWEST else ""


def _by_rest(text: str, letters: frozenset[str], multiple: bool, denied: bool) -> str:
    """Return the letters of "C、E排除,其余三项均是": those left, or the one that is set apart."""
    match = _REST_RIGHT.search(text)
    if not match:
        return ""
    named = set(re.findall(r"(?<![A-Za-z])[A-G](?![A-Za-z0-9])", text[: match.start()]))
    rest = letters - named
    if not named & letters or not rest or (match["count"] and len(rest) != _COUNTS[match["count"]]):
        return ""
    if multiple and not denied:
        return "".join(sorted(rest))
    return "".join(sorted(named)) if denied and (multiple or len(named) == 1) else ""


def preferred(text: str, letters: frozenset[str]) -> str:
    """Return the only letter that a text prefers: "但B更合适", "倾向于B"."""
    found = {m["run"] or m["also"] or m["left"] for m in _PREFERRED.finditer(text)} & letters
    return found.pop() if len(found) == 1 else ""
