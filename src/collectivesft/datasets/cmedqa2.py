"""cMedQA2: questions of patients on a Chinese web forum, and doctors' answers."""

from collections.abc import Iterable, Iterator

from collectivesft.datasets._options import Option
from collectivesft.datasets._rows import Row, pair
from collectivesft.datasets._tables import csv_columns, csv_rows, lines
from collectivesft.example import Drop, Example
from collectivesft.prompts import fill
from collectivesft.raw.archive import Part
from collectivesft.raw.folder import RawFolder
from collectivesft.sources import Https, RawFile, Source

_BASE = (
    "https://raw.githubusercontent.com/zhangsheng93/cMedQA2/"
    "85feb9278c3ae552c591205cbf3e828368c91f8f/"
)
_BLOBS = {
    "question.zip": "d2a52ca01f33b513b00c6c110dc963d69c716130",
    "answer.zip": "592508bb7500a3656ea76cf817009d4625acd83d",
    "train_candidates.zip": "728eab844e477a75f8e10dde517d222d130f9e69",
}

SOURCE = Source(
    name="cmedqa2",
    title="cMedQA2",
    homepage="https://github.com/zhangsheng93/cMedQA2",
    licence="non-commercial research (README); GPL-3.0 (LICENSE)",
    citation="zhang2018cmedqa2",
    files=tuple(
        RawFile(path, (Https(_BASE + path),), git_blob=blob) for path, blob in _BLOBS.items()
    ),
    rows=100_000,
    notes=(
        "The paper's model card counts questions; its released script writes one row for each "
        "right answer (about 188,000). By default one row a question, its first right answer.",
        "Candidates come as question_id,pos_ans_id,neg_ans_id or question_id,ans_id,cnt,label.",
        "Elsewhere, in another form and not fetched: fzkuji/cMedQA2 on the Hub (unpacked tables).",
    ),
)

# As the paper's code asks (preprocess/cmedqa2_to_sft.py): the question alone.
PROMPT = "{question}"

OPTIONS = (
    Option(
        "answers",
        ("first", "all"),
        "first: one row a question, as the paper's model card counts; all: one row for each right "
        "answer, as its script writes",
    ),
)


def read(raw: RawFolder, answers: str = "first") -> Iterator[Example | Drop]:
    """Yield a row for each training question or right answer, in the order of question.csv.

    Questions that train_candidates.txt does not name belong to dev and test and are no rows.
    """
    most = 1 if answers == "first" else None
    right = _right_answers(Part.of(raw, "train_candidates.zip", "train_candidates.txt"), most)
    wanted = {answer for found in right.values() for answer in found}
    contents = _contents(Part.of(raw, "answer.zip", "answer.csv"), "ans_id", wanted)
    questions = Part.of(raw, "question.zip", "question.csv")
    for row in csv_rows(questions, ("question_id", "content")):
        if row.value is None:
            yield row.drop(f"cmedqa2:r{row.number}", "malformed_row")
            continue
        key = row.text("question_id")
        if key in right:
            yield from _examples(row, key, right.pop(key), contents)
    for key in right:
        place = Row(questions, 1, None)
        yield place.drop(f"cmedqa2:{key}", "missing_question", detail=f"no question {key}")


def _examples(
    row: Row, key: str, right: list[str], answers: dict[str, str]
) -> Iterator[Example | Drop]:
    question = row.text("content")
    if not right:
        yield row.drop(f"cmedqa2:{key}", "not_labelled", question, "no right answer")
    for answer in right:
        id = f"cmedqa2:{key}-{answer}"
        if answer in answers:
            user = fill(PROMPT, question=question)
            yield pair(row, id, "cmedqa2", "zh", user, answers[answer])
        else:
            yield row.drop(id, "missing_answer", question, f"no answer {answer}")


def _right_answers(part: Part, most: int | None) -> dict[str, list[str]]:
    """Each training question's right answers in the candidates' order, at most ``most``."""
    import pyarrow as pa

    header = next((line for _, line in lines(part)), "")
    paired = "pos_ans_id" in header
    columns = ("question_id", "pos_ans_id") if paired else ("question_id", "ans_id", "label")
    try:
        return _first_right(map(_pairs, csv_columns(part, columns)), most)
    except pa.ArrowInvalid:
        rows = [_fields(row, columns) for row in csv_rows(part, columns)]
        names = dict(zip(columns, zip(*rows, strict=True), strict=True)) if rows else {}
        table = pa.table({name: pa.array(names.get(name, []), pa.string()) for name in columns})
        return _first_right([_pairs(table)], most)


def _fields(row: Row, columns: tuple[str, ...]) -> tuple[str, ...]:
    if row.value is None:
        raise row.error("another number of fields than the header")
    return tuple(row.text(name) for name in columns)


def _pairs(table) -> tuple[list[str], Iterable[tuple[str, str]]]:
    """The questions of some candidates, and those that are right with their questions."""
    asked = _stripped(table.column(0).unique())
    if table.num_columns == 3:
        table = table.filter(_labelled(table.column(2)))
    else:  # each right answer stands in many lines, one for each wrong one
        table = table.filter(_differs_from_above(table))
    return asked, zip(_stripped(table.column(0)), _stripped(table.column(1)), strict=True)


def _stripped(column) -> list[str]:
    return list(map(str.strip, column.to_pylist()))


def _labelled(labels):
    import pyarrow as pa
    from pyarrow import compute

    right = compute.equal(labels, "1")
    odd = compute.invert(compute.is_in(labels, pa.array(["0", "1"])))
    # Space around a label is hardly ever there: only odd labels are looked at closely.
    if compute.any(odd).as_py():
        right = compute.equal(compute.utf8_trim_whitespace(labels), "1")
    return right


def _differs_from_above(table):
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    differs = np.ones(len(table), dtype=bool)
    above, below = table.slice(0, max(len(table) - 1, 0)), table.slice(1)
    differs[1:] = False
    for name in table.column_names:
        other = compute.not_equal(above[name], below[name])
        differs[1:] |= other.to_numpy()
    return pa.array(differs)


def _first_right(
    batches: Iterable[tuple[list[str], Iterable[tuple[str, str]]]], most: int | None
) -> dict[str, list[str]]:
    right: dict[str, list[str]] = {}
    for asked, pairs in batches:
        for question in asked:
            right.setdefault(question, [])
        for question, answer in pairs:
            found = right[question]
            if (most is None or len(found) < most) and answer not in found:
                found.append(answer)
    return right


def _contents(part: Part, key: str, wanted: set[str]) -> dict[str, str]:
    """The answers that are wanted, by their numbers; the last where one stands twice."""
    import pyarrow as pa
    from pyarrow import compute

    numbers, contents = pa.array(sorted(wanted), pa.string()), {}
    try:
        for table in csv_columns(part, (key, "content")):
            names = compute.utf8_trim_whitespace(table.column(key))
            chosen = compute.is_in(names, numbers)
            texts = _stripped(table.column("content").filter(chosen))
            contents.update(zip(names.filter(chosen).to_pylist(), texts, strict=True))
    except pa.ArrowInvalid:
        return _contents_by_row(part, key, wanted)
    return contents


def _contents_by_row(part: Part, key: str, wanted: set[str]) -> dict[str, str]:
    contents = {}
    for row in csv_rows(part, (key, "content")):
        if row.value is not None and row.text(key) in wanted:
            contents[row.text(key)] = row.text("content")
    return contents
