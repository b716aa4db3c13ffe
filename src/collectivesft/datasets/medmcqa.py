"""MedMCQA: questions of Indian medical entrance exams, with explanations."""

from collections.abc import Iterator

from collectivesft.readers.mcqa import by_position, mcqa
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
        "cop, the correct option, counts from 0 on the Hub (from 1 in the authors' JSON); "
        "-1 where it is not published.",
        "exp and topic_name may be null.",
    ),
)

_COLUMNS = ("id", "question", "opa", "opb", "opc", "opd", "cop")
_OPTIONAL = ("exp", "subject_name", "topic_name", "choice_type")
# As the paper's code asks (preprocess/medmcqa_to_sft.py); where no topic is given, without it.
PROMPT = (
    "This is a question about {subject} from real-world medical entrance exam.\n"
    "The topic is {topic}.\n\n{question}\n{options}"
)


def read(raw: RawFolder) -> Iterator[Example | Drop]:
    """Yield an example per question; the explanation comes before the answer where there is one."""
    ids = Ids("medmcqa")
    for name in raw.names:
        for row in parquet_rows(Part.of(raw, name), _COLUMNS, _OPTIONAL):
            yield _example(row, ids(row.text("id"), row))


def _example(row: Row, id: str) -> Example | Drop:
    answer, exp = row.get("cop"), row.optional("exp")
    if answer is None or answer == -1:
        return row.drop(id, "empty_answer", row.text("question"), "cop is not published")
    if answer not in (0, 1, 2, 3):
        return row.drop(id, "bad_answer", row.text("question"), f"cop is {answer}, not 0 to 3")
    subject, topic = row.optional("subject_name"), row.optional("topic_name")
    question, gold = row.text("question"), "ABCD"[int(answer)]
    options = by_position([row.text(name) for name in ("opa", "opb", "opc", "opd")])
    facts = {"exam": "a medical entrance exam", "category": subject, "topic": topic}
    words = {"subject": subject, "topic": topic}
    return mcqa(
        row, id, "medmcqa", "en", PROMPT, question, options, gold, exp, words=words, **facts
    )
