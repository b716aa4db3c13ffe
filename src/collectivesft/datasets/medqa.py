"""MedQA (Jin et al.): licensing exams of the USA, mainland China and Taiwan."""

from collections.abc import Iterator

from collectivesft.datasets._json import jsonl_rows
from collectivesft.datasets._mcqa import letters, mcqa
from collectivesft.datasets._rows import Row
from collectivesft.example import Drop, Example
from collectivesft.raw.archive import Part
from collectivesft.raw.folder import RawFolder
from collectivesft.sources import Hub, RawFile, Source

_FILE = "data_clean.zip"
_REVISION = "ddef95d268cdad413693d634279a9a679d468469"

SOURCE = Source(
    name="medqa",
    title="MedQA",
    homepage="https://huggingface.co/datasets/bigbio/med_qa",
    licence="unknown",
    citation="jin2021medqa",
    files=(RawFile(_FILE, (Hub("bigbio/med_qa", _REVISION, _FILE),)),),
    rows=48_876,
    notes=(
        "10,178 + 27,400 + 11,298 training questions (USA, mainland China, Taiwan), as reported "
        "by others; in the paper's code, not in its model card's table.",
        "The Hub repository is a script that today's libraries refuse; its archive is read.",
    ),
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


def read(raw: RawFolder) -> Iterator[Example | Drop]:
    """Yield an example per question, region by region."""
    for name in raw.names:
        for region in REGIONS:
            member = f"data_clean/questions/{region}/train.jsonl"
            for row in jsonl_rows(Part.of(raw, name, member)):
                yield _example(row, f"medqa:{region}:{row.number}", region)


def _example(row: Row, id: str, region: str) -> Example | Drop:
    language, exam = REGIONS[region]
    question, options = row.text("question"), row.options("options")
    gold, text = letters(row.text("answer_idx")), row.optional("answer")
    if text and gold in options and options[gold] != text:
        detail = f"{gold} is {options[gold]}, the answer {text}"
        return row.drop(id, "answer_mismatch", question, detail[:200])
    facts = {"exam": exam, "category": region}
    return mcqa(row, id, "medqa", language, PROMPT[region], question, options, gold, **facts)
