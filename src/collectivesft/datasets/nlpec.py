"""NLPEC: questions of the Chinese licensed pharmacist exam."""

from collections.abc import Iterator

from collectivesft.datasets._json import jsonl_rows
from collectivesft.datasets._mcqa import MULTIPLE, SINGLE, by_position, chinese_prompt, mcqa
from collectivesft.datasets._rows import Row
from collectivesft.example import Drop, Example
from collectivesft.raw.archive import Part
from collectivesft.raw.folder import RawFolder
from collectivesft.sources import RawFile, Source

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
        "The evidence texts in `context` are not used.",
    ),
)


def read(raw: RawFolder) -> Iterator[Example | Drop]:
    """Yield an example per question."""
    for name in raw.names:
        for row in jsonl_rows(Part.of(raw, name)):
            yield _example(row, f"nlpec:{row.number}")


def _example(row: Row, id: str) -> Example | Drop:
    question, texts, answers = row.text("questionText"), row.texts("option"), row.texts("answer")
    known = {str(index + 1): chr(ord("A") + index) for index in range(min(len(texts), 26))}
    if wrong := [answer for answer in answers if answer not in known]:
        detail = f"{', '.join(wrong)} of {', '.join(known)}"
        return row.drop(id, "bad_answer", question, detail)
    gold = "".join(known[answer] for answer in answers)
    prompt = chinese_prompt("中国执业药师考试", MULTIPLE if len(set(gold)) > 1 else SINGLE)
    options, category = by_position(texts), row.optional("subject")
    return mcqa(row, id, "nlpec", "zh", prompt, question, options, gold, category=category)
