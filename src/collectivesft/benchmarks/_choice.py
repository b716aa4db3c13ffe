"""CMB's way to ask a question with options, for every benchmark that is asked in it.

Source: FreedomIntelligence/CMB @ 6c8ece46, src/generate_fewshot.py and workers/base.py.
"""

from collections.abc import Iterator
from typing import Literal

from collectivesft.benchmarks.item import Item
from collectivesft.datasets._json import array_rows
from collectivesft.datasets._mcqa import SINGLE, letters
from collectivesft.datasets._rows import Row
from collectivesft.raw.archive import Part

Style = Literal["answer_only", "cot"]
Preset = Literal["official", "corrected"]

_ASK = {
    "answer_only": "不需要做任何分析和解释，直接输出答案选项。",
    "cot": "请分析每个选项，并最后给出答案。",
}


def option_lines(item: Item, preset: Preset) -> str:
    """Options as ``A. text`` lines.

    CMB's own code leaves out every option of a single character (``len(v) > 1``): preset
    ``official`` does the same, ``corrected`` shows all options.
    """
    shown = {k: v for k, v in item.options.items() if preset == "corrected" or len(v) > 1}
    return "\n".join(f"{name}. {text}" for name, text in shown.items())


def render(exam: str, item: Item, style: Style, preset: Preset) -> str:
    """The prompt of CMB for a question from ``exam``, such as ``中国医师考试中规培结业考试``."""
    kind = item.meta.get("question_type", SINGLE)
    head = f"以下是{exam}的一道{kind}，{_ASK[style]}"
    return f"{head}\n{item.question}\n{option_lines(item, preset)}"


def reply(item: Item, style: Style) -> str:
    """What a few-shot example answers: ``答案是X。``, for cot after the explanation."""
    if style == "cot":
        return f"{item.explanation}所以答案是{item.answer}。"
    return f"答案是{item.answer}。"


def question_rows(part: Part) -> Iterator[tuple[Row, str, dict[str, str], str]]:
    """Rows of a JSON array of questions in CMB's layout: row, question, options, answer."""
    for row in array_rows(part):
        question, options = row.text("question"), row.options("option")
        if not question:
            raise row.error("question is empty")
        if len(options) < 2:
            raise row.error(f"{len(options)} options, at least two are needed")
        yield row, question, options, letters(row.optional("answer"))
