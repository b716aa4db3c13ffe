"""NLPEC: questions of the Chinese licensed pharmacist exam."""

from collections.abc import Iterator

from collectivesft.readers.json_rows import jsonl_rows
from collectivesft.readers.mcqa import by_letter, by_position, mcqa
from collectivesft.readers.reader_options import PAPER_FORM
from collectivesft.readers.row import Row, beginnings
from collectivesft.schema.example import Drop, Example
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import RawFile, Source

SOURCE = Source(
    name="nlpec",
    title="NLPEC",
    homepage="http://112.74.48.115:8157/",
    licence="unknown",
    citation="li2020nlpec",
    access="hand_placed",
    files=(RawFile("NLPEC_public_data/train.json"),),
    rows=18_703,
    notes=(
        "The authors' server may be gone and no mirror is known: place the file by hand.",
        "train.json is JSON Lines; answers are texts counted from 1, several where several "
        "options are right.",
        "`context` holds evidence for each option, or one text for all: as in the paper's code it "
        "is the explanation before the answer.",
    ),
    origin="Questions of the Chinese licensed pharmacist exam, with evidence from textbooks.",
    annotation="The answer keys of the exams.",
)

# As the paper's code asks (preprocess/nlpec_to_sft.py); where no subject is given, without it.
PROMPT = (
    "这是国家药品监督管理局执业药师资格认证考试的题目。\n源自{subject}\n\n{question}\n{options}"
)
OPTIONS = (PAPER_FORM,)


def read(raw: RawFolder, form: str = "corrected") -> Iterator[Example | Drop]:
    """Yield an example per question.

    Raises:
        InputError: answers that count from 0.
    """
    for name, key in beginnings("nlpec", raw.names):
        for row in jsonl_rows(Part.of(raw, name)):
            yield _example(row, f"{key}:{row.number}", form == "paper")


def form(raw: RawFolder) -> str:
    """Say how the file numbers the options."""
    return "answer counts from 1"


def _example(row: Row, id: str, paper: bool) -> Example | Drop:
    question, texts, answers = row.text("questionText"), row.texts("option"), row.texts("answer")
    known = {str(index + 1): chr(ord("A") + index) for index in range(min(len(texts), 26))}
    if "0" in answers:
        raise row.error("answer is 0: it counts from 0, and in NLPEC from 1")
    if wrong := [answer for answer in answers if answer not in known]:
        detail = f"{', '.join(wrong)} of {', '.join(known)}"
        return row.drop(id, "bad_answer", question, detail)
    gold = "".join(known[answer] for answer in answers)
    subject, evidence = row.optional("subject"), _evidence(row, texts, paper)
    facts = {"exam": "中国执业药师考试", "words": {"subject": subject}, "category": subject}
    facts["paper"] = by_letter(texts) if paper else None
    options = by_position(texts)
    return mcqa(row, id, "nlpec", "zh", PROMPT, question, options, gold, evidence, **facts)


def _evidence(row: Row, options: list[str], empty: bool) -> str:
    """Return the text of `context` for each option, or once if it is the same for all.

    Args:
        empty: name an option without a text too, as the paper's code does.
    """
    context = row.texts("context") if "context" in row.value else []
    if len(set(context)) == 1:
        return context[0]
    if len(context) != len(options):
        return ""
    known = [
        f"{option}：{text}" for option, text in zip(options, context, strict=True) if text or empty
    ]
    return "\n".join(known)
