"""CMID: questions of Chinese patients with marked entities and labelled intents."""

from collections.abc import Iterator

from collectivesft.readers.json_rows import array_rows
from collectivesft.readers.reader_options import PAPER_FORM
from collectivesft.readers.row import Row, beginnings
from collectivesft.schema.example import Drop, Example
from collectivesft.schema.prompts import fill
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import Https, RawFile, Source

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
        "Intent labels carry quotes (\"'病症'\"), which are taken off.",
        "An entity is originalText[start_pos:end_pos].",
        "The row count is from secondary reports; the file has not been counted here.",
    ),
    origin="Questions of Chinese patients, written in their own words.",
    annotation="Entities and intents labelled for the dataset.",
)

# As the paper's code asks and answers (preprocess/cmid_to_sft.py): the terms, then the intents.
PROMPT = "分析下列描述中提到的医学专有名词并分析其意图：\n\n{text}"
OPTIONS = (PAPER_FORM,)
# Types of entity that are named, and whether the type comes before the words.
TYPES = {
    "疾病和诊断": False,
    "解剖部位": False,
    "手术": True,
    "影像检查": True,
    "药物": True,
    "实验室检验": True,
}
_VAGUE = {"其他", "无法确定", "多问"}


def read(raw: RawFolder, form: str = "corrected") -> Iterator[Example | Drop]:
    """Yield an example per question: the entities in reading order, then the intents."""
    for name, key in beginnings("cmid", raw.names):
        for row in array_rows(Part.of(raw, name)):
            yield _example(row, f"{key}:{row.number}", form)


def form(raw: RawFolder) -> str:
    """Say how the file states places in a text."""
    return "start_pos counts from 0, end_pos is the place after the last character"


def _example(row: Row, id: str, form: str) -> Example | Drop:
    text = row.text("originalText")
    if not text:
        return row.drop(id, "empty_question")
    # Positions count from the raw text, before any stripping.
    spans = _entities(row, row.get("originalText"))
    if spans is None:
        return row.drop(id, "bad_entity", text, "an entity outside of the text")
    coarse, fine = _labels(row, "label_4class"), _labels(row, "label_36class")
    if form == "paper":
        answer = _paper_answer(row, spans)
    else:
        answer = _answer([(kind, words) for _, kind, words in sorted(spans)], coarse, fine)
    if not answer:
        return row.drop(id, "nothing_labelled", text, "neither an entity nor an intent")
    messages = [("user", fill(PROMPT, text=text)), ("assistant", answer)]
    meta = {**row.place(), "category": "、".join(coarse), "intents": fine}
    return Example(id, "cmid", "ner", "zh", messages, meta)


def _answer(spans: list[tuple[str, str]], coarse: list[str], fine: list[str]) -> str:
    """Return the question's entities and intents in words; "" where neither is labelled."""
    terms = [f"{kind if TYPES[kind] else ''}{words}" for kind, words in spans if kind in TYPES]
    parts = [f"提到了{'，'.join(dict.fromkeys(terms))}"] if terms else []
    coarse, fine = ([label for label in labels if label not in _VAGUE] for labels in (coarse, fine))
    if coarse or fine:
        wanted = "及其".join("，".join(labels) for labels in (coarse, fine) if labels)
        parts.append(f"{'并' if terms else ''}期望知道{'该' if coarse else ''}{wanted}")
    return f"该描述{'，'.join(parts)}。" if parts else ""


def _paper_answer(row: Row, spans: list[tuple[int, str, str]]) -> str:
    """Return the same in the words of the paper's code.

    Entities keep the file's order and repeat. A comma after them depends on the labels of the
    coarse kind, and only labels in quotes are vague.
    """
    terms = [f"{kind if TYPES[kind] else ''}{words}" for _, kind, words in spans if kind in TYPES]
    named = f"提到了{'，'.join(terms)}" if terms else ""
    coarse, fine = (
        "，".join(label.strip("'") for label in row.texts(key) if label not in vague)
        for key, vague in (
            ("label_4class", {"'其他'"}),
            ("label_36class", {"'无法确定'", "'多问'"}),
        )
    )
    if coarse:
        before, wanted = ", 并" if named else "", f"期望知道该{coarse}" + (fine and f"及其{fine}")
    else:
        before, wanted = "", fine and f"期望知道{fine}"
    return f"该描述{named}{before}{wanted}。" if named or wanted else ""


def _entities(row: Row, text: str) -> list[tuple[int, str, str]] | None:
    """``(place, type, words)`` in the file's order; None if one lies outside of the text."""
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
    return found


def _labels(row: Row, key: str) -> list[str]:
    return [label.strip("'\" ") for label in row.texts(key)]
