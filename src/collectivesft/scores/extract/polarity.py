"""Questions that ask for the wrong statement ("下列说法错误的是"), and how their answers are read.

There the option that an answer calls wrong is the chosen one: "A正确，C错误" means C.
"""

import re

from collectivesft.scores.extract import option_list, patterns

_WRONG = (
    r"(?:错误|不正确|不恰当|不准确|不妥当?|不当|有误|不对(?![称等])|不真实|不成立|不合理|不科学|不确切"
    r"|(?i:incorrect|false|wrong|not\s(?:true|correct|right)))"
)
# A question's last words; a double negation ("没有错误的是") asks for the right statement.
_ASKED = re.compile(
    rf"(?<![没无非避免防止纠正])(?<!没有)(?<!避免)(?<!纠正){_WRONG}|除外|除了|(?:以下|下列)[^,。]{{0,12}}除|\b(?i:except)\b"
)
_LAST_WORDS = 60
# The answer says itself that the wrong statement is asked for.
_TOLD_CUE = re.compile("否定|反向|选非|要求|[问让]")
_TOLD = re.compile(
    r"否定(?:题|式|问)|反向题|选非题|(?:题目|题干|本题|问题)?(?:要求|问|让)(?:的是|我们|选择?|找出?|选出)[^。,;\n]{0,12}(?:错误|不正确)的?"
)

_LETTERS = r"[A-Z](?:(?:\s?(?:以及|[,、;和与及/+])\s?|\sand\s)?[A-Z]){0,8}"
_CALLED_WRONG = re.compile(
    rf"(?<![{patterns.LATIN}])({_LETTERS})(?![{patterns.LATIN}])\s?(?:选?项|[两三四五]个?选?项)?"
    r"(?:中)?(?:的)?(?:说法|叙述|描述|表述|陈述|内容)?"
    r"(?:[是为都均才则明显显然也皆]{0,4}"
    rf"(?:{_WRONG}|错(?![构])|除外|不属于|不符合(?!题)|并非如此)"
    r"|\s?\(?[×✗✘❌]|\s(?:is|are)\s(?:both\s|all\s)?(?:the\s)?(?:wrong|incorrect|false|not)"
    r"|\s?[:.、]\s?(?:该项|此项|本项)?(?:的?说法)?(?:错误?|不正确|不对|有误|[×✗✘❌]))"
)
_WRONG_IS = re.compile(
    rf"(?:{_WRONG}|不属于|不包括|不符合)的?(?:说法|选项|[一两二三四]?个?选?项|叙述|描述|表述|陈述|\sstatement|\soption|\sone)?"
    rf"(?:的?答案)?\s?(?:应该|应|分别|依次)?(?:就?是|为|:|有|选|\sis){{1,2}}[\s:(【]{{0,3}}(?:选项)?({_LETTERS})"
    rf"(?![{patterns.LATIN}{patterns.TERM}])"
)
_LINE = re.compile(
    r"^[ \t>#\-•·\d.]{0,6}[(【]?([A-Z])[)】]?[.、:\s](?!\s?[A-Z][、,和与及均都])([^\n]{1,120})$",
    re.M,
)
_LINE_WRONG = re.compile(
    rf"{_WRONG}(?=[\s。,;.)!:]|的?(?:说法|选项)?[\s。,;.)!]|$)|[×✗✘❌]|[(:]\s?错(?=[)。,\s]|$)"
)
_LINE_RIGHT = re.compile(
    r"(?<!不)正确(?=[\s。,;.)!:]|$)|[√✓✔]|[(:]\s?对(?=[)。,\s]|$)|\b(?i:correct|true)\b"
)


