"""DISC-Med-SFT: conversations and questions rewritten for tuning Chinese medical models."""

from collections.abc import Iterator

from collectivesft.readers.json_rows import jsonl_rows
from collectivesft.readers.reader_options import PAPER_FORM
from collectivesft.readers.row import Row, beginnings
from collectivesft.schema.example import Drop, Example, conversation
from collectivesft.schema.prompts import fill
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import Hub, RawFile, Source

_FILE = "DISC-Med-SFT_released.jsonl"
_REVISION = "b10eedfc23530ebe257a149b00db73c4162fbfc3"

SOURCE = Source(
    name="discmed",
    title="DISC-Med-SFT",
    homepage="https://huggingface.co/datasets/Flmc/DISC-Med-SFT",
    licence="Apache-2.0",
    citation="bao2023discmedllm",
    files=(RawFile(_FILE, (Hub("Flmc/DISC-Med-SFT", _REVISION, _FILE),)),),
    rows=464_898,
    notes=(
        "Neighbouring turns of one speaker are joined; an assistant's turn before the first "
        "question, and a question after the last answer, are left out.",
        "The row count is from secondary lists; the released file has not been counted here.",
    ),
    origin=(
        "Consultations, exam questions and facts of knowledge graphs, rewritten as "
        "conversations by a language model."
    ),
    synthetic=True,
)

# As the paper's code asks (preprocess/discmed_to_sft.py): the user's words.
PROMPT = "{turn}"
OPTIONS = (PAPER_FORM,)
# Between neighbouring turns of one speaker.
_BETWEEN = {"corrected": "\n", "paper": " "}


def read(raw: RawFolder, form: str = "corrected") -> Iterator[Example | Drop]:
    """Yield an example per conversation."""
    for name, key in beginnings("discmed", raw.names):
        for row in jsonl_rows(Part.of(raw, name)):
            yield _example(row, f"{key}:{row.number}", _BETWEEN[form])


def _example(row: Row, id: str, between: str) -> Example | Drop:
    turns = [_turn(Row(row.part, row.number, value)) for value in row.items("conversation")]
    shown = conversation(turns)
    if unknown := [role for role, _ in turns if role not in ("user", "assistant")]:
        return row.drop(id, "bad_role", shown, f"role {unknown[0][:20]!r}")
    messages = _alternating(turns, between)
    if not messages:
        has_answer = any(role == "assistant" and text for role, text in turns)
        return row.drop(id, "empty_question" if has_answer else "empty_answer", shown)
    style = "dialogue" if len(messages) > 2 else "qa"
    meta = {**row.place(), "category": row.optional("source")}
    return Example(id, "discmed", style, "zh", messages, meta)


def _turn(turn: Row) -> tuple[str, str]:
    return turn.text("role"), turn.text("content")


def _alternating(turns: list[tuple[str, str]], between: str) -> list[tuple[str, str]]:
    """Join neighbours of one role; begin with the user and end with the assistant."""
    merged: list[tuple[str, str]] = []
    for role, text in turns:
        if not text:
            continue
        if merged and merged[-1][0] == role:
            merged[-1] = (role, f"{merged[-1][1]}{between}{text}")
        else:
            merged.append((role, text))
    first = 1 if merged and merged[0][0] == "assistant" else 0
    last = -1 if merged and merged[-1][0] == "user" else None
    asked = {"user": PROMPT, "assistant": "{turn}"}
    return [(role, fill(asked[role], turn=text)) for role, text in merged[first:last]]
