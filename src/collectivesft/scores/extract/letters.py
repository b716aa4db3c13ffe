"""Extract the letters that an answer means: the benchmark's own way, and a corrected one."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from collectivesft.scores.extract import judged, option_texts, patterns, polarity
from collectivesft.scores.extract.answer_text import (
    ALSO,
    NEXT_QUESTION,
    clean,
    drop_conditions,
    drop_unmeant,
    excepted,
    is_undecided,
    means_all,
    ticked,
)
from collectivesft.scores.extract.early_stop import ANOTHER, normal
from collectivesft.scores.extract.labelled import labelled
from collectivesft.scores.extract.option_list import listed, verdict

# "A项应见于前壁梗死": an option is discussed. An answer that discusses three chooses none by it.
_DISCUSSED = re.compile(rf"(?<![{patterns.LATIN}])([A-G])选?项")
_MOST_DISCUSSED = 2
_OTHER_OPTIONS = re.compile(
    r"\n(?P<stem>[^\n]{2,300})\n\s{0,3}A\s?[.、:)](?P<A>[^\n]{1,80})\n\s{0,3}B\s?[.、:)](?P<B>[^\n]{1,80})"
)
_MARK = re.compile(r"(?<![A-Za-z])([A-G])\s?\(?([√✓✔×✗✘❌])")
# "Graves disease (B)." as a first sentence.
_NAMED_FIRST = re.compile(
    r"\A\s*(?![^。;\n(]*(?:不|非|排除|(?i:\bnot\b|\bno\b)))[^。;\n()!?:]{1,60}\(\s?(?i:option\s|选项)?([A-G])\s?\)\s?"
    r"(?:[.。](?=\s|\Z)|\n|\Z)"
)
_ANY_LETTER = re.compile("[A-G]")
_ANALYSIS = re.compile("分析|解析|判断|选项|如下|理由|原因|错误|不[是属包正]")
_CLAUSE = re.compile(r"\s[a-z]{2}")
_SENTENCE = re.compile(r"[。;\n]")
_UNRELATED = re.compile(r"无关|不属于|并非|不包括|不符合|不应?选")
# The statement that CMB looks for, as SOURCES.md describes it (CMB @ 6c8ece46, src/utils.py).
_OFFICIAL = re.compile(r"(答案|正确选项)(?:是|：|为|应该是|应该为)(.*?)(。|\.|$)", re.S)
# The shortest answers, which most models write.
_ONLY_LETTER = re.compile(
    r"\s{0,9}(?:(?:(?:正确|参考)?答案(?:是|为|:)|[故应]?选)\s?)?([A-Z])"
    r"(?:[.、: ]\s?(?P<said>[^\n]{1,40}?))?[。.]?\s{0,9}"
)
# Signs between turns that a chat template writes; what follows one that follows words is no answer.
_TURN = re.compile(
    r"<\|[^|<>\n]{1,24}\|?>|</?s>|<(?:eos|bos|pad)>|<(?:start|end)_of_turn>|\[/?INST\]|<reserved_\d{1,4}>"
)
_THOUGHT_ENDS = re.compile(
    r"</think>|</thinking>|<\|end_of_thought\|>(?:\s*<\|begin_of_solution\|>)?|<\|channel\|>final<\|message\|>"
)
# No part of an answer: thinking, which may not end, and all from a next question on.
_ASIDE = re.compile(rf"(?P<another>{ANOTHER.pattern})|<think>(?P<whole>.*?</think>\s*)?", re.S)


def official(text: str, multiple: bool) -> str:
    """Letters as CMB's own code reads them, faults included.

    The first "答案是...。" counts and gives its characters A to G; without one, every A to G
    of the text does ("CT和DNA，选择B" gives CDAB). A question with one answer keeps the first
    letter. Nothing is sorted or made unique. "" where there is no letter.

    Source: FreedomIntelligence/CMB @ 6c8ece46, src/utils.py, as described; our own code.
    """
    statement = _OFFICIAL.search(text)
    source = statement.group(2) if statement else text
    found = "".join(character for character in source if character in "ABCDEFG")
    return found if multiple else found[:1]


def vote(readings: Sequence[str]) -> str:
    """The answer that most samples gave, as CMB votes: empty ones do not count, the first of
    equals wins. One greedy sample, which is all that CMB's configurations draw, is its own vote.
    """
    return max(Counter(filter(None, readings)).items(), key=lambda pair: pair[1], default=("",))[0]


def corrected(
    text: str,
    multiple: bool,
    options: Mapping[str, str] | Iterable[str] = "ABCDE",
    lead: str = "",
    question: str = "",
    stopped: bool = True,
) -> str:
    """Return the letters that the text states as its answer, sorted and unique; "" for none.

    The text ends where the model asks itself a next question (a new exam head, a user's turn, a
    numbered question after an answer). Its thinking is a draft: everything up to the last
    </think> is skipped, and a <think> that never ends leaves no answer. Clauses that warn against
    a letter, weigh two letters or depend on a condition are removed, letters inside options'
    texts are hidden (see answer_text.py, option_texts.py). Then, in this order:
        1. After a lead ("答案是" at the end of the prompt) the letters that come next, whatever
           the model writes later.
        2. An explicit statement (答案是, 正确选项为, 选, the answer is, boxed); the last one wins,
           since a model that takes an answer back states a new one. For a question with several
           answers the options that it lists next count too: "A（甲药）、B（乙药）", lines
           "A. 甲药", "B. 乙药" (see option_list.py for where such a list ends).
        3. For a question about the wrong statement, the option that is called wrong (polarity.py).
        4. A text that begins with option letters ("B", "B. xx", "A、C"), or whose last line is
           nothing else. For a question with several answers each line that begins so adds its
           letters, but lines called wrong ("B：错"); for one with a single answer, A, B, ... at the
           beginning of lines or in one line are the question's options written again, and no
           answer, unless only one of them is called right.
        5. A verdict: "B正确", "C选项符合题意", "D is correct", "除E外都对".
        6. Single letters: not in or near a Latin word or number (CT, HIV, B12), not
           in a term (B超, A型, 维生素C), not denied (A错误, 排除A). Listed letters share their
           fate: A、B型血 and 维生素A和D give none.
        7. The letters that an answer sets against all the rest: the only one that it does not rule
           out, or of which it says what the question asks for (judged.py).
        8. The text of exactly one option.

    A question with one answer takes a single letter. Where a statement or a beginning lists
    several, the first, as the benchmark does; several verdicts or lone letters are no answer.
    Small letters count in a statement or as the whole answer only. Letters in a row with
    one that is no option are a word, not an answer.

    Args:
        text: the model's words, after the lead if there was one.
        multiple: true where several letters may be right.
        options: the options' texts by letter, or only the letters.
        lead: the beginning of the text that the prompt ended with; "" for none.
        question: its stem, for its polarity; "" where it is not known.
        stopped: false where the answer was cut at its longest length: only a lead, a statement or
            a beginning counts then, since a verdict may be one of many.
    """
    plain = normal(text)
    letters = frozenset(options)
    if not lead and (only := _ONLY_LETTER.fullmatch(plain)) and only[1] in letters:
        if not only["said"]:
            return only[1]
        if not multiple and stopped and isinstance(options, Mapping):
            own = option_texts.plain_texts({only[1]: options[only[1]]})[only[1]]
            if own == only["said"].strip(" 。."):
                return only[1]
    asked = _Asked(
        letters,
        option_texts.plain_texts(options) if isinstance(options, Mapping) else {},
        multiple,
        question,
        stopped or ANOTHER.search(text) is not None or _turn_ends(plain),
    )
    if lead and (found := _led(plain, asked.letters, lead, multiple)):
        return _single_or_sorted(found, multiple)
    plain = _answer(plain)
    return _before_next_question(plain, asked) or _read(plain, asked)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The facts about a question that its answer is read by; as the arguments of ``corrected``."""

    letters: frozenset[str]
    texts: dict[str, str]
    multiple: bool
    question: str
    stopped: bool