# The denial of a stem that asks for the exception: 不属于, 不需要. Terms are none: 不可逆, 不应期.
_IS_NOT = r"(?:不|并?非)(?:属于?|是|包括|包含|符合)|无关"
_DOES_NOT = (
    r"不(?:需要?|必(?!需)|用|宜|应(?!期)|能(?!量)|会(?!阴)|可(?![逆控触分缺])"
    r"|具有?|存在|参与|支持|引起|出现|见于|考虑)|无需要?"
)
_ASKED_NOT = re.compile(rf"(?<![没无不])(?<!属于)(?:(?P<is>{_IS_NOT})|(?:{_DOES_NOT}))")
# The question after a patient's history: "不能进食者首选的是" asks for the first choice. 应 is part
# of 反应 and 应激 too.
_ASKED_AFTER = re.compile(r".(?:首选|最|(?<![反效适相感供])应(?![激用答力变]))")
# "不能进食的患者": the denial describes somebody.
_OF_SOMEBODY = re.compile(r"(?<!或)者|(?<![同及随按定准临])时|病人|[孕产]妇|[患小婴幼]儿|老人")
_CLAUSES = re.compile(r"[,，。;；?？!！…\n]")
_EDGE = " \t\n()（）_。：:？?.…"
# English: the words after the last "which" or "what", where no patient is described before "not".
_WHICH = re.compile(r"\b(?:[Ww]hich|WHICH|[Ww]hat|WHAT)\b")
_NOT = re.compile(r"\b(?:NOT|not|isn't|aren't|doesn't)\b")
_WHO = re.compile(r"\b(?:who|whom|whose|patients?|if|when|after|most|best|first|next)\b")
_LONGEST_QUESTION = 300


_TAIL = re.compile(r"([\u3400-\u9fff]{2,4})(?:的?(?:是|有|包括|为))\Z")


# "海藻(C)、大戟(B)和甘遂(A)": letters in brackets after their options' texts.
_BRACKETED_LIST = re.compile(r"(?:[^A-Z,。;:\n()、]{1,20}?\([A-G]\)[、和与及]{0,2}){2,7}")
# Nouns that a clause about any option may have.
_GENERAL = re.compile(
    "表现|症状|体征|特[点征]|药物|疾病|因素|原因|病因|措施|方法|检查|治疗|患者|并发症|诊断|处理"
)
_BEFORE_TAIL = re.compile(
    rf"(?<![{patterns.LATIN}])({_LETTERS})(?![{patterns.LATIN}{patterns.TERM}])"
    r"(?:[两三四五]?选?项)?[^A-Z,。;:\n不非无的中]{0,8}\Z"
)
_LONGEST_RUN = 40
# Two options left of three may be any list.
_FEWEST_OPTIONS = 4
_ALL_OF = re.compile(
    rf"(?<![{patterns.LATIN}])({_LETTERS})(?![{patterns.LATIN}{patterns.TERM}])(?:[两三四五六]?个?选?项)?"
    r"(?![^。;,\n]{0,6}[不错非无])(?=[\u3400-\u9fff])"
)
_AGAINST = re.compile(
    rf"(?<![{patterns.LATIN}])([A-G])(?![{patterns.LATIN}、,和与])[^A-Z。;\n]{{1,30}}[,;]\s?而?(?:其余|其他|其它)"
    r"[^不错非。,;]{0,6}(?:都|均|皆|全)[^不错非。,;]{0,3}(?:符合|正确|对|是|属于|可)"
)


def asks_for_denied(question: str) -> str:
    """Return the denial of a question for the exception (不属于, 不需要); "" for others.

    Only the asking clause counts, the last one: before it, 不能进食 is the patient's history.
    """
    plain = question.replace("’", "'").rstrip(_EDGE)
    sentence = re.split(r"[.?!]\s", plain[-_LONGEST_QUESTION:])[-1]
    if which := list(_WHICH.finditer(sentence)):
        asked = sentence[which[-1].end() :]
        found = _NOT.search(asked)
        return found.group() if found and not _WHO.search(asked[: found.start()]) else ""
    asked = _CLAUSES.split(plain[-_LAST_WORDS:])[-1]
    denials = list(_ASKED_NOT.finditer(asked))
    if not denials:
        return ""
    rest = asked[denials[-1].end() :]
    described = not denials[-1]["is"] and _OF_SOMEBODY.search(rest)
    return "" if described or _ASKED_AFTER.search(rest) else denials[-1].group()


_MARKED = re.compile(r"(?<![A-Za-z])([A-G])\s?([√✓✔×✗✘❌])")


