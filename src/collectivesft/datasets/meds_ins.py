"""MedS-Ins: instructions for 122 clinical tasks made of 58 corpora, mostly English.

One file a task: {"Definition": [...], "Instances": [{"input": ..., "output": ...}], ...}.
Not one of the paper's datasets: for an experiment with a neighbour's data, off by default.
"""

from collections.abc import Iterator

from collectivesft.readers.json_rows import member_rows, members
from collectivesft.readers.row import Row, beginnings, pair
from collectivesft.schema.example import Drop, Example
from collectivesft.schema.prompts import fill
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import Hub, RawFile, Source

_REPO, _REVISION = "Henrychur/MedS-Ins", "7d5b9b66775d758ebceb4966caff13bec22c58ab"
# Tasks whose files have been seen named; the repository has more.
_NAMES = (
    "task23_head_qa_language_translation_en_to_es.json",
    "task25_head_qa_classification.json",
    "task42_mednli_textual_entailment_generative.json",
)

SOURCE = Source(
    name="meds_ins",
    title="MedS-Ins",
    homepage="https://huggingface.co/datasets/Henrychur/MedS-Ins",
    licence="CC BY-SA (GitHub; none stated on the Hub); its parts have their own",
    citation="wu2024medsins",
    files=tuple(RawFile(name, (Hub(_REPO, _REVISION, name),)) for name in _NAMES),
    notes=(
        "Not one of the paper's datasets: name it under datasets to use it, or run "
        "config/medsins.yaml, which trains on it and on the paper's.",
        "Three of the 122 tasks are listed; place the rest by hand and name it under sources "
        "(files). Those made of MIMIC need a separate licence and are not published.",
        "Of several wordings of a task's definition the first is asked, as MedS-Bench's evaluation "
        "does; of several outputs the first is the answer.",
        "Unverified: no file has been read here; the format is that of MedS-Bench's task files.",
    ),
    origin="Instructions for 122 clinical tasks, built from 58 public corpora.",
    annotation="Labels and references of those corpora.",
)

PROMPT = "{definition}\n\n{input}"


def read(raw: RawFolder) -> Iterator[Example | Drop]:
    """Yield an example per instance of every task file that the manifest lists."""
    for name, key in beginnings("meds_ins", raw.names, named=True):
        part = Part.of(raw, name)
        definition = _first(Row(part, 1, members(part, "Instances")), "Definition")
        for row in member_rows(part, "Instances"):
            yield _example(row, f"{key}:{row.number}", definition)


def _first(row: Row, key: str) -> str:
    """A text, or the first of a list of texts; "" where there is none."""
    value = row.value.get(key) if isinstance(row.value, dict) else None
    if isinstance(value, list):
        value = next((one for one in value if one), "")
    return row.as_text(key, str(value) if isinstance(value, bool) else value)


def _example(row: Row, id: str, definition: str) -> Example | Drop:
    row.get("input"), row.get("output")
    given = row.value["input"]
    asked = "\n".join(row.texts("input")) if isinstance(given, list) else row.text("input")
    user = fill(PROMPT, definition=definition, input=asked) if asked else ""
    return pair(row, id, "meds_ins", _language(asked), user, _first(row, "output"))


def _language(text: str) -> str:
    """Chinese where most letters are; the cleaning decides for good."""
    chinese = sum("\u4e00" <= character <= "\u9fff" for character in text)
    return "zh" if 2 * chinese > sum(map(str.isalpha, text)) else "en"
