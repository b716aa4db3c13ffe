"""CMID: questions of Chinese patients with marked entities and labelled intents."""

from collections.abc import Iterator

from collectivesft.datasets._json import array_rows
from collectivesft.datasets._rows import Row
from collectivesft.example import Drop, Example
from collectivesft.raw.archive import Part
from collectivesft.raw.folder import RawFolder
from collectivesft.sources import Https, RawFile, Source

SOURCE = Source(
    name="cmid",
    title="CMID (Chinese Medical Intent Dataset)",
    homepage="https://github.com/IMU-MachineLearningSXD/CMID",
    licence="research only (README; no licence file)",
    citation="chen2020cmid",
    files=(
        RawFile(
            "CMID.json",
            (
                Https(
                    "https://raw.githubusercontent.com/IMU-MachineLearningSXD/CMID/"
                    "e5023d580ed608d490f18b23c246520396823f0b/CMID.json"
                ),
            ),
            git_blob="fd08f75e48a023110f60012487f2503798425f57",
        ),
    ),
    rows=12_254,
    notes=(
        "Intent labels carry quotes of their own (\"'病症'\"), which are taken off.",
        "An entity is originalText[start_pos:end_pos].",
    ),
)

_PROMPT = "请找出下面这句患者提问中的医学实体，并按类型列出。\n"
NO_ENTITIES = "没有医学实体。"


def read(raw: RawFolder) -> Iterator[Example | Drop]:
    """Yield an example per question: the task, and the entities by type, in reading order."""
    for name in raw.names:
        for row in array_rows(Part.of(raw, name)):
            yield _example(row, f"cmid:{row.number}")


def _example(row: Row, id: str) -> Example | Drop:
    text = row.text("originalText")
    if not text:
        return row.drop(id, "empty_question")
    # Positions count from the raw text, before any stripping.
    spans = _entities(row, row.get("originalText"))
    if spans is None:
        return row.drop(id, "bad_entity", text, "an entity outside of the text")
    by_type: dict[str, list[str]] = {}
    for kind, words in spans:
        found = by_type.setdefault(kind, [])
        if words not in found:
            found.append(words)
    answer = "\n".join(f"{kind}：{'、'.join(words)}" for kind, words in by_type.items())
    messages = [("user", _PROMPT + text), ("assistant", answer or NO_ENTITIES)]
    intents = {key: _labels(row, key) for key in ("label_4class", "label_36class")}
    category = "、".join(intents["label_4class"])
    meta = {**row.place(), "category": category, "intents": intents["label_36class"]}
    return Example(id, "cmid", "ner", "zh", messages, meta)


def _entities(row: Row, text: str) -> list[tuple[str, str]] | None:
    """``(type, words)`` in reading order; None if a position lies outside of the text."""
    found = []
    for value in row.items("entities"):
        entity = Row(row.part, row.number, value)
        start, end = entity.get("start_pos"), entity.get("end_pos")
        if type(start) is not int or type(end) is not int:
            raise row.error("start_pos and end_pos must be whole numbers")
        kind = entity.text("label_type").strip("'")
        if not kind or not 0 <= start < end <= len(text) or not text[start:end].strip():
            return None
        found.append((start, kind, text[start:end].strip()))
    return [(kind, words) for _, kind, words in sorted(found)]


def _labels(row: Row, key: str) -> list[str]:
    return [label.strip("'\" ") for label in row.texts(key)]
