"""From predictions to scores: two readings, counts, and predictions that do not fit the items."""

import json
from pathlib import Path

import pytest

from collectivesft.benchmarks.item import Item, dump_item
from collectivesft.errors import InputError
from collectivesft.scores.score import score

# id, category, sub-category, key, multiple, what CMB reads, what the corrected reading is
ROWS = [
    ("1", "护理考试", "护士", "A", False, "A", "A"),
    ("2", "护理考试", "护士", "B", False, "C", "B"),
    ("3", "护理考试", "护师", "C", False, "", ""),
    ("4", "医师考试", "住院医师", "AC", True, "CA", "AC"),
    ("5", "医师考试", "住院医师", "D", False, "B", "B"),
    ("6", "另一考试", "别的", "E", False, "E", "E"),
]


@pytest.fixture
def files(tmp_path) -> tuple[Path, Path]:
    """Predictions and items of ROWS; the items hold a val question too."""
    items = [
        Item(id, "cmb", "test", "choice", category, subcategory, "?", dict.fromkeys("ABCDE", "x"),
             key, multiple)
        for id, category, subcategory, key, multiple, _, _ in ROWS
    ]  # fmt: skip
    items.append(Item("v", "cmb", "val", "choice", "护理考试", "护士", "?"))
    predictions = [
        {
            "id": row[0], "benchmark": "cmb", "model": "m", "answer": row[3], "official": row[5],
            "corrected": row[6], "stopped": row[0] != "3", "method": "generate",
            "error": "prompt_too_long" if row[0] == "3" else None, "limit": None, "sample_seed": 42,
        }
        for row in ROWS
    ]  # fmt: skip
    path = tmp_path / "items.jsonl"
    path.write_text("".join(dump_item(item) + "\n" for item in items), encoding="utf-8")
    return write(tmp_path / "predictions.jsonl", predictions), path


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run(files, tmp_path, model="m"):
    return score(*files, model, "answer", tmp_path / "scores.json", tmp_path / "categories.csv")


def test_scores_by_hand(files, tmp_path):
    scores = run(files, tmp_path)
    assert scores == json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    categories = [(c["category"], c["label"], c["items"], c["value"]) for c in scores["categories"]]
    assert categories == [
        ("医师考试", "Physician", 2, 0.5),
        ("护理考试", "Nurse", 3, 0.5),  # mean of 1 (护士) and 0 (护师)
        ("另一考试", "另一考试", 1, 1.0),
    ]
    assert scores["macro"]["value"] == round(2 / 3, 6)
    assert scores["micro"]["value"] == round(4 / 6, 6)
    # CMB's reading: 1 and 6 are right; CA is another string than AC.
    assert scores["official"] == {"macro": round((0 + 0.25 + 1) / 3, 6), "micro": round(2 / 6, 6)}
    assert (scores["differ"], scores["unparsed"]) == (2, 1)
    assert (scores["stopped"], scores["too_long"]) == (5, 1)
    assert scores["letters"] == {"A": 2, "B": 2, "E": 1}
    assert scores["gold_letters"] == {"A": 2, "B": 1, "C": 1, "D": 1, "E": 1}
    assert (scores["kind"], scores["method"], scores["items"]) == ("choice", "generate", 6)
    assert scores["subcategories"][0] == {
        "category": "医师考试", "subcategory": "住院医师", "items": 2, "value": 0.5,
    }  # fmt: skip


def test_categories_in_percent(files, tmp_path):
    run(files, tmp_path)
    lines = (tmp_path / "categories.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "category,label,items,accuracy,low,high"
    assert lines[1].startswith("医师考试,Physician,2,50.00,")
    assert len(lines) == 4


def test_same_predictions_same_bytes(files, tmp_path):
    run(files, tmp_path)
    first = (tmp_path / "scores.json").read_bytes()
    run(files, tmp_path)
    assert (tmp_path / "scores.json").read_bytes() == first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-2], "2 of 6 items are missing, 5 first"),
        (lambda rows: rows + rows[:1], "row 1: item predicted twice"),
        (lambda rows: [{**rows[0], "id": "99"}, *rows[1:]], "row 99: unknown item"),
        (lambda rows: [{**rows[0], "id": "v"}, *rows[1:]], "row v: unknown item"),
        (lambda rows: [{**rows[0], "answer": "D"}, *rows[1:]], "row 1: key D is now A"),
        (lambda rows: [*rows[:5], {**rows[5], "limit": 3}], "row 6: limit changes"),
        (lambda rows: [{**row, "benchmark": "cmmlu_medical"} for row in rows], "unknown item"),
        (lambda rows: [{"id": "1"}], "row 1: not a prediction"),
        (lambda rows: [], "no predictions"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(files, tmp_path, change, message):
    write(files[0], change(read(files[0])))
    with pytest.raises(InputError, match=message):
        run(files, tmp_path)
    assert not (tmp_path / "scores.json").exists()


def test_predictions_of_another_model_are_refused(files, tmp_path):
    with pytest.raises(InputError, match="a prediction of m, not of other"):
        run(files, tmp_path, model="other")


def test_a_sample_is_complete_by_itself(files, tmp_path):
    """With a limit exactly the sampled items must be there; leaving one out is found."""
    from collectivesft.benchmarks.item import load_items
    from collectivesft.scores.sampling import choose

    chosen = {item.id for item in choose(list(load_items(files[1])), 4, 42)}
    sampled = [{**row, "limit": 4} for row in read(files[0]) if row["id"] in chosen]
    write(files[0], sampled)
    assert run(files, tmp_path)["items"] == 4
    write(files[0], sampled[1:])
    with pytest.raises(InputError, match="1 of 4 items are missing"):
        run(files, tmp_path)