def _single_or_sorted(found: str, multiple: bool) -> str:
    return "".join(sorted(set(found))) if multiple else found[:1]


def _before_next_question(text: str, asked: _Asked) -> str:
    """Return letters before the first head of a next question that follows an answer."""
    for _, head in zip(range(3), NEXT_QUESTION.finditer(text), strict=False):
        if found := _read(text[: head.start()], replace(asked, stopped=True)):
            return found
    # Options of another question below its stem.
    for match in _OTHER_OPTIONS.finditer(text) if asked.texts else ():
        own = any(
            asked.texts.get(c, "") in match[c] or match[c].strip() in asked.texts.get(c, "")
            for c in "AB"
        )
        if not own and not _ANALYSIS.search(match["stem"]):
            return _read(text[: match.start()], replace(asked, stopped=True))
    return ""


def _read(text: str, asked: _Asked) -> str:
    """Letters of an answer; of its conditional clauses only where nothing else is stated."""
    multiple = asked.multiple
    text_in_full = text
    # 1) Options' texts hide letters that are part of them.
    if asked.texts:
        if multiple and asked.stopped and (found := option_texts.paired(text, asked.texts)):
            return found
        text_in_full = text if multiple else option_texts.signed(text, asked.texts)
        text = option_texts.hide(text_in_full, asked.texts)
    # 2) Plain letters; clauses that warn or that call the wrong option by a question's own words.
    text = clean(text, multiple)
    unsure = is_undecided(text)
    text = drop_unmeant(text)
    negative = polarity.asks_for_wrong(asked.question, text)
    denial = "" if negative else polarity.asks_for_denied(asked.question)
    if asked.question and not negative and not denial:
        text = polarity.drop_stated_wrong(text)
    # 3) Statements without a condition, then those that deny, then a single condition.
    certain, conditions = drop_conditions(text)
    found = _chosen(certain, asked, negative, unsure)
    if not found and asked.stopped:
        found = polarity.stated_denied(certain, denial, asked.letters)
        if not found and not multiple and (denial or negative):
            found = polarity.left_over(certain, asked.letters)
        found = found if multiple or len(set(found)) == 1 else ""
    if not found and conditions == 1:
        found = _chosen(text, asked, negative, unsure)
    # 4) No letter is stated: options that are judged one by one, then the text of an option.
    if found or not asked.stopped:
        return _single_or_sorted(found, multiple)
    spelled = judged.spelled(text_in_full, asked.texts)
    if not unsure and (found := _judged(spelled, asked, negative, denial)):
        return found
    if asked.texts and (multiple or not _discusses(certain, asked.letters)):
        found = option_texts.named(
            text_in_full, asked.texts, multiple, negative, bool(denial), asked.question
        )
    if found or unsure:
        return found
    every = judged.spelled(text_in_full, asked.texts, every=True)
    return _judged(every, asked, negative, denial) if every != spelled else ""


