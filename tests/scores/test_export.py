"""Scores in the form of Every Eval Ever pass that package's own validator."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json, read_jsonl, sha256
from collectivesft.scores.export import export_eee

ROOT = Path(__file__).parents[2]
VALIDATE = """
import json, sys
from pathlib import Path
from every_eval_ever.validator.validation_core import validate_file
root, *names = sys.argv[1:]
for name in names:
    report = validate_file(
        Path(root, name), repo_path=name, available_files=set(names),
        read_repo_file=lambda one: Path(root, one).read_text(encoding="utf-8"),
        run_semantic_checks=True,
    )
    print(json.dumps([report.valid, report.errors, report.warnings]))
"""


def answer(number: int, right: bool, **more) -> dict:
    prompt = f"第{number}题？\nA. 是\nB. 否"
    letters = {"answer": "A", "corrected": "A" if right else "B", "official": "A"}
    about = {"id": str(number), "model": "mine", "prompt": prompt, "raw": "答案", "error": None}
    about |= {"category": "医师考试", "subcategory": "规培结业", "official_right": True}
    return about | letters | {"corrected_right": right} | more


@pytest.fixture
def inputs(tmp_path) -> tuple[Path, Path]:
    scores = {
        "model": "mine",
        "kind": "choice",
        "benchmark": "cmb",
        "protocol": "answer",
        "method": "generate",
        "items": 4,
        "macro": {"value": 0.75, "low": 0.25, "high": 1.0},
        "micro": {"value": 0.75, "low": 0.25, "high": 1.0},
        "official": {"macro": 1.0, "micro": 1.0},
    }
    rows = [answer(n, right=n != 2) for n in range(4)]
    rows[3]["error"] = "context too long"
    (tmp_path / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "answers.jsonl").write_text(lines, encoding="utf-8")
    return tmp_path / "scores.json", tmp_path / "answers.jsonl"


@pytest.mark.parametrize("made_up", [False, True])
def test_the_packages_own_validator_accepts_both_files(inputs, tmp_path, made_up):
    """Schema and semantic checks of every_eval_ever 0.3.0 (envs/eee)."""
    package = ROOT / ".tools/eee"
    if not package.is_dir():
        pytest.skip("needs Every Eval Ever's validator: envs/eee")
    path = export_eee(*inputs, "me/Model-7B", tmp_path / "out", made_up=made_up, time=1_700_000_000)
    names = [
        one.relative_to(tmp_path / "out").as_posix()
        for one in (path, path.with_name(f"{path.stem}_samples.jsonl"))
    ]
    command = [sys.executable, "-c", VALIDATE, tmp_path / "out", *names]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(package)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [[True, [], []]] * 2


def test_instances_add_up_to_the_result_they_name(inputs, tmp_path):
    path = export_eee(*inputs, "me/Model-7B", tmp_path / "out", time=1)
    whole = read_json(path)
    results = {one["evaluation_result_id"]: one for one in whole["evaluation_results"]}
    details = whole["detailed_evaluation_results"]
    file = tmp_path / "out" / details["file_path"]
    assert details["checksum"] == sha256(file) and details["total_rows"] == 4
    rows = [row for _, row in read_jsonl(file)]
    assert [row["sample_id"] for row in rows] == list("0123")
    named = {row["evaluation_result_id"] for row in rows}
    assert named == {"cmb.answer.corrected.micro"}
    mean = sum(row["evaluation"]["score"] for row in rows) / len(rows)
    assert mean == results[named.pop()]["score_details"]["score"] == 0.75
    assert rows[2]["answer_attribution"][0]["extracted_value"] == "B"
    assert rows[2]["evaluation"]["is_correct"] is False
    assert "error" not in rows[2] and rows[3]["error"] == "context too long"
    assert results["cmb.answer.official.micro"]["score_details"] == {"score": 1.0}


def test_the_same_inputs_give_the_same_bytes(inputs, tmp_path):
    first, second = (export_eee(*inputs, "me/m", tmp_path / one, time=1) for one in "ab")
    assert first.name == second.name and sha256(first) == sha256(second)


def test_made_up_questions_are_not_said_to_be_the_benchmarks(inputs, tmp_path):
    path = export_eee(*inputs, "me/m", tmp_path / "out", made_up=True, time=1)
    content = read_json(path)
    assert "Made up" in content["source_metadata"]["additional_details"]["note"]
    sources = [one["source_data"] for one in content["evaluation_results"]]
    assert {(one["source_type"], one["dataset_name"]) for one in sources} == {
        ("other", "cmb, made up")
    }


def test_wrong_inputs_are_one_message(inputs, tmp_path):
    scores, answers = inputs
    with pytest.raises(UserError, match="has no owner"):
        export_eee(scores, answers, "model", tmp_path / "out")
    with pytest.raises(UserError, match="holds 3 answers"):
        lines = answers.read_text(encoding="utf-8").splitlines(keepends=True)
        (tmp_path / "few.jsonl").write_text("".join(lines[:3]), encoding="utf-8")
        export_eee(scores, tmp_path / "few.jsonl", "me/m", tmp_path / "out")
    with pytest.raises(UserError, match="holds answers of another"):
        text = answers.read_text(encoding="utf-8").replace('"mine"', '"another"')
        answers.write_text(text, encoding="utf-8")
        export_eee(scores, answers, "me/m", tmp_path / "out")
    content = read_json(scores) | {"kind": "cases"}
    scores.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match="no scores of a choice benchmark"):
        export_eee(scores, answers, "me/m", tmp_path / "out")
    assert not (tmp_path / "out").exists()
