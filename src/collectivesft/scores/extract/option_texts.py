"""Options' texts in an answer: hide the letters inside them, and read an answer that names only
an option's text."""

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from collectivesft.scores.extract.early_stop import normal
from collectivesft.scores.extract.labelled import labelled_text

# A word without a Latin letter in the place of an option's text.
_HIDDEN = "某某"
_CAPITAL = re.compile("[A-Z]")
_OWN_NAME = re.compile(r"(?i:选项|option|choice)?\s?[A-Z]")
_LATIN = re.compile(r"[A-Za-z0-9\u0370-\u03ff]")
_LETTER_BEFORE = re.compile(r"(?<![A-Za-z0-9])([A-Z])(?:\s{0,3}[-–—]{1,2}\s{0,3})?\Z")
_EDGES = " \t\n。.,;:!、()[]【】#>-?"
_LEAD = re.compile(
    r"(?:答案|正确(?:的)?(?:选项|说法|是)|(?<![不未勿非])(?:应首选|首选|应选|选择|选)"
    r"|(?<![并不])只有|\b(?i:answer))(?:应该|应当|应|的)?(?:是|为|选|:|药物|治疗|检查|方法|(?i:\sis)){0,3}[\s:(【]{0,3}\Z"
)
_DENIAL = re.compile(
    r"(?:不|非|未|无|排除|除(?!极)|勿|别|误|而非|(?i:not|no|exclude[sd]?))[^。,;]{0,6}\Z"
)
_DENIAL_AFTER = re.compile(
    r"(?:选?项)?[)]?(?:不|错|有误|可?排除|无关|除外|并非|(?i:\sis not|\sis wrong))"
)
_RANGE_SIGN = re.compile(r"(?<=\d)\s?(?:[-–—~]|至|到)\s?(?=\d)")
_UNIT_BLANK = re.compile(r"(?<=\d) (?=[A-Za-zμ%℃°\u3400-\u9fff])")
# "不能引起咯血的是:胃溃疡": the question asks for the exception.
_DENIED_IS = re.compile(r"不[^。;,:\n]{1,16}(?:的是|是|为)[:\s]{0,3}\Z")
_IS_NOT_AFTER = re.compile(r"(?:选?项)?[)]?(?:[则却并]?(?:不(?:是|属于|在|包括|需要?|符合)|并非))")
_HEDGE = re.compile(
    r"(?:无法|不能|难以|不好)(?:确定|判断|回答|给出)|不确定|不知道|还是|抱歉|对不起|咨询|(?:如果|若)(?![您你])"
    r"|(?i:sorry|not sure|cannot|unsure)"
)
_LIST_AFTER = re.compile(
    r"\A(?![^。;\n]*?[不非无])[^。;:\n]{0,60}?(?:[是为有]|包括|包含|:)(?:以下[^:]{0,6}:)?\s?(?P<list>[^。;\n]+?)(?:等[^,。;]{0,6})?\s?(?:[。;\n]|\Z)"
)
_LIST_BEFORE = re.compile(
    r"\A\s*(?P<list>[^。;,:\n]+?)(?:[等这][^,。;\n]{0,4})?(?:[都均皆]|属于|是)(?:可?以?(?:属于|是|为|有|可)?)(?![^,。;\n]*[不非无])"
)
_CONTRAST = re.compile(r"[,\s]?(?:而不是|而非|并非|而不)[^。;,\n]*")
_DOUBT = re.compile(
    r"(?:无法|不能|难以|不好)(?:确定|判断|回答|给出)|不确定|不知道|还是|抱歉|对不起"
    r"|(?i:sorry|not sure|cannot|unsure)"
)
_ADVICE = re.compile(r"(?<=[。!?\n])[^。!?\n]{0,30}?(?:如果|若|如[有需伴遇]|咨询|就医|医生)")
# "有此功效的药物是柴胡。": a first sentence that ends with one option's text.
_FIRST_SENTENCE = re.compile(
    r"\A\s*(?P<said>[^。,;!?\n]{4,80}?(?<!不)(?:是|为))(?P<end>[^。;!?\n]{1,80}[。.])"
)
_WRONG_AFTER = re.compile(
    r"[,\s]?(?:这[种一个]?|的)?(?:说法|叙述|描述|表述|做法|观点)?(?:是|都是|显然)?(?:错误|不正确|不对|有误|不恰当|不妥)的?(?=[。,;.!\s]|\Z)"
)
_CONTRASTED = re.compile(r"(?:而|并)(?:不是|非|不)\Z")
# A clause that repeats the question's own words with one option is its answer.
_CLAUSE = re.compile(r"[,。;!?\n]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_FUNCTION_WORDS = set("的是为有下列哪项以者何种个属于最常见首选应")
_DENIES = re.compile(r"[不非未无]")
_CUE = re.compile("首选|最(?:常见|早|先|重要|主要|有效|敏感|特异|典型|多|佳|可能)")
_SUPERLATIVE_OF = re.compile(r"的?([\u3400-\u9fff]{2,10}?)(?:应?该?[是为有]|:)")
_COMMONEST = re.compile("最为?(?:常见|多见)")
_FEWEST_WORDS, _MOST_WORDS = 4, 0.8
_SEPARATORS = re.compile(r"[、,;\n]|(?:以及|和|与|及)")
_SHORTEST_MENTION = 2
_SHORTEST_STEM = 3
_LONGEST_ANSWER = 200


def plain_texts(options: Mapping[str, str]) -> dict[str, str]:
    """Return each option's text in plain signs, by letter."""
    # One pass over all of them: there are as many calls as questions.
    joined = normal("\x1f".join(options.values()))
    plain = (text.strip(_EDGES) for text in joined.split("\x1f"))
    return dict(zip(options, plain, strict=True))


def hide(text: str, texts: Mapping[str, str]) -> str:
    """Return the answer with a word in the place of options' texts that hold capital letters.

    "B、B型血含抗A抗体" becomes "B、某某". A dash, or nothing, between a letter and its text becomes
    a sign that begins an option's text ("A-血淀粉酶", "A血淀粉酶").
    """
    for letter, said in sorted(texts.items(), key=lambda pair: -len(pair[1])):
        if said not in text or len(said) < _SHORTEST_MENTION or _OWN_NAME.fullmatch(said):
            continue
        capital = _CAPITAL.search(said)
        pieces, end = [], 0
        for begin in _places(text, said):
            before = text[end:begin]
            dash = _LETTER_BEFORE.search(before)
            if dash and dash[1] == letter:
                before = f"{before[: dash.end(1)]}{'、' if dash.end(1) < len(before) else ':'}"
            pieces += [before, _HIDDEN if capital else said]
            end = begin + len(said)
        text = "".join([*pieces, text[end:]])
    return text


def signed(text: str, texts: Mapping[str, str]) -> str:
    """Return an answer that begins with the first three options in one line, each letter with its
    text ("A 甲药 B 乙药 C 丙药"), with a sign after each letter.

    Such a beginning writes the question's options again.
    """
    first = list(texts.items())[:3]
    pattern = r"[^\n]{1,80}?[\s;,。]".join(rf"{letter} {re.escape(said)}" for letter, said in first)
    if not text.startswith(f"{first[0][0]} " if first else "\n") or not re.match(pattern, text):
        return text
    for letter, said in texts.items():
        text = re.sub(rf"(?<![A-Za-z]){letter} (?={re.escape(said)})", f"{letter}. ", text)
    return text


def paired(text: str, texts: Mapping[str, str]) -> str:
    """Return the letters of an answer of nothing but letters with their options' texts ("A 心悸 B
    多汗", "心悸（A）"); "" for any other answer, or for all options (the question again)."""
    found, rest = "", text
    for letter, said in texts.items():
        if not said or said not in rest:
            continue
        begin = rest.index(said)
        before, after = rest[:begin].rstrip(_EDGES), rest[begin + len(said) :]
        if before.endswith(letter) and not _LATIN.match(before[-2:-1]):
            before = before[:-1]
        elif (closed := after.lstrip(" ")).startswith(f"({letter})"):
            after = closed[3:]
        else:
            continue
        found, rest = found + letter, before + "、" + after
    return found if not _SEPARATORS.sub("", rest).strip(_EDGES) and len(found) < len(texts) else ""


def named(
    text: str,
    texts: Mapping[str, str],
    multiple: bool,
    negative: bool,
    denied_asked: bool = False,
    question: str = "",
) -> str:
    """Return the letters of the options that an answer gives by their text only; "" for none.

    The answer is one option's text (several answers: a list of them), states it ("答案是硝普钠"),
    or mentions no other option (not where the question asks for the wrong one, since an
    explanation would name it too), or one clause repeats the question's words with one option.
    A question for the exception is answered by the only option that is denied. Options with the
    same text cannot be distinguished: "".
    """
    text, texts = _ranged(text), {letter: _ranged(said) for letter, said in texts.items()}
    if not multiple and text.strip(_EDGES) not in texts.values():
        text, texts = _without_shared_end(text, texts)
    count = Counter(texts.values())
    letters = {said: letter for letter, said in texts.items() if said and count[said] == 1}
    bare = text.strip(_EDGES)
    if bare in letters:
        return letters[bare]
    if multiple and (found := labelled_text(text, question, letters)):
        return "".join(sorted(found))
    if multiple and not denied_asked and not negative and (found := _first_list(text, letters)):
        return found
    if multiple:
        parts = [part.strip(_EDGES) for part in _SEPARATORS.split(bare) if part.strip(_EDGES)]
        return "".join(sorted({letters[p] for p in parts})) if set(parts) <= set(letters) else ""
    text = _before_advice(text)
    if not negative and not denied_asked:
        text = _CONTRAST.sub("", text)
    if _HEDGE.search(text):
        return ""
    mentions = _mentions(text, list(texts.values()))
    if len(found := labelled_text(text, question, letters)) == 1:
        return found
    stated = [said for begin, said in mentions if _LEAD.search(text[max(begin - 24, 0) : begin])]
    if stated:
        return letters.get(stated[-1], "")
    if negative or denied_asked:
        ends = ((text[max(begin - 24, 0) : begin], said) for begin, said in mentions)
        if len(named_so := {said for before, said in ends if _DENIED_IS.search(before)}) == 1:
            return letters.get(named_so.pop(), "")
    once = {said for _, said in mentions}
    if negative and (wrong := _called_wrong(text, mentions) or _only_denied(text, mentions)):
        return letters.get(wrong, "")
    if negative and len(once) == 1 and len(text) <= _LONGEST_ANSWER:
        begin, said = mentions[0]
        denied = _IS_NOT_AFTER.match(text, begin + len(said))
        return letters.get(said, "") if denied or _CONTRASTED.search(text[:begin]) else ""
    if negative or not once or len(text) > _LONGEST_ANSWER:
        return ""
    begin, said = mentions[0]
    if len(once) > 1:
        first = _FIRST_SENTENCE.match(text)
        whole = first and first.end("said") == begin and first["end"].startswith(said)
        alone = whole and first["end"][len(said) :] in ("", "。", ".")
        if denied_asked:
            return letters.get(_only_denied(text, mentions), "")
        every = list(texts.values())
        found = said if alone else _repeated(text, every, question)
        return letters.get(found or _superlative(text, every, question), "")
    denied = _DENIAL.search(text[max(begin - 12, 0) : begin])
    denied = denied or _DENIAL_AFTER.match(text, begin + len(said))
    short = len(said) < _SHORTEST_MENTION or said.isdigit()
    return "" if bool(denied) != denied_asked or short else letters.get(said, "")


def _without_shared_end(text: str, texts: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """Return the answer, and options' texts without an end that all share.

    An answer may leave it out ("HBsAg阳性", "HBeAg阳性"). Where only a short word would stay,
    nothing is left out.
    """
    columns = zip(*(said[::-1] for said in texts.values()), strict=False)
    shared = [one[0] for one in itertools.takewhile(lambda one: len({*one}) == 1, columns)]
    end = "".join(reversed(shared))
    stems = {letter: said.removesuffix(end) for letter, said in texts.items()}
    if re.search(r"[A-Za-z0-9]", end) or any(stem[-1:].isdigit() for stem in stems.values()):
        return text, texts
    if (
        not end
        or min(map(len, stems.values())) < _SHORTEST_STEM
        or len(set(stems.values())) < len(stems)
    ):
        return text, texts
    return text, stems


def _first_list(text: str, letters: Mapping[str, str]) -> str:
    """Return the letters of a first sentence such as "相反的有甲药、乙药。"."""
    for pattern in (_LIST_AFTER, _LIST_BEFORE):
        if match := pattern.match(text):
            parts = [part.strip(_EDGES) for part in _SEPARATORS.split(match["list"])]
            found = {letters[part] for part in parts if part in letters}
            if len(parts) > 1 and len(found) == len(parts):
                return "".join(sorted(found))
    return ""


def _before_advice(text: str) -> str:
    """Return the sentences before one that advises or sets a condition ("如有不适,请咨询医生").

    The whole text where it doubts or declines anywhere.
    """
    if _DOUBT.search(text):
        return text
    advice = _ADVICE.search(text)
    return text[: advice.start()] if advice else text


def _called_wrong(text: str, mentions: Sequence[tuple[int, str]]) -> str:
    """Return the only option's text that is called wrong right after it, or ""."""
    wrong = {said for begin, said in mentions if _WRONG_AFTER.match(text, begin + len(said))}
    return wrong.pop() if len(wrong) == 1 else ""


def _ranged(text: str) -> str:
    """Return a text whose ranges of numbers have one sign and whose units have no blank before
    them: "12-20 次" as "12~20次"."""
    return _UNIT_BLANK.sub("", _RANGE_SIGN.sub("~", text))


def _only_denied(text: str, mentions: Sequence[tuple[int, str]]) -> str:
    """Return the only option's text that is denied right after it, or ""."""
    denied = {said for begin, said in mentions if _IS_NOT_AFTER.match(text, begin + len(said))}
    return denied.pop() if len(denied) == 1 else ""


def _repeated(text: str, texts: Sequence[str], question: str) -> str:
    """Return the option's text of the only clauses that repeat the question's words, or ""."""
    asked = set(_HAN.findall(question)) - _FUNCTION_WORDS
    if len(asked) < _FEWEST_WORDS:
        return ""
    found = set()
    for clause in _CLAUSE.split(text):
        said = {one for _, one in _mentions(clause, texts)}
        own = asked - set("".join(texts))
        if len(own) < _FEWEST_WORDS or len(own & set(clause)) < _MOST_WORDS * len(own):
            continue
        if len(said) != 1 or _DENIES.search(clause):
            return ""
        found |= said
    return found.pop() if len(found) == 1 else ""


def _superlative(text: str, texts: Sequence[str], question: str) -> str:
    """Return the option's text of the only clause with the question's superlative, or "".

    A question for the 最早 is answered by "最早:尿频;最重要:排尿困难".
    """
    asked = {
        _COMMONEST.sub("最常见", cue) for cue in _CUE.findall(_COMMONEST.sub("最常见", question))
    }
    if len(asked) != 1:
        return ""
    (cue,) = asked
    found = set()
    for clause in _CLAUSE.split(_COMMONEST.sub("最常见", text)):
        if cue not in clause or _DENIES.search(clause):
            continue
        of = _SUPERLATIVE_OF.match(clause, clause.index(cue) + len(cue))
        if not of or of[1] in question:  # the commonest cause is no answer on the commonest sign
            found |= {said for _, said in _mentions(clause, texts)}
    return found.pop() if len(found) == 1 else ""


def _mentions(text: str, texts: Sequence[str]) -> list[tuple[int, str]]:
    """Return options' texts with their indexes, in order; not those inside a longer one."""
    taken: list[tuple[int, int, str]] = []
    for said in sorted(set(texts), key=len, reverse=True):
        for begin in _places(text, said) if said else ():
            end = begin + len(said)
            if not any(start < end and begin < stop for start, stop, _ in taken):
                taken.append((begin, end, said))
    return [(begin, said) for begin, _, said in sorted(taken)]


def _places(text: str, said: str) -> list[int]:
    """Return the indexes at which a text occurs as whole words."""
    found, at = [], text.find(said)
    while at >= 0:
        end = at + len(said)
        inside = (_LATIN.match(said) and at and _LATIN.match(text[at - 1])) or (
            _LATIN.match(said[-1]) and _LATIN.match(text[end : end + 1])
        )
        if not inside:
            found.append(at)
        at = text.find(said, end)
    return found
