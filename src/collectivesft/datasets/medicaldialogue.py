"""MedicalDialog (Chinese): consultations of several turns between patient and doctor."""

import re
from collections.abc import Iterator

from collectivesft.readers.json_rows import array_rows
from collectivesft.readers.row import Row, beginnings
from collectivesft.schema.example import Drop, Example
from collectivesft.schema.prompts import fill
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import GoogleDrive, RawFile, Source

_TRAIN = "processed.zh/train_data.json"

SOURCE = Source(
    name="medicaldialogue",
    title="MedicalDialog (Chinese)",
    homepage="https://huggingface.co/datasets/UCSD26/medical_dialog",
    licence="unknown; texts copyright haodf.com",
    citation="zeng2020meddialog",
    access="google_drive",
    files=(RawFile(_TRAIN, (GoogleDrive("1AaDJoHaiHAwEZwtskRH8oL1UP4FRgmgx"),)),),
    rows=2_725_989,
    notes=(
        "The Hub repository holds a script only; the data lie on Google Drive, which may ask for "
        "a signed-in browser: then place the file by hand.",
        "A list of dialogues, each a list of texts that begin with 病人： or 医生：.",
        "One example a dialogue; the paper's script writes one row for each pair of turns.",
        "Like it but not shown to be the same, so not fetched: wangrongsheng/MedDialog-1.1M and "
        "ticoAg/Medical-Dialogue-System on the Hub.",
    ),
    origin="Consultations of several turns between patients and physicians on a Chinese website.",
)

# As the paper's code asks (preprocess/medicaldialogue_to_sft.py): the patient's words, without
# the mark 病人：.
PROMPT = "{turn}"
_ROLES = {"病人": "user", "医生": "assistant"}
# Only the mark: a time or a ratio in a text has a colon too.
_MARK = re.compile(r"\s*([^:：]*?)\s*[:：]")


def read(raw: RawFolder) -> Iterator[Example | Drop]:
    """Yield an example per dialogue; items are decoded one by one from the 1.6 GB file."""
    for name, key in beginnings("medicaldialogue", raw.names):
        for row in array_rows(Part.of(raw, name)):
            yield _example(row, f"{key}:{row.number}")


def _example(row: Row, id: str) -> Example | Drop:
    if not isinstance(row.value, list):
        return row.drop(id, "malformed_row", detail="not a list of utterances")
    texts = [row.as_text("utterance", value) for value in row.value]
    shown = "\n".join(texts)
    if not texts:
        return row.drop(id, "empty_dialogue")
    turns = [_turn(text) for text in texts]
    roles = [role for role, _ in turns]
    if None in roles:
        return row.drop(id, "bad_speaker", shown, "an utterance without 病人： or 医生：")
    if not all(text for _, text in turns):
        return row.drop(id, "empty_turn", shown)
    if roles != ["user", "assistant"] * (len(roles) // 2):
        return row.drop(id, "not_alternating", shown, "not patient, doctor, patient, doctor")
    style = "dialogue" if len(turns) > 2 else "qa"
    return Example(id, "medicaldialogue", style, "zh", turns, row.place())


def _turn(text: str) -> tuple[str | None, str]:
    mark = _MARK.match(text)
    role = _ROLES.get(mark[1]) if mark else None
    said = text[mark.end() :].strip() if mark else ""
    return role, fill(PROMPT, turn=said) if role == "user" else said
