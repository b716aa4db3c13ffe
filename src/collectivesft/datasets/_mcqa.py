"""Exam questions: one rendering for all datasets, the same as the benchmark's."""

from typing import Any

from collectivesft.datasets._rows import Row, letter
from collectivesft.example import Drop, Example

SINGLE, MULTIPLE = "单项选择题", "多项选择题"
_ANSWER = {"zh": "答案是{}。", "en": "The answer is {}."}


def chinese_prompt(exam: str, kind: str = SINGLE) -> str:
    """CMB's answer-only instruction; ``exam`` is such as ``中国医师考试中规培结业考试``."""
    return f"以下是{exam}的一道{kind}，不需要做任何分析和解释，直接输出答案选项。"


def english_prompt(exam: str) -> str:
    """The same instruction in English; ``exam`` with its article."""
    return (
        f"The following is a single-choice question from {exam}. "
        "Give only the letter of the correct option, without analysis or explanation."
    )


def letters(answer: str) -> str:
    """Answer letters sorted and unique, separators left out: ``"B, A"`` gives ``"AB"``."""
    plain = letter(answer)
    return "".join(sorted({character for character in plain if character not in " ,;、，；"}))


def by_position(texts: list[str]) -> dict[str, str]:
    """Options in order as A, B, C, ...; an empty text keeps its letter but is not shown."""
    return {chr(ord("A") + index): text for index, text in enumerate(texts) if text}


def mcqa(
    row: Row,
    id: str,
    dataset: str,
    language: str,
    instruction: str,
    question: str,
    options: dict[str, str],
    answer: str,
    explanation: str = "",
    **meta: Any,
) -> Example | Drop:
    """An exam question as an Example, or a Drop that says why it cannot be one.

    Args:
        answer: the correct letters, in any order.
        explanation: follows the answer on the next line.
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
    shown = "\n".join(f"{name}. {text}" for name, text in options.items())
    reply = _ANSWER[language].format(gold) + (f"\n{explanation}" if explanation else "")
    messages = [("user", f"{instruction}\n{question}\n{shown}"), ("assistant", reply)]
    facts = {**row.place(), "answer": gold, "options": options, "question": question}
    return Example(id, dataset, "mcqa", language, messages, {**facts, **meta})
