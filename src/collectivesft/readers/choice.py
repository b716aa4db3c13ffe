"""CMB's way to ask a question with options, for every benchmark that is asked in it."""

from collections.abc import Iterable, Iterator
from typing import Literal

from collectivesft.readers.json_rows import array_rows
from collectivesft.readers.mcqa import letters
from collectivesft.readers.row import Row
from collectivesft.schema.item import Item
from collectivesft.schema.prompts import MULTIPLE, SINGLE, Asked, cmb_options, cmb_prompt, cmb_reply
from collectivesft.sources.archive import Part

Style = Asked
Preset = Literal["official", "corrected"]


def option_lines(item: Item, preset: Preset) -> str:
    """Options as ``A. text`` lines.

    CMB's own code leaves out every option of a single character (``len(v) > 1``): preset
    ``official`` does the same, ``corrected`` shows all options.
    """
    shown = {k: v for k, v in item.options.items() if preset == "corrected" or len(v) > 1}
    return cmb_options(shown)


def render(exam: str, item: Item, style: Style, preset: Preset) -> str:
    """The prompt of CMB for a question from ``exam``, such as ``中国医师考试中规培结业考试``.

    The kind of question is what its authors call it (``meta["question_type"]``), or else whether
    several answers may be right.
    """
    kind = item.meta.get("question_type") or (MULTIPLE if item.multiple else SINGLE)
    return cmb_prompt(exam, kind, item.question, option_lines(item, preset), style)


def reply(item: Item, style: Style) -> str:
    """Return the answer of a few-shot example: ``答案是X。``, for cot after the explanation."""
    return cmb_reply(item.answer, item.explanation, style)


def question_rows(part: Part) -> Iterator[tuple[Row, str, dict[str, str], str]]:
    """Rows of a JSON array of questions in CMB's layout: row, question, options, answer."""
    for row in array_rows(part):
        question, options = row.text("question"), row.options("option")
        if not question:
            raise row.error("question is empty")
        if len(options) < 2:
            raise row.error(f"{len(options)} options, at least two are needed")
        yield row, question, options, letters(row.optional("answer"))


def few_unscored(items: Iterable[tuple[Row, Item]], most: dict[str, float]) -> Iterator[Item]:
    """Pass items on; a file of which many cannot be scored is not the benchmark's.

    Args:
        items: each with the row that it was made of.
        most: by reason (``meta["unscored"]``) the largest share of the items; 0.01 by default.

    Raises:
        InputError: more are unscored for one reason; it comes after the last item.
    """
    total, found = 0, {}
    for row, item in items:
        total += 1
        if reason := item.meta.get("unscored", ""):
            found.setdefault(reason, []).append(row)
        yield item
    for reason, rows in found.items():
        if len(rows) > max(most.get(reason, 0.01) * total, 1):
            problem = f"{len(rows)} of {total} questions cannot be scored ({reason}); the first"
            raise rows[0].error(problem)


def answer_fault(said: str, options: dict[str, str]) -> str:
    """Return why an answer cannot be scored against, "" if it can."""
    answer = letters(said)
    if said.lower() in ("", "nan", "null", "none") or not answer:
        return "no answer"
    if not all("A" <= name <= "Z" for name in answer):
        return "answer is no letters"
    return "" if set(answer) <= set(options) else "answer is no option"
