"""Extract the letters that an answer means: the benchmark's own way, and a corrected one."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from collectivesft.scores.extract import (
    all_or_except,
    answer_bounds,
    ends,
    judged,
    lone_letters,
    option_texts,
    polarity,
    statement,
    unmeant,
    verdicts,
)
from collectivesft.scores.extract.answer_text import clean
from collectivesft.scores.extract.early_stop import normal
from collectivesft.scores.extract.labelled import labelled

_ANY_LETTER = re.compile("[A-G]")
# The statement that CMB looks for, as SOURCES.md describes it (CMB @ 6c8ece46, src/utils.py).
_OFFICIAL = re.compile(r"(答案|正确选项)(?:是|：|为|应该是|应该为)(.*?)(。|\.|$)", re.S)
_ONLY_LETTER = re.compile(
    r"\s{0,9}(?:(?:(?:正确|参考)?答案(?:是|为|:)|[故应]?选)\s?)?([A-Z])"
    r"(?:[.、: ]\s?(?P<said>[^\n]{1,40}?))?[。.]?\s{0,9}"
)


def official(text: str, multiple: bool) -> str:
    """Letters as CMB's own code reads them, faults included.

    The first "答案是...。" counts and gives its characters A to G; without one, every A to G
    of the text does ("CT和DNA，选择B" gives CDAB). A question with one answer keeps the first
    letter. Nothing is sorted or made unique. "" where there is no letter.

    Source: FreedomIntelligence/CMB @ 6c8ece46, src/utils.py, as described; our own code.
    """
    stated = _OFFICIAL.search(text)
    source = stated.group(2) if stated else text
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
    </think> is skipped, and a <think> that never ends leaves no answer (answer_bounds.py). Letters
    inside options' texts are hidden (option_texts.py), those that remain become plain capitals
    (answer_text.py), and clauses that warn against a letter, weigh two letters or depend on a
    condition are removed (unmeant.py). Then, in this order:
        1. After a lead ("答案是" at the end of the prompt) the letters that come next, whatever
           the model writes later.
        2. An explicit statement (答案是, 正确选项为, 选, the answer is, boxed); the last one wins,
           since a model that takes an answer back states a new one. For a question with several
           answers the options that it lists next count too: "A（甲药）、B（乙药）", lines
           "A. 甲药", "B. 乙药" (statement.py; see option_list.py for where such a list ends).
        3. For a question about the wrong statement, the option that is called wrong (polarity.py).
        4. A text that begins with option letters ("B", "B. xx", "A、C"), or whose last line is
           nothing else. For a question with several answers each line that begins so adds its
           letters, but lines called wrong ("B：错"); for one with a single answer, A, B, ... at the
           beginning of lines or in one line are the question's options written again, and no
           answer, unless only one of them is called right (ends.py).
        5. A verdict: "除E外都对" (all_or_except.py), "B正确", "C选项符合题意", "D is correct"
           (verdicts.py).
        6. Single letters: not in or near a Latin word or number (CT, HIV, B12), not
           in a term (B超, A型, 维生素C), not denied (A错误, 排除A). Listed letters share their
           fate: A、B型血 and 维生素A和D give none (lone_letters.py, terms.py).
        7. The letters that an answer sets against all the rest: the only one that it does not rule
           out, or of which it says what the question asks for (judged.py).
        8. The text of exactly one option (option_texts.py).

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
    if not lead and (found := _only_letter(plain, options, letters, multiple or not stopped)):
        return found
    asked = _Asked(
        letters,
        option_texts.plain_texts(options) if isinstance(options, Mapping) else {},
        multiple,
        question,
        stopped or answer_bounds.is_whole(text, plain),
    )
    # 1) Letters after a lead.
    if lead and (found := statement.led(plain, letters, lead, multiple)):
        return _single_or_sorted(found, multiple)
    # 2) to 8), up to a next question if the answer is there.
    plain = answer_bounds.own_answer(plain)
    for whole in answer_bounds.before_next_questions(plain, asked.texts):
        if found := _read(whole, replace(asked, stopped=True)):
            return found
    return _read(plain, asked)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The facts about a question that its answer is read by; as the arguments of ``corrected``."""

    letters: frozenset[str]
    texts: dict[str, str]
    multiple: bool
    question: str
    stopped: bool


def _only_letter(
    plain: str, options: Mapping[str, str] | Iterable[str], letters: frozenset[str], bare: bool
) -> str:
    """Return the letter of the shortest answers, which most models write: "B", "选B", "B. 乙药".

    Args:
        bare: true where the option's text must not follow, as more of its list may be missing.
    """
    only = _ONLY_LETTER.fullmatch(plain)
    if not only or only[1] not in letters:
        return ""
    if not only["said"]:
        return only[1]
    if bare or not isinstance(options, Mapping):
        return ""
    own = option_texts.plain_texts({only[1]: options[only[1]]})[only[1]]
    return only[1] if own == only["said"].strip(" 。.") else ""


