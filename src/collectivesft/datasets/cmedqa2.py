"""cMedQA2: questions of patients on a Chinese web forum, and doctors' answers."""

from collections.abc import Iterable, Iterator
from csv import field_size_limit
from functools import reduce
from itertools import chain
from typing import TYPE_CHECKING

from collectivesft.readers.arrow_columns import (
    Lines,
    firsts,
    pairs_tables,
    places,
    row_numbers,
    stripped,
)
from collectivesft.readers.reader_options import Option
from collectivesft.readers.row import Row, pair
from collectivesft.readers.table_rows import csv_columns, csv_rows, lines
from collectivesft.schema.example import Drop, Example
from collectivesft.schema.prompts import fill
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import Https, RawFile, Source

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

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
        "Elsewhere, in a different form and not fetched: fzkuji/cMedQA2 on the Hub (unpacked "
        "tables).",
    ),
    origin="Questions of patients and answers of physicians on a Chinese web forum.",
)

_QUESTION, _ANSWER = ("question_id", "content"), ("ans_id", "content")

# As the paper's code asks (preprocess/cmedqa2_to_sft.py): only the question.
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
    candidates, answer_table, questions = _parts(raw)
    right = _right_answers(candidates, 1 if answers == "first" else None)
    wanted = {answer for found in right.values() for answer in found}
    contents = _contents(answer_table, wanted)
    for row in csv_rows(questions, _QUESTION):
        if row.value is None:
            yield row.drop(f"cmedqa2:r{row.number}", "malformed_row")
            continue
        key = row.text("question_id")
        if key in right:
            yield from _examples(row, key, right.pop(key), contents)
    for key in right:
        yield _nowhere(questions, key)


def read_tables(raw: RawFolder, answers: str = "first") -> "Iterable[pa.Table | Drop] | None":
    """Return the results of ``read``, examples as tables, from joins of whole columns.

    The candidates are five million lines: a join takes a tenth of the time of the rows.

    Returns:
        None where a file is not regular: then the rows name the fault and its place.
    """
    import pyarrow as pa

    candidates, answer_table, questions = _parts(raw)
    try:
        right = _right_columns(candidates, 1 if answers == "first" else None)
        return _joined(questions, answer_table, *right)
    except pa.ArrowInvalid:
        return None


def form(raw: RawFolder) -> str:
    """Say which column of the candidates names the right answers."""
    paired = len(_candidate_columns(_parts(raw)[0])) == 2
    return f"right answers by {'pos_ans_id' if paired else 'ans_id with label 1'}"


def _parts(raw: RawFolder) -> tuple[Part, Part, Part]:
    return (
        Part.of(raw, "train_candidates.zip", "train_candidates.txt"),
        Part.of(raw, "answer.zip", "answer.csv"),
        Part.of(raw, "question.zip", "question.csv"),
    )


def _nowhere(questions: Part, key: str) -> Drop:
    row = Row(questions, 1, None)
    return row.drop(f"cmedqa2:{key}", "missing_question", detail=f"no question {key}")


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


def _candidate_columns(part: Part) -> tuple[str, ...]:
    """Those that say which answers are right, by the header."""
    header = next((line for _, line in lines(part)), "")
    paired = "pos_ans_id" in header
    return ("question_id", "pos_ans_id") if paired else ("question_id", "ans_id", "label")


def _right_answers(part: Part, most: int | None) -> dict[str, list[str]]:
    """Each training question's right answers in the candidates' order, at most ``most``."""
    columns, right = _candidate_columns(part), {}
    for row in csv_rows(part, columns):
        if row.value is None:
            raise row.error("another number of fields than the header")
        question, answer, *label = map(row.text, columns)
        found = right.setdefault(question, [])
        if label in ([], ["1"]) and (most is None or len(found) < most) and answer not in found:
            found.append(answer)
    return right


def _contents(part: Part, wanted: set[str]) -> dict[str, str]:
    """Return the wanted answers by their numbers; of one that comes twice the last."""
    contents = {}
    for row in csv_rows(part, _ANSWER):
        if row.value is not None and row.text("ans_id") in wanted:
            contents[row.text("ans_id")] = row.text("content")
    return contents


