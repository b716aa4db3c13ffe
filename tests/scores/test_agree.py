"""Agreement of one model's answers: two readings of them, and two protocols."""

import json
from pathlib import Path

import pytest

from collectivesft.common.errors import InputError, UserError
from collectivesft.common.files import write_jsonl
from collectivesft.scores.agree import agree

KEY = {"q1": "A", "q2": "B", "q3": "AC", "q4": "D"}


def judged(
    corrected: dict[str, str], official: dict[str, str], model: str = "demo", **more
) -> list:
    return [
        {"id": id, "model": model, "category": "c", "subcategory": "s", "answer": key}
        | {"corrected": corrected[id], "official": official[id], "likelihood": None}
        | {"corrected_right": corrected[id] == key, "official_right": official[id] == key}
        | more
        for id, key in KEY.items()
    ]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Written answers of two readings, and likelihoods of one."""
    right, one_off = dict(KEY), KEY | {"q3": "CA", "q4": "A"}
    contents = {
        "answer": judged(right, one_off),
        "likelihood": judged(KEY | {"q1": "B"}, KEY | {"q1": "B"}, likelihood={"A": -1.0}),
        "other": judged(right, right, model="other"),
    }
    paths = {name: tmp_path / f"{name}.jsonl" for name in contents}
    for name, rows in contents.items():
        write_jsonl(paths[name], rows)
    return paths


def test_pairs_are_readings_then_protocols(files, tmp_path):
    options = [f"{name}={files[name]}" for name in ("answer", "likelihood")]
    out = tmp_path / "agreement.json"
    found = agree(options, "cmb", out)
    assert json.loads(out.read_bytes()) == found
    assert (found["model"], found["benchmark"]) == ("demo", "cmb")
    readings, protocols = found["pairs"]
    assert readings["first"] == {"protocol": "answer", "reading": "corrected"}
    assert readings["second"] == {"protocol": "answer", "reading": "official"}
    assert (readings["same"], readings["first_right"], readings["second_right"]) == (0.5, 1.0, 0.5)
    # chance: of the letters A, B, AC, D against A, B, CA, A
    assert readings["kappa"] == pytest.approx((0.5 - 3 / 16) / (1 - 3 / 16), abs=1e-6)
    assert protocols["second"] == {"protocol": "likelihood", "reading": "corrected"}
    assert (protocols["items"], protocols["same"], protocols["second_right"]) == (4, 0.75, 0.75)


def test_files_of_two_models_are_refused(files, tmp_path):
    options = [f"answer={files['answer']}", f"likelihood={files['other']}"]
    with pytest.raises(InputError, match=r"other.jsonl.*answers of other, not of demo"):
        agree(options, "cmb", tmp_path / "out.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"x": 1}\n', "row 1: not a judged answer"),
        ("[1]\n", "row 1: not a judged answer"),
        ("", "no answers"),
    ],
)
def test_a_file_without_judged_answers_is_refused(tmp_path, text, message):
    path = tmp_path / "answers.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        agree([f"answer={path}"], "cmb", tmp_path / "out.json")


@pytest.mark.parametrize("option", ["answer", "=x", "answer="])
def test_an_option_without_protocol_or_path_is_refused(option, tmp_path):
    with pytest.raises(UserError, match="write each protocol once"):
        agree([option], "cmb", tmp_path / "out.json")