def _single_or_sorted(found: str, multiple: bool) -> str:
    return "".join(sorted(set(found))) if multiple else found[:1]


def _read(text: str, asked: _Asked) -> str:
    """Letters of an answer; of its conditional clauses only where nothing else is stated."""
    multiple = asked.multiple
    text_in_full = text
    # Options' texts hide letters that are part of them.
    if asked.texts:
        if multiple and asked.stopped and (found := option_texts.paired(text, asked.texts)):
            return found
        text_in_full = text if multiple else option_texts.signed(text, asked.texts)
        text = option_texts.hide(text_in_full, asked.texts)
    # Plain letters, without clauses that warn or call an option wrong in a question's own words.
    text = clean(text, multiple)
    unsure = unmeant.is_undecided(text)
    text = unmeant.drop_unmeant(text)
    negative = polarity.asks_for_wrong(asked.question, text)
    denial = "" if negative else polarity.asks_for_denied(asked.question)
    if asked.question and not negative and not denial:
        text = polarity.drop_stated_wrong(text)
    # 2) to 6) Without a condition, then denied letters, then under a single condition.
    certain, conditions = unmeant.drop_conditions(text)
    found = _chosen(certain, asked, negative, bool(denial), unsure)
    if not found and asked.stopped:
        found = polarity.stated_denied(certain, denial, asked.letters)
        if not found and not multiple and (denial or negative):
            found = polarity.left_over(certain, asked.letters)
        found = found if multiple or len(set(found)) == 1 else ""
    if not found and conditions == 1:
        found = _chosen(text, asked, negative, bool(denial), unsure)
    # 7) and 8) No letter is stated: options that are judged one by one, then an option's text.
    if found or not asked.stopped:
        return _single_or_sorted(found, multiple)
    spelled = judged.spelled(text_in_full, asked.texts)
    if not unsure and (found := _judged(spelled, asked, negative, denial)):
        return found
    if asked.texts and (multiple or not lone_letters.discusses(certain, asked.letters)):
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
    certain, _ = unmeant.drop_conditions(plain)
    if not asked.multiple and (found := judged.preferred(certain, asked.letters)):
        return found
    certain = unmeant.drop_unmeant(certain)
    if asked.multiple and denial:
        found = polarity.stated_denied(certain, denial, asked.letters)
        if found:
            return _single_or_sorted(found, True)
    return judged.judged(certain, asked.letters, asked.multiple, asked.question, negative, denial)


def _chosen(text: str, asked: _Asked, negative: bool, denial: bool, unsure: bool) -> str:
    """Return the letters that a text chooses, by steps 2) to 6) of ``corrected``.

    Args:
        negative: the question asks for the wrong statement.
        denial: it asks for what is not so.
        unsure: the text weighs two letters.
    """
    letters, multiple = asked.letters, asked.multiple
    # 2) A statement, or a mark or verdict at each option.
    denied = negative or denial
    marks = verdicts.marks(text, letters) if multiple else {}
    if found := [letter for letter, right in marks.items() if right != denied]:
        return "".join(found)
    if found := statement.stated(text, letters, multiple):
        return found
    if not asked.stopped:
        return ends.first_line(text, letters, multiple)
    if belongs := verdicts.belonging(text, letters):
        found = [letter for letter, there in belongs.items() if there != denied]
        if multiple or len(found) == 1:
            return "".join(found)
    if (found := labelled(text, asked.question, letters)) and (multiple or len(found) == 1):
        return found
    # 3) The option that is called wrong, where the question asks for it.
    if negative:
        found = polarity.stated_wrong(text, letters, multiple)
        right = verdicts.called_right(text, letters)
        wrong, called = polarity.chosen(text, letters, right, multiple)
        found = found or ends.last_line(text, letters) or wrong
        if found or called:
            return found or ends.at_an_end(text, letters, multiple, negative=True)
    return _unstated(text, asked, negative, unsure)


def _unstated(text: str, asked: _Asked, negative: bool, unsure: bool) -> str:
    """Return the letters of a text without a statement, by steps 4) to 6) of ``corrected``."""
    letters, multiple = asked.letters, asked.multiple
    # 4) Letters at an end of the text.
    if multiple and (found := verdicts.ticked(text)):
        return found
    repeated = polarity.repeated(text, asked.question, letters)
    repeated = repeated if multiple or len(repeated) == 1 else ""
    if found := ends.at_an_end(text, letters, multiple, negative):
        return found
    if not multiple and (found := ends.named_first(text, letters)):
        return found
    # 5) Verdicts on all other letters, then on the letters themselves.
    if found := all_or_except.excepted(text, letters, multiple):
        return found
    if multiple and repeated:
        return repeated
    chosen = verdicts.called_right(text, letters)
    # 6) Letters by themselves.
    if not chosen and not unsure:
        chosen = lone_letters.lone(text, letters, multiple)
    if not chosen and multiple and all_or_except.means_all(text, len(letters)):
        return "".join(letters)
    return "".join(sorted(chosen)) if multiple or len(chosen) == 1 else repeated
