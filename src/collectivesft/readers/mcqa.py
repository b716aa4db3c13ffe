"""Exam questions: validated alike for all datasets, put into words by each dataset's template."""

import re
from typing import Any
from unicodedata import normalize

from collectivesft.readers.row import Row, letter
from collectivesft.schema.example import Drop, Example
from collectivesft.schema.prompts import fill, paper_options, paper_reply


def letters(answer: str) -> str:
    """Answer letters sorted and unique, separators left out: ``"B, A"`` gives ``"AB"``."""
    plain = letter(answer)
    return "".join(sorted({character for character in plain if character not in " ,;、，；"}))


def without_marks(options: dict[str, str], answer: str) -> tuple[dict[str, str], dict[str, str]]:
    """Options without scraped marks, and the marks.

    In CMB some questions have, besides A to E, an option that is a single digit and that no key
    names: the position of the right one, as the page that was scraped marked it. Shown to a model,
    it gives the answer away.

    Args:
        answer: the key's letters.
    """
    marks = {
        name: text
        for name, text in options.items()
        if name > "E" and name not in answer and re.fullmatch("[0-9]", letter(text))
    }
    if not marks or not set("ABCDE") <= set(options):
        return options, {}
    return {name: text for name, text in options.items() if name not in marks}, marks


def ambiguous(options: dict[str, str], answer: str) -> bool:
    """Return whether a right option has the text of a wrong one: no letter is the right one.

    Width and spaces do not count; case does ("Aa" is not "AA").

    Args:
        answer: the key's letters.
    """
    texts = {name: "".join(normalize("NFKC", text).split()) for name, text in options.items()}
    right = {texts[name] for name in answer if name in texts}
    return any(text in right for name, text in texts.items() if name not in answer)


def by_position(texts: list[str]) -> dict[str, str]:
    """Options in order as A, B, C, ...; an empty text keeps its letter but is not shown."""
    return {chr(ord("A") + index): text for index, text in enumerate(texts) if text}


def by_letter(texts: list[str]) -> dict[str, str]:
    """Options in order as A, B, C, ..., with those without a text, as the paper's code shows."""
    return {chr(ord("A") + index): text for index, text in enumerate(texts)}


def mcqa(
    row: Row,
    id: str,
    dataset: str,
    language: str,
    prompt: str,
    question: str,
    options: dict[str, str],
    answer: str,
    explanation: str = "",
    *,
    exam: str,
    words: dict[str, str] | None = None,
    paper: dict[str, str] | None = None,
    **meta: Any,
) -> Example | Drop:
    """An exam question as an Example, or a Drop that says why it cannot be one.

    Args:
        prompt: the dataset's template, with fields ``question``, ``options`` and those of
            ``words``.
        answer: the correct letters, in any order.
        explanation: comes before the answer.
        paper: for ``form: paper`` all options that the paper's converter shows, empty ones too; the
            answer then keeps the order of its letters, and its line the converter's characters.
        exam: what CMB's prompt calls the exam, such as ``中国执业药师考试``.
        meta: further facts, such as ``category``.
    """
    if not question:
        return row.drop(id, "empty_question")
    gold = letters(answer)
    if not gold:
        return row.drop(id, "empty_answer", question)
    if len(options) < 2:
        return row.drop(id, "too_few_options", question, f"{len(options)} options")
    if any(len(name) != 1 or not "A" <= name <= "Z" for name in options):
        return row.drop(id, "bad_options", question, f"named {', '.join(options)}")
    if not set(gold) <= set(options):
        return row.drop(id, "bad_answer", question, f"{gold} of {', '.join(options)}")
    if ambiguous(options, gold):
        shown = paper_options(options).replace("\n", " ")
        return row.drop(id, "same_options", question, f"{gold} of {shown}"[:200])
    user = fill(prompt, question=question, options=paper_options(paper or options), **(words or {}))
    said = gold if paper is None else letter(answer)
    reply = paper_reply(said, language, explanation, paper is not None)
    messages = [("user", user.rstrip()), ("assistant", reply)]
    facts = {**row.place(), "answer": gold, "options": options, "question": question}
    return Example(id, dataset, "mcqa", language, messages, {**facts, "exam": exam, **meta})
