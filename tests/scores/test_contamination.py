"""The effect of contamination: gain on items found in the training data against the rest."""

import json
from pathlib import Path

import pytest

from collectivesft.common.errors import InputError
from collectivesft.scores.contamination import measure_effect
from collectivesft.scores.report import contamination_table


def answers(path: Path, model: str, right: list[bool]) -> Path:
    rows = [
        {"id": str(n), "model": model, "category": "c", "subcategory": "s", "answer": "A",
         "official": "A", "corrected": "A", "official_right": one, "corrected_right": one}
        for n, one in enumerate(right)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def measure(folder: Path, tuned: list[bool], base: list[bool], ids: list[int] | None) -> dict:
    report = folder / "contamination.json"
    known = {"dropped": False}
    if ids is not None:
        known["item_ids"] = [f"cmb:{n}" for n in ids] + ["other:0"]
    report.write_text(json.dumps(known), encoding="utf-8")
    files = (answers(folder / "t.jsonl", "tuned", tuned), answers(folder / "b.jsonl", "b", base))
    return measure_effect(*files, report, "tuned", "cmb", "answer", folder / "out.json")


def test_a_gain_on_found_items_alone_is_the_effect(tmp_path):
    base = [False] * 40
    found = measure(tmp_path, [True] * 20 + [False] * 20, base, list(range(20)))
    read = found["corrected"]
    assert read["found"]["items"] == read["rest"]["items"] == 20
    assert read["found"]["gain"]["value"] == 1.0 and read["rest"]["gain"]["value"] == 0.0
    assert read["effect"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert read["found"]["tuned"]["low"] > 0.8 and read["found"]["base"]["high"] < 0.2
    assert json.loads((tmp_path / "out.json").read_bytes()) == found
    (row,) = contamination_table.rows([found])
    assert row[3:6] == ["no", "20", "100.00"]
    assert row[-1] == "+100.00 (+100.00 to +100.00)"


def test_the_same_gain_on_both_has_an_interval_around_nothing(tmp_path):
    tuned, base = [True, True, True, False] * 10, [True, False, False, True] * 10
    effect = measure(tmp_path, tuned, base, list(range(20)))["corrected"]["effect"]
    assert effect["value"] == 0.0 and effect["low"] < -0.2 < 0.2 < effect["high"]


@pytest.mark.parametrize(("ids", "empty"), [([], "found"), (list(range(4)), "rest")])
def test_a_group_without_items_has_no_effect(tmp_path, ids, empty):
    found = measure(tmp_path, [True] * 4, [False] * 4, ids)
    assert found["corrected"][empty] is None and found["corrected"]["effect"] is None
    assert contamination_table.rows([found])[0][-1] == "-"


def test_a_report_of_another_version_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"contamination\.json.*no item_ids"):
        measure(tmp_path, [True], [False], None)