def _right_columns(part: Part, most: int | None) -> "tuple[pa.Array, np.ndarray, pa.Array]":
    """The training questions; of each right answer its question's place there and its number."""
    import pyarrow as pa
    from pyarrow import compute

    with part.open() as handle:
        # A right answer is in many lines, one for each wrong one.
        found = [
            stripped(table.filter(_differs_from_above(table)))
            for table in csv_columns(handle, _candidate_columns(part))
        ]
    columns = pa.concat_tables(found).columns
    questions, answers, *labels = (column.combine_chunks() for column in columns)
    encoded = questions.dictionary_encode()
    key = encoded.indices.to_numpy().astype("int64")  # its product with a row is a large number
    for label in labels:
        right = compute.equal(label, "1")
        key, answers = key[right.to_numpy(zero_copy_only=False)], answers.filter(right)
    codes = key
    if most != 1:
        codes = key * len(answers) + answers.dictionary_encode().indices.to_numpy()
    # A question, or its pair with an answer, may come back later: its first place counts.
    first = firsts(codes)
    return encoded.dictionary, key[first], answers.take(pa.array(first))


def _differs_from_above(table: "pa.Table") -> "pa.Array":
    import pyarrow as pa
    from pyarrow import compute

    above, below = table.slice(0, max(len(table) - 1, 0)), table.slice(1)
    pairs = zip(above.columns, below.columns, strict=True)
    differs = reduce(compute.or_, (compute.not_equal(*pair) for pair in pairs))
    return pa.concat_arrays([pa.array([True] * min(len(table), 1), pa.bool_()), *differs.chunks])


def _texts(tables: "Iterable[pa.Table]") -> "tuple[pa.Array, pa.ChunkedArray]":
    """Numbers and texts without space at their ends; of the tables, one is held at a time.

    Texts stay in the pieces they come in: new memory for all of them costs more than their trim.
    """
    import pyarrow as pa
    from pyarrow import compute

    found = []
    for table in tables:
        if (compute.max(compute.binary_length(table.column(1))).as_py() or 0) > field_size_limit():
            raise pa.ArrowInvalid("a text too long for a row")
        found.append(stripped(table))
    numbers, texts = pa.concat_tables(found).columns
    return numbers.combine_chunks(), texts


def _asked(part: Part) -> "tuple[pa.Array, pa.ChunkedArray, np.ndarray]":
    """Numbers and texts of the questions, and the line at which each begins."""
    import pyarrow as pa

    with part.open() as handle:
        counted = Lines(handle)
        tables = list(csv_columns(counted, _QUESTION))
    return *_texts(tables), row_numbers(counted, pa.concat_tables(tables))


def _joined(
    questions: Part, answers: Part, asked: "pa.Array", paired: "np.ndarray", right: "pa.Array"
) -> "Iterable[pa.Table | Drop]":
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    with answers.open() as handle:
        numbers, contents = _texts(csv_columns(handle, _ANSWER))
    answer_at = places(right, numbers, last=True)
    numbers, asked_texts, lines_at = _asked(questions)
    asked_at = places(asked, numbers)

    # One entry for each right answer, and for each question without one, in the questions' order.
    alone = np.flatnonzero(np.bincount(paired, minlength=len(asked)) == 0)
    key = np.concatenate([paired, alone])
    answer_at = np.concatenate([answer_at, np.full(len(alone), -1)])
    order = np.argsort(asked_at[key], kind="stable")
    order = order[asked_at[key[order]] >= 0]
    good = _said(contents)[answer_at] & _said(asked_texts)[asked_at[key]]

    kept = order[good[order]]
    question_at = asked_at[key[kept]]
    names = asked.take(pa.array(key[kept])), right.take(pa.array(kept))
    examples = pairs_tables(
        compute.binary_join_element_wise("cmedqa2:", names[0], "-", names[1], ""),
        "cmedqa2",
        "zh",
        (questions.file, lines_at[question_at]),
        fill(PROMPT, question="\0").split("\0"),
        (asked_texts, question_at),
        (contents, answer_at[kept]),
    )

    def dropped(entry: int) -> Iterator[Example | Drop]:
        name, at, answer = asked[int(key[entry])].as_py(), int(asked_at[key[entry]]), {}
        values = (name, asked_texts[at].as_py())
        row = Row(questions, int(lines_at[at]), dict(zip(_QUESTION, values, strict=True)))
        wanted = [right[entry].as_py()] if entry < len(right) else []
        if answer_at[entry] >= 0:
            answer = {wanted[0]: contents[int(answer_at[entry])].as_py()}
        return _examples(row, name, wanted, answer)

    drops = [drop for entry in order[~good[order]].tolist() for drop in dropped(entry)]
    nowhere = [_nowhere(questions, asked[int(at)].as_py()) for at in np.flatnonzero(asked_at < 0)]
    return chain(examples, drops, nowhere)


def _said(texts: "pa.ChunkedArray") -> "np.ndarray":
    """Return whether each text says something; one more for the place -1, a missing text."""
    import numpy as np
    from pyarrow import compute

    return np.append(compute.binary_length(texts).to_numpy() > 0, False)
