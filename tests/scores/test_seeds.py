"""One training with several seeds: mean, interval over questions, spread; differences of two."""

import json
from pathlib import Path

import pytest

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_json
from collectivesft.scores.compare import compare, text
from collectivesft.scores.measure.bootstrap import summarise
from collectivesft.scores.measure.seed_spread import difference_over_seeds, summarise_seeds
from collectivesft.scores.report import seeds_table
from collectivesft.scores.seeds import summarise as summarise_files

GROUPS = [("甲", "一")] * 40 + [("甲", "二")] * 20 + [("乙", "三")] * 60
HALF = [n % 2 == 0 for n in range(120)]
MOST = [n % 4 != 0 for n in range(120)]


def test_mean_and_spread_by_hand():
    found = summarise_seeds(GROUPS, [HALF, MOST, HALF])
    assert found["macro"]["value"] == pytest.approx((0.5 + 0.75 + 0.5) / 3, abs=1e-6)
    assert found["macro"]["seeds"] == [0.5, 0.75, 0.5]
    assert found["macro"]["spread"] == pytest.approx(0.25 / 3**0.5, abs=1e-6)
    assert found["micro"]["value"] == found["macro"]["value"]


def test_macro_weighs_categories_and_micro_questions():
    right = [group == ("乙", "三") for group in GROUPS]
    found = summarise_seeds(GROUPS, [right])
    assert (found["macro"]["value"], found["micro"]["value"]) == (0.5, 0.5)
    first = [group == ("甲", "一") for group in GROUPS]
    found = summarise_seeds(GROUPS, [first])
    assert (found["macro"]["value"], found["micro"]["value"]) == (
        0.25,
        pytest.approx(1 / 3, abs=1e-6),
    )
    assert found["macro"]["spread"] is None


def test_one_seed_has_the_interval_of_its_own_score_nearly():
    one, known = summarise_seeds(GROUPS, [MOST])["macro"], summarise(GROUPS, MOST).macro
    assert one["value"] == known["value"]
    assert one["low"] == pytest.approx(known["low"], abs=0.01)
    assert one["high"] == pytest.approx(known["high"], abs=0.01)


def test_the_same_answers_twice_narrow_no_interval():
    """Questions are drawn, not answers: a seed more brings no question more."""
    one, two = summarise_seeds(GROUPS, [MOST]), summarise_seeds(GROUPS, [MOST, MOST])
    keys = ("value", "low", "high")
    assert [one["macro"][key] for key in keys] == [two["macro"][key] for key in keys]
    assert two["macro"]["spread"] == 0


def test_a_difference_counts_the_spread_of_both_sides():
    """Seeds far apart: by their means alone, A and B would differ for certain."""
    bad, good = [False] * 120, [True] * 120
    sure = difference_over_seeds(GROUPS, [HALF, HALF], [MOST, MOST])["macro"]
    assert sure["value"] == 0.25 and sure["low"] > 0
    unsure = difference_over_seeds(GROUPS, [bad, good], [HALF, good])["macro"]
    assert unsure["value"] == 0.25 and unsure["low"] < 0 < unsure["high"]
    same = difference_over_seeds(GROUPS, [MOST, MOST], [MOST])["macro"]
    assert same == {"value": 0, "low": 0, "high": 0}


def test_no_questions_and_no_seeds_are_errors():
    for groups, runs in (([], [[]]), (GROUPS, [])):
        with pytest.raises(ValueError, match="no questions or no seeds"):
            summarise_seeds(groups, runs)


def write(path: Path, right: list[bool], model: str = "m", key: str = "A") -> Path:
    rows = [
        {
            "id": str(n), "model": model, "category": category, "subcategory": sub, "answer": key,
            "official": "A" if on else "B", "corrected": "A" if on else "B",
            "official_right": on, "corrected_right": on,
        }
        for n, (on, (category, sub)) in enumerate(zip(right, GROUPS, strict=False))
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_files_of_seeds_become_a_row_of_the_table(tmp_path):
    files = [write(tmp_path / f"{n}.jsonl", right) for n, right in enumerate((HALF, MOST))]
    out = tmp_path / "cmb.answer.seeds.json"
    found = summarise_files(files, "mine", "cmb", "answer", out)
    assert read_json(out) == found
    assert (found["items"], found["trainings"]) == (120, 2)
    (row,) = seeds_table.rows([found])
    assert len(row) == len(seeds_table.HEADS)
    assert row[:5] == ["mine", "cmb", "answer", "120", "2"]
    assert row[5].startswith("62.50 (") and row[6:] == ["17.68", "50.00", "75.00"]


def test_a_comparison_takes_the_seeds_of_both_sides(tmp_path):
    a, a2, b = (
        write(tmp_path / name, right) for name, right in (("a", HALF), ("a2", HALF), ("b", MOST))
    )
    found = compare(a, b, None, [a2])
    assert found["corrected"]["over_seeds"]["macro"]["value"] == 0.25
    assert "B - A over seeds, macro %" in text(found, "a", "b")
    assert "over_seeds" not in compare(a, b)["corrected"]


def test_other_questions_or_another_key_are_refused(tmp_path):
    a = write(tmp_path / "a", HALF)
    fewer = write(tmp_path / "fewer", HALF[:-1])
    with pytest.raises(InputError, match="1 questions are in one file only, 119 first"):
        summarise_files([a, fewer], "m", "cmb", "answer", tmp_path / "out")
    with pytest.raises(InputError, match="the key is B here, A in"):
        other = write(tmp_path / "other", HALF, key="B")
        summarise_files([a, other], "m", "cmb", "answer", tmp_path / "out")
    assert not (tmp_path / "out").exists()
