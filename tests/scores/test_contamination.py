"""The effect of contamination: gain on items trained on against the rest."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collectivesft.common.errors import InputError
from collectivesft.common.files import write_json
from collectivesft.scores.contamination import measure_effect
from collectivesft.scores.report import contamination_table
from tests.helpers.curated_examples import qa, save


def answers(path: Path, model: str, right: list[bool]) -> Path:
    rows = [
        {"id": str(n), "model": model, "category": "c", "subcategory": "s", "answer": "A",
         "official": "A", "corrected": "A", "official_right": one, "corrected_right": one}
        for n, one in enumerate(right)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def measure(
    folder: Path, tuned: list[bool], base: list[bool], trained: list[int], **changes
) -> dict:
    """Measure where the curation found all questions and some of their examples were trained on."""
    found = {f"cmb:{n}": [f"a:{n}", f"b:{n}"] for n in range(len(tuned))} | {"other:0": ["a:0"]}
    content = {"dropped": False, "found": found, "found_in_more": [], "allowed_splits": []}
    write_json(folder / "contamination.json", content | changes)
    train = save(folder / "train.parquet", [qa("c:1"), *(qa(f"b:{n}") for n in trained)])
    files = (answers(folder / "t.jsonl", "tuned", tuned), answers(folder / "b.jsonl", "b", base))
    report = folder / "contamination.json"
    return measure_effect(*files, report, train, "tuned", "cmb", "answer", folder / "out.json")


def test_a_gain_on_trained_items_alone_is_the_effect(tmp_path):
    base = [False] * 40
    found = measure(tmp_path, [True] * 20 + [False] * 20, base, list(range(20)))
    read = found["corrected"]
    assert read["found"]["items"] == read["rest"]["items"] == 20 and found["unknown"] == 0
    assert read["found"]["gain"]["value"] == 1.0 and read["rest"]["gain"]["value"] == 0.0
    # By hand: Wilson's half of 20 of 20 is 0.161125; below 1 root 2 of it, and root 3.
    assert read["found"]["gain"] == {"value": 1.0, "low": 0.772135, "high": 1.0}
    assert read["effect"] == {"value": 1.0, "low": 0.720923, "high": 1.161125}
    assert read["found"]["tuned"]["low"] > 0.8 and read["found"]["base"]["high"] < 0.2
    assert json.loads((tmp_path / "out.json").read_bytes()) == found
    (row,) = contamination_table.rows([found])
    assert row[3:6] == ["no", "20", "100.00"]
    assert row[-1] == "+100.00 (+72.09 to +116.11)"


def test_an_item_that_the_mixture_did_not_draw_is_of_the_rest(tmp_path):
    found = measure(tmp_path, [True] * 6, [False] * 6, [2, 4])
    assert [found["corrected"][name]["items"] for name in ("found", "rest")] == [2, 4]


def test_the_effect_of_three_equal_gains_is_vague(tmp_path):
    found = measure(tmp_path, [True] * 3 + [False] * 3, [False] * 6, [0, 1, 2])
    gain, effect = found["corrected"]["found"]["gain"], found["corrected"]["effect"]
    assert gain["high"] - gain["low"] > 0.7 and effect["high"] - effect["low"] > 1.5


def test_the_same_gain_on_both_has_an_interval_around_nothing(tmp_path):
    tuned, base = [True, True, True, False] * 10, [True, False, False, True] * 10
    effect = measure(tmp_path, tuned, base, list(range(20)))["corrected"]["effect"]
    assert effect["value"] == 0.0 and effect["low"] < -0.2 < 0.2 < effect["high"]


@pytest.mark.parametrize(("trained", "empty"), [([], "found"), (list(range(4)), "rest")])
def test_a_group_without_items_has_no_effect(tmp_path, trained, empty):
    found = measure(tmp_path, [True] * 4, [False] * 4, trained)
    assert found["corrected"][empty] is None and found["corrected"]["effect"] is None
    assert contamination_table.rows([found])[0][-1] == "-"


def test_questions_that_were_not_looked_for_are_in_neither_group(tmp_path):
    found = measure(tmp_path, [True] * 4, [False] * 4, [0], allowed_splits=["test", "val"])
    assert found["corrected"] == {"found": None, "rest": None, "effect": None}
    assert found["unknown"] == 4
    found = measure(tmp_path, [True] * 4, [False] * 4, [0], allowed_splits=["val"])
    assert found["corrected"]["rest"]["items"] == 3 and found["unknown"] == 0


def test_an_item_whose_examples_are_named_in_part_is_found_or_unknown(tmp_path):
    found = measure(tmp_path, [True] * 4, [False] * 4, [0], found_in_more=["cmb:0", "cmb:1"])
    sizes = [found["corrected"][name]["items"] for name in ("found", "rest")]
    assert (sizes, found["unknown"]) == ([1, 2], 1)


def test_a_report_of_another_version_is_refused(tmp_path):
    whole = measure(tmp_path, [True], [False], [0])
    assert whole["items"] == 1
    write_json(tmp_path / "contamination.json", {"dropped": False, "item_ids": ["cmb:0"]})
    with pytest.raises(InputError, match=r"contamination\.json.*no examples of found items"):
        again(tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [(pa.table({"name": ["a:0"]}), "no column id"), (None, "not readable as Parquet")],
)
def test_a_training_file_of_another_kind_is_refused(tmp_path, content, problem):
    measure(tmp_path, [True], [False], [0])
    path = tmp_path / "train.parquet"
    path.write_text("no table") if content is None else pq.write_table(content, path)
    with pytest.raises(InputError, match=rf"train\.parquet.*{problem}"):
        again(tmp_path)


def again(folder: Path) -> dict:
    names = ("t.jsonl", "b.jsonl", "contamination.json", "train.parquet")
    paths = [folder / name for name in names]
    return measure_effect(*paths, "tuned", "cmb", "answer", folder / "out.json")
