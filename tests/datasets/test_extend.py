"""Run the benchmarks of docs/extend-benchmark.md as the guide shows them."""

import contextlib
import json
import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from collectivesft import benchmarks
from collectivesft.schema import item
from collectivesft.scores.measure import text_metrics
from tests.helpers.scores_inputs import tiny_model

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/extend-benchmark.md").read_text(encoding="utf-8")
ROWS = [
    {
        "id": n,
        "split": split,
        "complaint": f"胸痛{n}小时",
        "department": "心内科",
        "advice": "休息。",
    }
    for n, split in enumerate(("val", "test", "test"))
]


def block(language: str, number: int = 0, text: str = TEXT) -> str:
    """The walk-through's code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)[number]


@contextlib.contextmanager
def added_as(name: str, code: str, folder: Path, monkeypatch):
    """Code as a benchmark of the package, for the time of a test."""
    folder.mkdir()
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(benchmarks, "__path__", [*benchmarks.__path__, str(folder)])
    yield benchmarks.get(name)
    del sys.modules[f"collectivesft.benchmarks.{name}"]
    delattr(benchmarks, name)


@pytest.fixture
def added(tmp_path, monkeypatch):
    """The walk-through's example as a benchmark of the package."""
    with added_as("triage", block("python"), tmp_path / "added", monkeypatch) as module:
        yield module


def test_the_commands_run_from_raw_file_to_scores(added, tmp_path, monkeypatch):
    from collectivesft.cli import app

    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    rows = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    (tmp_path / "data/triage.jsonl").write_text(rows, encoding="utf-8")
    tiny_model(tmp_path / "model")
    text = block("bash").replace("\\\n", " ").replace("/data/triage", "data")
    for line in re.findall("^collectivesft .*", text, re.M):
        done = CliRunner().invoke(app, shlex.split(line)[1:])
        assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception}"
    scores = json.loads((tmp_path / "triage.scores.json").read_text(encoding="utf-8"))
    assert [(c["label"], c["items"]) for c in scores["categories"]] == [
        ("Department", 2), ("Advice", 2),
    ]  # fmt: skip
    prompts = (tmp_path / "triage.predictions.jsonl").read_text(encoding="utf-8")
    assert "患者应当去哪个科室？只回答科室名称。\\n胸痛1小时" in prompts


def test_the_file_is_of_about_a_hundred_lines_and_complete(added):
    assert len(block("python").splitlines()) < 110
    for name in ("SOURCE", "items", "CATEGORIES", "prompt", "target"):
        assert hasattr(added, name) and f"`{name}" in TEXT
    assert added.SOURCE.name == "triage"


def test_what_the_walk_through_names_is_there():
    for path in re.findall(r"\]\((\.\./[^)]+)\)", TEXT):
        assert (ROOT / "docs" / path).is_file(), path
    assert set(text_metrics.METRICS) <= set(re.findall(r"`(\w+)`", TEXT))
    kinds = re.findall(r"^- \*\*(\w+)\*\*:", TEXT, re.M)
    assert set(kinds) - {"upload"} == set(item.Kind.__args__)
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text("utf-8"))
    evaluation = schema["$defs"]["Evaluation"]["properties"]
    assert set(kinds) == set(evaluation["kind"]["enum"])
    assert set(yaml.safe_load(block("yaml"))["evaluation"]["triage"]) == set(evaluation)


def test_the_exam_runs_from_raw_file_to_scores(tmp_path, monkeypatch):
    from collectivesft.cli import app

    code = block("python", 1)
    assert "`src/collectivesft/benchmarks/ward_exam.py`" in TEXT
    assert len(list(filter(None, code.splitlines()))) <= 16  # without empty lines
    rows = [
        {"id": n, "question": f"发热{n}天？", "option": {"A": "甲", "B": "乙"}, "answer": answer}
        for n, answer in enumerate(("A", "B", "BA"), start=1)
    ]
    (tmp_path / "data").mkdir()
    (tmp_path / "data/exam.json").write_text(json.dumps(rows), encoding="utf-8")
    tiny_model(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    with added_as("ward_exam", code, tmp_path / "added", monkeypatch):
        for line in (
            "raw fetch --source benchmarks/ward_exam --folder data --manifest raw/manifest.json",
            "curated items --benchmark ward_exam --manifest raw/manifest.json --out i.jsonl",
            "scores predict --model model --name m --items i.jsonl --out p.jsonl "
            "--method likelihood",
            "scores score --predictions p.jsonl --items i.jsonl --model m --protocol likelihood "
            "--out s.json --csv c.csv --answers a.jsonl",
        ):
            done = CliRunner().invoke(app, shlex.split(line))
            assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception}"
    scores = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert [(c["label"], c["items"]) for c in scores["categories"]] == [("Ward", 3)]
    asked = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text("utf-8").splitlines()]
    assert [row["answer"] for row in asked] == ["A", "B", "AB"]
    assert [row["multiple"] for row in asked] == [False, False, True]
    assert "病房测验" in asked[0]["prompt"] and "B. 乙" in asked[0]["prompt"]