def _judged(spelled: str, asked: _Asked, negative: bool, denial: str) -> str:
    """Return the letters that an answer sets against the rest.

    Args:
        spelled: the answer with options' texts as their letters.
    """
    if not _ANY_LETTER.search(spelled):
        return ""
    plain = clean(option_texts.hide(spelled, asked.texts), asked.multiple)
    certain, _ = drop_conditions(plain)
    if not asked.multiple and (found := judged.preferred(certain, asked.letters)):
        return found
    certain = drop_unmeant(certain)
    if asked.multiple and denial:
        found = polarity.stated_denied(certain, denial, asked.letters)
        if found:
            return _single_or_sorted(found, True)
    return judged.judged(certain, asked.letters, asked.multiple, asked.question, negative, denial)


def _chosen(text: str, asked: _Asked, negative: bool, unsure: bool) -> str:
    letters, multiple = asked.letters, asked.multiple
    # Numbers are those of `corrected`. 2) A statement.
    if multiple and (marks := dict(_MARK.findall(text))).keys() == letters:
        denied = negative or bool(polarity.asks_for_denied(asked.question))
        if found := [c for c, sign in marks.items() if (sign in "√✓✔") != denied]:
            return "".join(found)
    if found := _stated(text, letters, multiple):
        return found
    if not asked.stopped:
        return _first_line(text, letters, multiple)
    if (found := labelled(text, asked.question, letters)) and (multiple or len(found) == 1):
        return found
    # 3) The option that is called wrong, where the question asks for it.
    if negative:
        found = polarity.stated_wrong(text, letters, multiple)
        verdicts = _verdicts(text, letters)
        wrong, called = polarity.chosen(text, letters, verdicts, multiple)
        found = found or _last_line(text, letters) or wrong
        if found or called:
            return found or _at_an_end(text, letters, multiple, negative=True)
    # 4) Letters at an end of the text.
    if multiple and (found := ticked(text)):
        return found
    repeated = polarity.repeated(text, asked.question, letters)
    repeated = repeated if multiple or len(repeated) == 1 else ""
    found = _at_an_end(text, letters, multiple, negative)
    if not found and not multiple and (first := _NAMED_FIRST.match(text)):
        found = _run_letters(first[1], letters)
    found = found or excepted(text, letters, multiple) or (repeated if multiple else "")
    if found:
        return found
    # 5) and 6) Verdicts, or letters by themselves.
    lone = _verdicts(text, letters)
    if not lone and not unsure:
        lone = _lone(text, letters, multiple)
    if not lone and multiple and means_all(text, len(letters)):
        return "".join(letters)
    return "".join(sorted(lone)) if multiple or len(lone) == 1 else repeated