def stated_denied(text: str, denial: str, letters: frozenset[str]) -> str:
    """Return the letters of the last "不属于的是D" or "不需要：C" by the question's own denial."""
    if not denial:
        return ""
    marked = dict(_MARKED.findall(text))
    if marked.keys() == letters and len(denied := [c for c in marked if marked[c] in "×✗✘❌"]) == 1:
        return denied[0]
    words = r"(?i:\bNOT\b)" if denial.isascii() else f"(?:{re.escape(denial)}|(?i:\\bNOT\\b))"
    found = re.findall(
        rf"{words}[^。;\n]{{0,60}}?(?<![{patterns.LATIN}])(?:是|为|:|有|备|要|\bis|\bare)"
        rf"[\s:(【]{{0,3}}(?:选项)?({_LETTERS})(?![{patterns.LATIN}{patterns.TERM}])",
        text,
    )
    if not found:
        found = re.findall(
            rf"(?<![{patterns.LATIN}])({_LETTERS})(?![{patterns.LATIN}{patterns.TERM}])(?:选?项)?"
            r"(?:[则却就]?\s?不(?:(?:是|属于|包括|符合|需要?)(?=[^A-Z]|\Z)|(?:能|宜|可以?|会|应|该|用|行|具有?)(?=[。,;.!]|\Z))|\s(?:is|are)\s(?i:not)\b)",
            text,
        ) or re.findall(
            rf"(?:不包括|不属于|不包含|不含)\s?(?:选项)?({_LETTERS})(?![{patterns.LATIN}{patterns.TERM}])",
            text,
        )
        found = found if len(found) == 1 else []
    return "".join(c for c in found[-1] if c in letters) if found else ""


def left_over(text: str, letters: frozenset[str]) -> str:
    """Return the option that "A、B、C、E均可引起" leaves, or that the others are set against.

    That is C in "C违反原则,其余都符合". The question asks for the one that is not so.
    """
    if len(letters) < _FEWEST_OPTIONS:
        return ""
    found = set(_AGAINST.findall(text)) & letters
    for run in _ALL_OF.findall(text):
        own = {c for c in run if c in letters}
        found |= letters - own if len(own) == len(letters) - 1 else set()
    return found.pop() if len(found) == 1 else ""


def repeated(text: str, question: str, letters: frozenset[str]) -> str:
    """Return the letters that one clause names with the question's last words: "B禁用" where it
    ends with 禁用的是. The question's denials have ``stated_denied``."""
    tail = _TAIL.search(question.rstrip(" \t\n()（）_。：:？?"))
    if not tail or re.search("[不非无]", question[-_LAST_WORDS:]):
        return ""
    text = _BRACKETED_LIST.sub(lambda match: "、".join(re.findall(r"\(([A-G])\)", match[0])), text)
    for length in range(len(tail[1]), 1, -1):
        if _GENERAL.fullmatch(tail[1][-length:]):
            return ""
        runs = set()
        for place in _places(text, tail[1][-length:]):
            if named := _BEFORE_TAIL.search(text[max(place - _LONGEST_RUN, 0) : place]):
                runs.add("".join(c for c in named[1] if c in letters))
        if runs:
            return runs.pop() if len(runs) == 1 else ""
    return ""


def _places(text: str, part: str) -> list[int]:
    return [match.start() for match in re.finditer(re.escape(part), text)] if part in text else []


def asks_for_wrong(question: str, text: str = "") -> bool:
    """Tell if a question, or its answer by its own words, is about the wrong statement."""
    asked = question.rstrip(" \t\n()（）_。：:？?")[-_LAST_WORDS:]
    told = _TOLD_CUE.search(text) and _TOLD.search(text)
    return told is not None or _ASKED.search(asked) is not None


def stated_wrong(text: str, letters: frozenset[str], multiple: bool) -> str:
    """Return the letters of the last "错误的是C"; of several with the rest of their list."""
    found = list(_WRONG_IS.finditer(text))
    if not found:
        return ""
    run = "".join(c for c in found[-1][1] if c in letters)
    more = option_list.listed(text, found[-1].end(1), run, letters, False) if multiple else ""
    return run + more


def drop_stated_wrong(text: str) -> str:
    """Return the text without "错误的是C": C is denied where the right statement is asked for."""
    return _WRONG_IS.sub("", text)


def chosen(text: str, letters: frozenset[str], right: set[str], multiple: bool) -> tuple[str, bool]:
    """Return the letters that an answer calls wrong, and if it gives a verdict at all.

    Args:
        right: letters that the answer calls right. Where it calls all but one right and none
            wrong, the one that is left is chosen.
    """
    wrong = {c for run in _CALLED_WRONG.findall(text) for c in run if c in letters}
    for letter, said in _LINE.findall(text):
        if letter in letters and _LINE_WRONG.search(said):
            wrong.add(letter)
        elif letter in letters and _LINE_RIGHT.search(said):
            right = right | {letter}
    wrong -= right if wrong - right else set()
    if not wrong and len(letters - right) == 1:
        wrong = set(letters - right)
    decided = multiple or len(wrong) == 1
    return "".join(sorted(wrong)) if decided else "", bool(wrong or right)
