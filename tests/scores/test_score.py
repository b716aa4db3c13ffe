"""From predictions to scores: two readings, counts, and predictions that do not fit the items."""

import json
import math
from pathlib import Path

import pytest

from collectivesft.common.errors import InputError
from collectivesft.readers.mcqa import letters as answer
from collectivesft.schema.item import Item, dump_item
from collectivesft.scores.extract.grade import extract_both, likeliest
from collectivesft.scores.measure.answer_key import identify
from collectivesft.scores.measure.diagnostics import letter_bias
from collectivesft.scores.score import score

# id, category, sub-category, key, multiple, what the model wrote, CMB's and the corrected reading
ROWS = [
    ("1", "护理考试", "护士", "A", False, "答案是A。", "A", "A"),
    ("2", "护理考试", "护士", "B", False, "CT正常，选B", "C", "B"),
    ("3", "护理考试", "护师", "C", False, "", "", ""),
    ("4", "医师考试", "住院医师", "AC", True, "C、A", "CA", "AC"),
    ("5", "医师考试", "住院医师", "D", False, "B", "B", "B"),
    ("6", "另一考试", "别的", "E", False, "E", "E", "E"),
]


@pytest.fixture
def files(tmp_path) -> tuple[Path, Path]:
    """Predictions and items of ROWS; the items hold a val question too."""
    items = [
        Item(id, "cmb", "test", "choice", category, subcategory, "?", dict.fromkeys("ABCDE", "x"),
             key, multiple)
        for id, category, subcategory, key, multiple, *_ in ROWS
    ]  # fmt: skip
    items.append(Item("v", "cmb", "val", "choice", "护理考试", "护士", "?"))
    predictions = [
        {
            "id": row[0], "benchmark": "cmb", "model": "m", "answer": row[3], "multiple": row[4],
            "options": list("ABCDE"), "prompt": f"{row[0]}?", "lead": "", "raw": row[5],
            "likelihood": None, "stopped": row[0] != "3", "method": "generate",
            "error": "prompt_too_long" if row[0] == "3" else None, "limit": None, "sample_seed": 42,
            "shots_dropped": int(row[0] == "2"), "settled": False,
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
    outs = (tmp_path / name for name in ("scores.json", "categories.csv", "answers.jsonl"))
    return score(*files, model, "answer", *outs)


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
    # The paper's examer.py: 3 was never asked, so it is not in the file; the nurse's share is of
    # her submitted answers, no mean of sub-categories.
    assert scores["submitted"] == {
        "items": 5,
        "micro": 0.4,
        "categories": [
            {"category": "医师考试", "items": 2, "value": 0.0},
            {"category": "另一考试", "items": 1, "value": 1.0},
            {"category": "护理考试", "items": 2, "value": 0.5},
        ],
    }
    assert (scores["differ"], scores["unparsed"]) == (2, 1)
    assert (scores["official_unparsed"], scores["letters_differ"]) == (1, 2)
    assert scores["unscored"] == {}
    assert (scores["stopped"], scores["endless"], scores["too_long"]) == (5, 0, 1)
    assert (scores["empty"], scores["refused"], scores["fewer_shots"]) == (0, 0, 1)
    # Single answers that were read: B wrongly for D, all others as the key.
    assert scores["letter_bias"] == 0.25
    assert scores["letters"] == {"A": 2, "B": 2, "E": 1}
    assert scores["gold_letters"] == {"A": 2, "B": 1, "C": 1, "D": 1, "E": 1}
    assert (scores["kind"], scores["method"], scores["items"]) == ("choice", "generate", 6)
    assert scores["subcategories"][0] == {
        "category": "医师考试", "subcategory": "住院医师", "items": 2, "value": 0.5,
        "low": 0.094531, "high": 0.905469, "official": 0.0,
    }  # fmt: skip
    assert [c["official"] for c in scores["categories"]] == [0.0, 0.25, 1.0]
    assert (scores["apart"], scores["without_apart"]) == ([], None)


def change(files, tmp_path, **changes):
    """The scores after changes of the item and the prediction of id ``at``."""
    at, own, row = changes.pop("at"), changes.pop("item", {}), changes.pop("row", {})
    items = [{**i, **own} if i["id"] == at else i for i in read(files[1])]
    write(files[1], items)
    write(files[0], [{**r, **row} if r["id"] == at else r for r in read(files[0])])
    return run(files, tmp_path)


def test_the_official_comparison_is_with_the_key_as_published(files, tmp_path):
    """CMB's score.py compares texts: CA is right where the key reads CA, and AC is wrong then."""
    published = {"meta": {"published_answer": "CA"}}
    assert change(files, tmp_path, at="4", item=published)["official"]["micro"] == 0.5
    written = change(files, tmp_path, at="4", row={"raw": "答案是AC。"})
    assert written["official"]["micro"] == round(2 / 6, 6)
    assert read(tmp_path / "answers.jsonl")[3]["corrected_right"]


def by_the_papers_code(answers: list[dict], key: dict[str, str]) -> tuple[float, dict]:
    """Score a file of answers by the key as eval/examer.py does, in this project's words."""
    right = [(row["category"], row["model_answer"] == key.get(row["id"])) for row in answers]
    groups = {name: [hit for group, hit in right if group == name] for name, _ in right}
    shares = {name: sum(hits) / len(hits) for name, hits in groups.items()}
    return sum(hit for _, hit in right) / len(answers), shares


def test_submitted_figures_are_those_of_the_papers_code_on_the_file_that_holds_them(
    files, tmp_path
):
    """An answer without a letter is in the file and wrong; an unsorted key is compared as text."""
    change(files, tmp_path, at="5", row={"raw": "不知道"})
    unsorted = {"meta": {"published_answer": "CA"}}
    found = change(files, tmp_path, at="4", item=unsorted)["submitted"]
    key = {row[0]: row[3] for row in ROWS} | {"4": "CA"}
    sent = [
        {"id": row["id"], "category": row["category"], "model_answer": row["official"]}
        for row in read(tmp_path / "answers.jsonl")
        if row["error"] is None
    ]
    overall, shares = by_the_papers_code(sent, key)
    assert (found["items"], found["micro"]) == (5, overall) == (5, 0.6)
    assert {one["category"]: one["value"] for one in found["categories"]} == shares


def test_where_nothing_was_asked_nothing_was_submitted(files, tmp_path):
    write(files[0], [row | {"error": "prompt_too_long", "raw": ""} for row in read(files[0])])
    found = run(files, tmp_path)
    assert found["submitted"] == {"items": 0, "micro": None, "categories": []}
    assert found["official"]["micro"] == 0


def test_politics_and_questions_without_context_are_reported_apart(files, tmp_path):
    change(files, tmp_path, at="6", item={"subcategory": "考研政治"})
    scores = change(files, tmp_path, at="2", item={"question": "（C型选择题）休克？"})
    assert [(a["group"], a["items"], a["value"], a["official"]) for a in scores["apart"]] == [
        ("no_context", 1, 1.0, 0.0), ("politics", 1, 1.0, 1.0),
    ]  # fmt: skip
    assert scores["items"] == 6
    flags = {row["id"]: row["apart"] for row in read(tmp_path / "answers.jsonl")}
    assert flags == dict.fromkeys("1345", "") | {"2": "no_context", "6": "politics"}
    others = scores["without_apart"]
    assert (others["items"], others["micro"]["value"], others["macro"]["value"]) == (4, 0.5, 0.5)


def test_empty_endless_and_refused_answers_are_counted(files, tmp_path):
    change(files, tmp_path, at="1", row={"raw": " \n", "stopped": True})
    change(files, tmp_path, at="2", row={"raw": "的" * 99, "stopped": False})
    scores = change(files, tmp_path, at="5", row={"raw": "抱歉，我无法回答。"})
    assert (scores["empty"], scores["endless"], scores["refused"]) == (1, 1, 1)
    assert scores["unparsed"] == 4


def test_the_answer_key_is_part_of_the_result(files, tmp_path):
    first = run(files, tmp_path)["key"]
    assert first["date"] is None and len(first["sha256"]) == 64
    changed = change(files, tmp_path, at="1", item={"answer": "B"}, row={"answer": "B"})
    assert changed["key"]["sha256"] != first["sha256"]


@pytest.mark.parametrize(
    ("file", "date"),
    [
        ("cmb-test-choice-answer.json", "2024-02-21"),
        ("cmb-test-choice-answer.before-2024-02-21.json", "before 2024-02-21"),
    ],
)
def test_the_real_keys_are_dated(file, date):
    import os

    if not os.environ.get("COLLECTIVESFT_REAL_DATA"):
        pytest.skip("COLLECTIVESFT_REAL_DATA is unset")
    path = Path(os.environ["COLLECTIVESFT_REAL_DATA"]) / file
    keys = json.loads(path.read_text(encoding="utf-8"))
    items = [
        Item(str(k["id"]), "cmb", "test", "choice", "", "", "?", {}, answer(k["answer"]))
        for k in keys
    ]
    assert identify(items)["date"] == identify(items[::-1])["date"] == date


def test_bias_is_the_distance_between_chosen_and_right_letters():
    assert letter_bias(["A", "B", "C", "D"], ["D", "C", "B", "A"]) == 0
    assert letter_bias(["A"] * 4, ["A", "B", "C", "D"]) == 0.75
    assert letter_bias(["", "B"], ["A", "B"]) == 0
    assert letter_bias([""], ["A"]) is None


def test_categories_in_percent(files, tmp_path):
    run(files, tmp_path)
    lines = (tmp_path / "categories.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "category,label,items,accuracy,low,high,official"
    assert lines[1].startswith("医师考试,Physician,2,50.00,")
    assert len(lines) == 4


def test_answers_show_what_was_written_read_and_judged(files, tmp_path):
    run(files, tmp_path)
    answers = read(tmp_path / "answers.jsonl")
    assert [(a["id"], a["official"], a["corrected"]) for a in answers] == [
        (row[0], row[6], row[7]) for row in ROWS
    ]
    assert [a["official_right"] for a in answers] == [True, False, False, False, False, True]
    assert [a["corrected_right"] for a in answers] == [True, True, False, True, False, True]
    assert answers[1] == {
        "id": "2", "model": "m", "category": "护理考试", "subcategory": "护士", "prompt": "2?",
        "raw": "CT正常，选B", "likelihood": None, "error": None, "official": "C", "corrected": "B",
        "answer": "B", "official_right": False, "corrected_right": True, "refused": False,
        "apart": "",
    }  # fmt: skip
    assert answers[2]["error"] == "prompt_too_long"


def test_same_predictions_same_bytes_in_whatever_order_they_stand(files, tmp_path):
    names = ("scores.json", "categories.csv", "answers.jsonl")
    run(files, tmp_path)
    first = [(tmp_path / name).read_bytes() for name in names]
    write(files[0], read(files[0])[::-1])
    run(files, tmp_path)
    assert [(tmp_path / name).read_bytes() for name in names] == first


def prediction(**changes) -> dict:
    row = {"multiple": True, "options": list("ABCD"), "lead": "", "raw": "", "likelihood": None}
    return row | changes


def test_an_answer_is_read_together_with_its_lead():
    written = prediction(raw="B型超声。A对")
    assert extract_both(written) == ("BA", "A")
    assert extract_both(written | {"lead": "答案是"}) == ("B", "A")
    assert extract_both(prediction(lead="答案是")) == ("", "")


def test_only_the_options_of_the_question_count_in_the_corrected_reading():
    assert extract_both(prediction(raw="答案是E。")) == ("E", "")


def test_likelihoods_have_one_reading():
    logs = {"A": -0.7, "B": -0.5, "C": -9.0, "D": -0.6}
    assert extract_both(prediction(likelihood=logs)) == ("ABD", "ABD")
    assert extract_both(prediction(likelihood=logs, multiple=False)) == ("B", "B")


def test_likelihood_of_several_answers_takes_all_above_an_even_share():
    logs = {letter: math.log(p) for letter, p in {"A": 0.3, "B": 0.02, "C": 0.2, "D": 0.04}.items()}
    assert likeliest(logs, multiple=True) == "AC"
    assert likeliest(logs, multiple=False) == "A"
    assert likeliest({"A": -1.0, "B": -1.0}, multiple=True) == "A"


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
        (
            lambda rows: [{k: v for k, v in rows[0].items() if k != "lead"}],
            "row 1: not a prediction",
        ),
        (lambda rows: [], "no predictions"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(files, tmp_path, change, message):
    write(files[0], change(read(files[0])))
    with pytest.raises(InputError, match=message):
        run(files, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"items.jsonl", "predictions.jsonl"}


def test_predictions_of_another_model_are_refused(files, tmp_path):
    with pytest.raises(InputError, match="a prediction of m, not of other"):
        run(files, tmp_path, model="other")


def test_a_sample_is_complete_by_itself(files, tmp_path):
    """With a limit exactly the sampled items must be there; leaving one out is found."""
    from collectivesft.schema.item import load_items
    from collectivesft.scores.prompt.item_sample import choose

    chosen = {item.id for item in choose(list(load_items(files[1])), 4, 42)}
    sampled = [{**row, "limit": 4} for row in read(files[0]) if row["id"] in chosen]
    write(files[0], sampled)
    assert run(files, tmp_path)["items"] == 4
    write(files[0], sampled[1:])
    with pytest.raises(InputError, match="1 of 4 items are missing"):
        run(files, tmp_path)