def _lone(text: str, letters: frozenset[str], multiple: bool) -> set[str]:
    """Return letters by themselves; none where the text only goes through the options."""
    if not multiple:
        lone = _standing_alone(_without_options(text, multiple), letters)
        return set() if _discusses(text, letters) else lone
    kept = "。".join(part for part in _SENTENCE.split(text) if not _UNRELATED.search(part))
    lone = _standing_alone(kept, letters) or _standing_alone(text, letters)
    return set() if lone == letters else lone


def _discusses(text: str, letters: frozenset[str]) -> bool:
    """Tell if a text discusses several options by their letters."""
    return len(set(_DISCUSSED.findall(text)) & letters) > _MOST_DISCUSSED


def _first_line(text: str, letters: frozenset[str], multiple: bool) -> str:
    """Return the letters that begin an answer which was cut later, if its first line is whole and
    no list of options begins there; a small model that repeats one option lists none."""
    head, newline, rest = text.strip().partition("\n")
    if not multiple and (first := patterns.FIRST_SENTENCE.match(head)):
        return _run_letters(first[1], letters)
    if not newline and not multiple and (repeated := patterns.REPEATED.fullmatch(head)):
        return _run_letters(repeated[2], letters)
    found = _at_an_end(head, letters, multiple) if newline else ""
    if not found:
        return ""
    following = patterns.LINE.match(rest.lstrip())
    if following and (multiple or following.group(1) != found):
        return ""
    bare = not head.strip(" .、:()")[1:]
    return "" if bare and _restated(_different(patterns.LINE.finditer(text.strip()))) else found


def _last_line(text: str, letters: frozenset[str]) -> str:
    last = patterns.LAST_LINE.search(text.strip())
    return _run_letters(last.group(1), letters) if last else ""


def _answer(text: str) -> str:
    """Return the text after the last thinking and up to a next question."""
    begin, end = 0, len(text)
    for aside in _ASIDE.finditer(text):
        if aside["another"]:
            end = aside.start()
            break
        if not aside["whole"]:
            return ""
        begin = aside.end()
    # A chat template may have written the <think> itself.
    own = _THOUGHT_ENDS.split(text[begin:end])[-1]
    return _first_turn(own) if "<" in own or "[" in own else own


