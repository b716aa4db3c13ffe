"""The one schema of a benchmark item, from its raw file to its score."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_jsonl
from collectivesft.schema.example import choice_fault

Kind = Literal["choice", "clinical", "text"]
Split = Literal["val", "test", "unscored"]


@dataclass
class Item:
    """One question with options, one clinical case with several questions, or one free-text task.

    Attributes:
        id: unique within the benchmark, as its authors write it.
        benchmark: name of the benchmark's file.
        split: val (source of few-shot examples), test (scored), or unscored (never asked: it has
            no usable answer, ``meta["unscored"]`` says why; training data must not hold it either).
        kind: choice (options and letters), clinical (free text, several turns) or text (free text).
        category, subcategory: as the benchmark's authors group their averages.
        question: the question; for a case its description, for text the item's own part,
            without the instruction that a whole task shares.
        options: letter to text, in the order shown; empty for a case.
        answer: gold letters, sorted, such as "A" or "ACD"; "" where it is not published.
        multiple: whether several letters may be right.
        explanation: the authors' explanation, where there is one.
        turns: for a case, ``{"question", "reference"}`` in order.
        metric: for text, how answers are judged: a name in scores/measure/text_metrics.py; ""
            where the benchmark keeps its answers.
        references: for text, the outputs that are accepted; none where they are not published.
        meta: facts that the prompt or the report needs (exam_type, exam_class, question_type);
            under ``published`` the fields that differ in the authors' file, as they are there.
        place: file and row that it was read from, for messages (see ``at``); no field, so neither
            written with the item nor part of any cache key.
    """

    id: str
    benchmark: str
    split: Split
    kind: Kind
    category: str
    subcategory: str
    question: str
    options: dict[str, str] = field(default_factory=dict)
    answer: str = ""
    multiple: bool = False
    explanation: str = ""
    turns: list[dict[str, str]] = field(default_factory=list)
    metric: str = ""
    references: list[str] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    place: ClassVar[tuple[str, int] | None] = None

    def at(self, file: str, row: int) -> "Item":
        """Note the place that the item was read from; return the item."""
        self.place = (file, row)
        return self

    def published(self) -> "Item":
        """The item as its authors' file has it, blanks at the ends of texts and all."""
        return replace(self, **self.meta.get("published", {}))

    def texts(self) -> Iterator[str]:
        """Yield the texts that training data must not hold: questions, and their references."""
        yield self.question
        for turn in self.turns:
            yield turn["question"]
            yield turn["reference"]


def item_fault(item: Item, benchmark: str, published_key: bool = False) -> str:
    """Say why an item cannot be asked or scored, "" if it can.

    Args:
        published_key: the authors' key is taken as it is (a benchmark with ``KEY_DATES``), or kept
            by them: an answer is not looked at.
    """
    if not isinstance(item.id, str) or not item.id.strip() or item.id == "None":
        return f"its id is {item.id!r}, not a text that names it"
    if item.benchmark != benchmark:
        return f"its benchmark is {item.benchmark!r}, not {benchmark}"
    for name, known in (("split", get_args(Split)), ("kind", get_args(Kind))):
        if getattr(item, name) not in known:
            return f"its {name} {getattr(item, name)!r} is none of {', '.join(known)}"
    if item.split == "unscored":
        return ""
    if not isinstance(item.question, str) or not item.question.strip():
        return "it has no question"
    if item.kind == "clinical" and not item.turns:
        return "a case without questions"
    if item.kind != "choice":
        return ""
    gold = next(iter(item.options), "") if published_key else item.answer
    if fault := choice_fault(item.options, gold):
        return fault
    if len(item.answer) > 1 and not item.multiple and not item.meta.get("question_type"):
        return f"its answer {item.answer} has several letters, but multiple is False"
    return ""


def key_digest(answers: Iterable[tuple[str, str]]) -> str:
    """sha256 of an answer key, ids with answers, in whatever order they come."""
    lines = sorted(f"{id}\t{answer}\n" for id, answer in answers)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def dump_item(item: Item) -> str:
    """One JSON line."""
    return json.dumps(asdict(item), ensure_ascii=False, sort_keys=False)


def load_items(path: Path) -> Iterator[Item]:
    """Read items from JSON Lines.

    Raises:
        InputError: a line that is not an item.
    """
    for number, row in read_jsonl(path):
        try:
            yield Item(**row)
        except TypeError as error:
            remedy = "Delete the file and run `collectivesft curated items` again"
            raise InputError(path, f"not a benchmark item ({error})", remedy, row=number) from error
