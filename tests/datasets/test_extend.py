"""The walk-through of docs/extend-benchmark.md: its file and its commands run as they stand."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from collectivesft import benchmarks
from collectivesft.benchmarks import item
from collectivesft.scores import text_metrics

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


def block(language: str, number: int = 0) -> str:
    """The walk-through's code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)[number]


@pytest.fixture
def added(tmp_path, monkeypatch):
    """The example as a benchmark of the package, for the time of a test."""
    folder = tmp_path / "added"
    folder.mkdir()
    (folder / "triage.py").write_text(block("python"), encoding="utf-8")
    monkeypatch.setattr(benchmarks, "__path__", [*benchmarks.__path__, str(folder)])
    yield benchmarks.get("triage")
    del sys.modules["collectivesft.benchmarks.triage"], benchmarks.triage


def test_the_commands_run_from_raw_file_to_scores(added, tmp_path, monkeypatch):
    sys.path.insert(0, str(ROOT / "tests/unit"))
    from test_scores_predict import tiny_model

    from collectivesft.cli import app

    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    rows = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    (tmp_path / "data/triage.jsonl").write_text(rows, encoding="utf-8")
    tiny_model(tmp_path / "model")
    for line in block("bash").replace("\\\n", " ").replace("/data/triage", "data").splitlines():
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
    evaluation = schema["properties"]["evaluation"]["additionalProperties"]["properties"]
    assert set(kinds) == set(evaluation["kind"]["enum"])
    assert set(yaml.safe_load(block("yaml"))["evaluation"]["triage"]) == set(evaluation)