def _turn_ends(text: str) -> bool:
    """Tell if a sign of a chat template follows the words of the first turn."""
    return "<" in text and len([w for w in _TURN.split(text.strip())[:-1] if w.strip()]) > 0


def _first_turn(text: str) -> str:
    """Return the words of the first turn, without the signs of a chat template."""
    return next((words for words in _TURN.split(text) if words.strip()), "")


def _run_letters(run: str, letters: frozenset[str]) -> str:
    """The letters of a run up to its first word: "A、C" gives AC, "A CT" gives A, "AG" nothing."""
    groups = re.findall("[A-Z]+", run)
    return "".join(itertools.takewhile(lambda group: set(group) <= letters, groups))


def _led(text: str, letters: frozenset[str], lead: str, multiple: bool) -> str:
    """Return letters right after the lead, up to a next question."""
    another = ANOTHER.search(text)
    text = text[: another.start()] if another else text
    match = patterns.LED.match(text, len(normal(lead)))
    return _whole(text, match, letters, multiple) if match else ""


def _stated(text: str, letters: frozenset[str], multiple: bool) -> str:
    """Letters of the last statement; "选项：" before all the options only repeats the question."""
    for match in reversed(list(patterns.STATEMENT.finditer(text))):
        found = _whole(text, match, letters, multiple)
        repeats = (match["options"] or match["choices"]) and (
            set(found) == letters if multiple else _begins_list(text, match)
        )
        if found and not repeats:
            return found
    return ""


def _begins_list(text: str, match: re.Match) -> bool:
    """Tell if a line with the first option begins after "选项:": the options are written again."""
    below = "\n" in text[match.start() : match.start("run")]
    return below and text[match.end("run") : match.end("run") + 1] in tuple(".、:)")


def _whole(text: str, match: re.Match, letters: frozenset[str], multiple: bool) -> str:
    """The letters of a statement, for several answers with the rest of their list."""
    run = _run_letters(match["run"], letters)
    if not run or not multiple or len(run) != len(re.findall("[A-Z]", match["run"])):
        return run
    below = "\n" in text[match.start() : match.start("run")]
    also = "".join(ALSO.findall(text, match.end("run")))
    return run + listed(text, match.end("run"), run, letters, below) + _run_letters(also, letters)


def _at_an_end(text: str, letters: frozenset[str], multiple: bool, negative: bool = False) -> str:
    """Letters at the beginning of the text, or those that are all of its last line."""
    text = text.strip()
    first = patterns.LINE.match(text)
    if not multiple and not negative and (right := _only_right(text, letters)):
        return right
    own = [m for m in patterns.LINE.finditer(text) if not _is_no_answer(text, m)]
    if multiple:
        own = _not_called_wrong(text, own)
        if lines := _below_a_head(text, own, letters):
            return "".join(_run_letters(match.group(1), letters) for match in lines)
    echoed = not multiple and (_restated(own) or patterns.RESTATED.match(text))
    begins = first and own and own[0].start() == 0
    if multiple and first and own and not begins:  # "A：错；B：对"
        begins = not _is_term(text, first.start(1), first.end(1))
    if begins and not echoed:
        runs = [_run_letters(match.group(1), letters) for match in (own if multiple else own[:1])]
        if runs[0]:
            return "".join(runs)
    return _last_line(text, letters)


def _below_a_head(
    text: str, lines: Sequence[re.Match], letters: frozenset[str]
) -> Sequence[re.Match]:
    """Return lines of some options below a first line that ends with a colon and names none."""
    head = text[: lines[0].start()].rstrip(" \t\n>#-•·+0123456789.、") if lines else ""
    named = {match.group(1) for match in lines}
    listed_some = len(lines) > 1 and len(named) == len(lines) and named < letters
    plain = head.endswith(":") and "\n" not in head and not _ANALYSIS.search(head)
    return lines if listed_some and plain and not re.search("[A-G]", head) else ()


