"""The one schema of a training example, from the readers to the trainer."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Style = Literal["mcqa", "qa", "dialogue", "ner"]
Language = Literal["zh", "en"]

STYLES: tuple[str, ...] = ("mcqa", "qa", "dialogue", "ner")
LANGUAGES: tuple[str, ...] = ("zh", "en")
# One encoder for all rows: `json.dumps` makes one at each call.
dump_meta = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode
ROLES: tuple[str, ...] = ("system", "user", "assistant")


@dataclass(slots=True)
class Example:
    """One conversation to learn from.

    Attributes:
        id: ``dataset:key``, unique within a run and stable from run to run.
        dataset: name of the reader that made it.
        style: mcqa (exam questions), qa (one turn), dialogue (several turns), ner (labelling).
        language: main language of the text.
        messages: ``(role, content)`` pairs; user and assistant alternate, the last is assistant.
        meta: small JSON-able facts: file and row of origin, answer letters, options, category.
    """

    id: str
    dataset: str
    style: Style
    language: Language
    messages: list[tuple[str, str]]
    meta: dict[str, Any] = field(default_factory=dict)

    def to_row(self) -> dict[str, Any]:
        """The row as Parquet stores it (see ``arrow_schema``)."""
        return {
            "id": self.id,
            "dataset": self.dataset,
            "style": self.style,
            "language": self.language,
            "messages": [{"role": role, "content": content} for role, content in self.messages],
            "meta": dump_meta(self.meta),
        }


@dataclass(slots=True)
class Drop:
    """A raw row that gives no example, with the reason, kept for the ledger.

    Attributes:
        id: ``dataset:key`` of the row.
        reason: a short snake_case word, counted in the ledger.
        text: the row's content, as far as it is known, shortened to 500 characters.
        detail: free words for a person: file, row, the value at fault.
    """

    id: str
    reason: str
    text: str = ""
    detail: str = ""


def example_fault(example: Example, dataset: str) -> str:
    """Say why a reader's example cannot be used by any later step, "" if it can."""
    if not example.id.startswith(f"{dataset}:") or example.id == f"{dataset}:":
        return f"its id {example.id!r} does not begin with {dataset}: and a key"
    if example.dataset != dataset:
        return f"its dataset is {example.dataset!r}, not {dataset}"
    if example.style not in STYLES:
        return f"its style {example.style!r} is none of {', '.join(STYLES)}"
    if example.language not in LANGUAGES:
        return f"its language {example.language!r} is none of {', '.join(LANGUAGES)}"
    return _turns_fault(example.messages) or _exam_fault(example)


def _turns_fault(messages: list[tuple[str, str]]) -> str:
    roles = [role for role, _ in messages]
    asked = roles[1:] if roles[:1] == ["system"] else roles
    if not asked or asked != ["user", "assistant"] * (len(asked) // 2):
        return f"its turns are {', '.join(roles) or 'none'}, not user, assistant, ..."
    if not all(isinstance(text, str) and text for _, text in messages):
        return "a turn is empty or no text"
    return ""


def _exam_fault(example: Example) -> str:
    if example.style != "mcqa":
        return ""
    if missing := [
        name for name in ("question", "options", "answer") if not example.meta.get(name)
    ]:
        return f"its meta has no {', '.join(missing)}"
    return choice_fault(example.meta["options"], example.meta["answer"])


def choice_fault(options: dict[str, str], answer: str) -> str:
    """Say why options or a key cannot be scored against, "" if they can."""
    names = ", ".join(map(str, options))
    if len(options) < 2:
        return f"it has {len(options)} options, at least two are needed"
    if not all(isinstance(name, str) and len(name) == 1 and "A" <= name <= "Z" for name in options):
        return f"its options are named {names}, not by the letters A to Z"
    if not all(isinstance(text, str) and text for text in options.values()):
        return "an option is empty or no text"
    if not answer:
        return "it has no answer"
    if not isinstance(answer, str) or not set(answer) <= set(options):
        return f"its answer {answer!r} is not made of the letters {names}"
    return "" if answer == "".join(sorted(set(answer))) else f"its answer {answer!r} is not sorted"


def arrow_schema():
    """Arrow schema of examples: id, dataset, style, language, messages, meta (a JSON string)."""
    import pyarrow as pa

    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    return pa.schema(
        [
            ("id", pa.string()),
            ("dataset", pa.string()),
            ("style", pa.string()),
            ("language", pa.string()),
            ("messages", pa.list_(message)),
            ("meta", pa.string()),
        ]
    )


def drop_schema():
    """Arrow schema of dropped rows: id, dataset, reason, text, detail."""
    import pyarrow as pa

    names = ("id", "dataset", "reason", "text", "detail")
    return pa.schema([(name, pa.string()) for name in names])


def conversation(turns: Iterable[tuple[str, str]]) -> str:
    """The text of a conversation, one ``role: content`` a line, for logs and drop files."""
    return "\n".join(f"{role}: {content}" for role, content in turns)
