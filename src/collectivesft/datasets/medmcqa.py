"""MedMCQA: questions of Indian medical entrance exams, with explanations."""

from collections.abc import Iterator

from collectivesft.common.errors import InputError
from collectivesft.readers.json_rows import jsonl_rows
from collectivesft.readers.mcqa import by_letter, by_position, mcqa
from collectivesft.readers.reader_options import PAPER_FORM
from collectivesft.readers.row import Ids, Row
from collectivesft.readers.table_rows import parquet_rows
from collectivesft.schema.example import Drop, Example
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import Hub, RawFile, Source

_FILE = "data/train-00000-of-00001.parquet"
_REVISION = "91c6572c454088bf71b679ad90aa8dffcd0d5868"

SOURCE = Source(
    name="medmcqa",
    title="MedMCQA",
    homepage="https://huggingface.co/datasets/openlifescienceai/medmcqa",
    licence="Apache-2.0 (on the Hub; MIT on GitHub)",
    citation="pal2022medmcqa",
    files=(RawFile(_FILE, (Hub("openlifescienceai/medmcqa", _REVISION, _FILE),)),),
    rows=182_822,
    notes=(
        "cop, the correct option, counts from 0 on the Hub, -1 where it is not published.",
        "The authors' own JSON Lines (train.json) are read too: there cop counts from 1. A number "
        "that only the other numbering has is an error.",
        "exp and topic_name may be null.",
    ),
    origin="Questions of Indian medical entrance exams, with explanations.",
    annotation="The answer keys of the exams.",
)

_COLUMNS = ("id", "question", "opa", "opb", "opc", "opd", "cop")
_OPTIONAL = ("exp", "subject_name", "topic_name", "choice_type")
# As the paper's code asks (preprocess/medmcqa_to_sft.py); where no topic is given, without it.
PROMPT = (
    "This is a question about {subject} from real-world medical entrance exam.\n"
    "The topic is {topic}.\n\n{question}\n{options}"
)
OPTIONS = (PAPER_FORM,)


def read(raw: RawFolder, form: str = "corrected") -> Iterator[Example | Drop]:
    """Yield an example per question; the explanation comes before the answer where there is one.

    Raises:
        InputError: ``cop`` of a Parquet file counts from 1, or that of JSON Lines from 0.
    """
    ids = Ids("medmcqa")
    for name in raw.names:
        part, first = Part.of(raw, name), _first(name)
        rows = jsonl_rows(part) if first else parquet_rows(part, _COLUMNS, _OPTIONAL)
        for row in rows:
            yield _example(row, ids(row.text("id"), row), first, form == "paper")


def form(raw: RawFolder) -> str:
    """Say how the files number the options."""
    said = [f"{name}: cop counts from {_first(name)}" for name in raw.names]
    return "; ".join(said)


def _first(name: str) -> int:
    """The number of option A: 1 in the authors' JSON Lines, 0 in the Hub's Parquet."""
    return int(name.endswith((".json", ".jsonl")))


def _example(row: Row, id: str, first: int, paper: bool) -> Example | Drop:
    answer, exp = row.get("cop") if first == 0 else row.value.get("cop"), row.optional("exp")
    if answer is None or answer == -1 or answer != answer:  # pandas writes NaN where it has none
        return row.drop(id, "empty_answer", row.text("question"), "cop is not published")
    if answer == (0 if first else 4):
        counted = f"cop is {answer}: it counts from {1 - first}, and here from {first}"
        other = "Parquet of the Hub" if first else "JSON Lines of the authors"
        problem = f"{counted}, so every answer would be wrong by one"
        raise InputError(row.part.label, problem, f"Place the {other}", row=row.number)
    if isinstance(answer, bool) or answer not in range(first, first + 4):
        detail = f"cop is {answer}, not {first} to {first + 3}"
        return row.drop(id, "bad_answer", row.text("question"), detail)
    subject, topic = row.optional("subject_name"), row.optional("topic_name")
    question, gold = row.text("question"), "ABCD"[int(answer) - first]
    texts = [row.text(name) for name in ("opa", "opb", "opc", "opd")]
    options = by_position(texts)
    facts = {"exam": "a medical entrance exam", "category": subject, "topic": topic}
    facts["paper"] = by_letter(texts) if paper else None
    words = {"subject": subject, "topic": topic}
    return mcqa(
        row, id, "medmcqa", "en", PROMPT, question, options, gold, exp, words=words, **facts
    )