def _not_called_wrong(text: str, lines: Sequence[re.Match]) -> list[re.Match]:
    """Drop lines that are called wrong ("B. 乙药（错误）"), if any line is called right."""
    said = [verdict(text, match.end(1)) for match in lines]
    if 1 not in said:
        return list(lines)
    if patterns.TICK.search(text):  # "A. 甲药 ✓\nB. 乙药": an option without a tick is not chosen
        return [match for match, one in zip(lines, said, strict=True) if one == 1]
    return [match for match, one in zip(lines, said, strict=True) if one >= 0]


def _only_right(text: str, letters: frozenset[str]) -> str:
    """Return the option that is called right, if every other one has a line that calls it wrong.

    Two lines are too few: they may be the options of a question, 正确 and 错误, written again.
    """
    lines = list(patterns.LINE.finditer(text))
    said = {match.group(1): verdict(text, match.end(1)) for match in lines}
    right = [letter for letter, one in said.items() if one == 1]
    whole = len(lines) > 2 and len(lines) == len(said) and said.keys() == letters
    return right[0] if whole and len(right) == 1 and 0 not in said.values() else ""


def _is_no_answer(text: str, line: re.Match) -> bool:
    """Return True if the beginning of a line is a term, or denied ("A is wrong")."""
    denied = patterns.DENIED_AFTER.match(text, line.end(1)) is not None
    # "A and B are tonics;C is for blood": a clause after a semicolon is no line of its own.
    denied = denied or (
        text[line.start() - 1 : line.start()] == ";" and _CLAUSE.match(text, line.end(1))
    )
    return bool(denied) or _is_term(text, line.start(1), line.end(1))


def _different(lines: Iterable[re.Match]) -> list[re.Match]:
    """Return the first line of each letter."""
    found: dict[str, re.Match] = {}
    for line in lines:
        found.setdefault(line.group(1), line)
    return list(found.values())


def _restated(lines: Sequence[re.Match]) -> bool:
    """Return True if lines begin with A, B, ... as the question's own options do."""
    return [match.group(1) for match in lines[:2]] == ["A", "B"]


def _without_options(text: str, multiple: bool) -> str:
    """The text, for a single answer without the letters that begin restated options."""
    text = text.strip()
    lines = list(patterns.LINE.finditer(text))
    if multiple or not _restated(lines):
        return text
    for match in reversed(lines):
        text = f"{text[: match.start(1)]}·{text[match.end(1) :]}"
    return text


def _verdicts(text: str, letters: frozenset[str]) -> set[str]:
    found = (m for m in patterns.VERDICT.finditer(text) if not _after_term(text, m.start()))
    return set("".join(_run_letters(match.group(1), letters) for match in found))


def _standing_alone(text: str, letters: frozenset[str]) -> set[str]:
    lists = (m for m in patterns.LIST.finditer(text) if not _in_term(text, m.start(), m.end()))
    return {letter for match in lists for letter in match.group() if letter in letters}


def _is_term(text: str, start: int, end: int) -> bool:
    """Return True if the first letter of a line is an article or the genus of a species."""
    return _is_article(text, start, end) or patterns.SPECIES.match(text, end) is not None


def _is_article(text: str, start: int, end: int) -> bool:
    return text[start:end] == "A" and patterns.ARTICLE.match(text, end) is not None


def _in_term(text: str, start: int, end: int) -> bool:
    """Return True if a list of letters is part of a term, or denied, by the text around it."""
    before = text[max(start - 1, 0) : start]
    return (
        _is_term(text, end - 1, end)
        or _after_term(text, start)
        or patterns.DENIED_AFTER.match(text, end) is not None
        or (_is_han(before) and before not in patterns.HAN_BEFORE)
        or (_is_han(text[end : end + 1]) and patterns.HAN_AFTER.match(text, end) is None)
    )


def _after_term(text: str, start: int) -> bool:
    return patterns.TERM_BEFORE.search(text[max(start - 20, 0) : start]) is not None


def _is_han(character: str) -> bool:
    return re.match(f"[{patterns.HAN}]", character) is not None
