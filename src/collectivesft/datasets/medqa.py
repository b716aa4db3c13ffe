"""MedQA (Jin et al.): licensing exams of the USA, mainland China and Taiwan."""

import re
from collections.abc import Iterator

from collectivesft.common.errors import InputError
from collectivesft.readers.json_rows import jsonl_rows
from collectivesft.readers.mcqa import letters, mcqa
from collectivesft.readers.reader_options import PAPER_FORM, takes
from collectivesft.readers.row import Row, beginnings
from collectivesft.schema.example import Drop, Example
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import GoogleDrive, Hub, RawFile, Source

_FILE = "data_clean.zip"
_REVISION = "ddef95d268cdad413693d634279a9a679d468469"
_DRIVE = "1ImYUSLk9JbgHXOemfvyiDiirluZHPeQw"  # the authors' own copy

SOURCE = Source(
    name="medqa",
    title="MedQA",
    homepage="https://huggingface.co/datasets/bigbio/med_qa",
    licence="unknown",
    citation="jin2021medqa",
    files=(RawFile(_FILE, (Hub("bigbio/med_qa", _REVISION, _FILE), GoogleDrive(_DRIVE))),),
    rows=48_876,
    notes=(
        "10,178 + 27,400 + 11,298 training questions (USA, mainland China, Taiwan) by secondary "
        "reports; in the paper's code, not in its model card's table: to follow that table, take "
        "medqa out of the configuration's datasets.",
        "The Hub repository is a script that today's libraries refuse; its archive is read, or "
        "else the authors' on Google Drive.",
        "About 90 of the 1,273 questions of the US test ask about a picture that no file holds; "
        "none is marked, and all are kept, as in the paper's code.",
        "A file of one region by itself is read too, where its path names the region (US/...).",
        "Elsewhere, unpacked and not fetched: katielink/med_qa on the Hub.",
    ),
    origin="Questions of licensing exams of the USA, mainland China and Taiwan.",
    annotation="The answer keys of the exams.",
)

# Region: language and exam.
REGIONS = {
    "US": ("en", "the United States Medical Licensing Examination"),
    "Mainland": ("zh", "中国医师资格考试"),
    "Taiwan": ("zh", "臺灣醫師資格考試"),
}
# As the paper's code asks (preprocess/medqajin_to_sft.py), by region.
PROMPT = {
    "US": "This is a question about medical board exams in US.\n\n{question}\n{options}",
    "Mainland": "这是国家医学委员会考试的题目。\n\n{question}\n{options}",
    "Taiwan": "這是台灣醫師資格考試的題目。\n\n{question}\n{options}",
}


OPTIONS = (
    takes("us", "questions in English of the United States' exam"),
    takes("mainland", "questions in Chinese of mainland China's exam"),
    takes("taiwan", "questions in Chinese (traditional script) of Taiwan's exam"),
    PAPER_FORM,
)


def read(
    raw: RawFolder,
    us: str = "read",
    mainland: str = "read",
    taiwan: str = "read",
    form: str = "corrected",
) -> Iterator[Example | Drop]:
    """Yield an example per question, region by region; one not wanted drops as other_region."""
    chosen = dict(zip(REGIONS, (us, mainland, taiwan), strict=True))
    for name, key in beginnings("medqa", raw.names):
        for region, part in _parts(raw, name).items():
            if chosen[region] == "drop" and not part.is_there():
                continue
            for row in jsonl_rows(part):
                id = f"{key}:{region}:{row.number}"
                if chosen[region] == "read":
                    yield _example(row, id, region, form == "paper")
                else:
                    yield row.drop(id, "other_region", row.text("question"), region)


def form(raw: RawFolder) -> str:
    """Say which regions each file holds; a letter that contradicts its text is dropped."""
    return "; ".join(f"{name}: {', '.join(_parts(raw, name))}" for name in raw.names)


def _parts(raw: RawFolder, name: str) -> dict[str, Part]:
    """Each region's questions: members of the archive, or a file by itself that names its region.

    Raises:
        InputError: a file whose path names no region.
    """
    if name.endswith(".zip"):
        members = {region: f"data_clean/questions/{region}/train.jsonl" for region in REGIONS}
        return {region: Part.of(raw, name, member) for region, member in members.items()}
    named = [region for region in REGIONS if region in re.split("[/_.]", name)]
    if len(named) != 1:
        remedy = f"Name it after one of {', '.join(REGIONS)}, as US_train.jsonl"
        raise InputError(raw.path(name), "its name does not say which region it is of", remedy)
    return {named[0]: Part.of(raw, name)}


def _example(row: Row, id: str, region: str, paper: bool) -> Example | Drop:
    language, exam = REGIONS[region]
    question, options = row.text("question"), row.options("options")
    gold, text = letters(row.text("answer_idx")), row.optional("answer")
    if text and gold in options and options[gold] != text:
        detail = f"{gold} is {options[gold]}, the answer {text}"
        return row.drop(id, "answer_mismatch", question, detail[:200])
    facts = {"exam": exam, "category": region}
    facts["paper"] = row.options("options", empty=True) if paper else None
    return mcqa(row, id, "medqa", language, PROMPT[region], question, options, gold, **facts)
