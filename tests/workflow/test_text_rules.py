"""MedS-Bench and MedBench from raw files to table and upload, by the rules' own command lines."""

import json
import re
import shlex
import zipfile
from pathlib import Path

import config_check
import pytest
import yaml

from tests.helpers.benchmark_files import medbench_files, meds_files
from tests.helpers.scores_inputs import tiny_model
from tests.workflow.test_scores_rules import code_of

ROOT = Path(__file__).parents[2]
SCORES = "results/free/4_scores"
TEXT, JUDGED, UPLOAD = (
    f"{name}.write.{what}"
    for name, what in (
        ("meds_bench", "text.scores.json"),
        ("meds_bench", "text.answers.jsonl"),
        ("medbench", "upload.zip"),
    )
)
OVERLAY = {
    "run": "free",
    "benchmarks": ["cmb", "meds_bench", "medbench"],
    "protocols": {"write": {"max_new_tokens": 4, "batch_size": 8}},
    "evaluation": {"meds_bench": {"limit": None}},
}


def overlay(folder: Path) -> Path:
    """A configuration of the tiny run with both benchmarks, from files in ``folder``."""
    config = merged(yaml.safe_load((folder / "config/tiny.yaml").read_text("utf-8")), OVERLAY)
    config["sources"] = {}
    for name, files in (("meds_bench", meds_files()), ("medbench", medbench_files())):
        for path, data in files.items():
            place = folder / "placed" / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        place = {"folder": str(folder / "placed" / name), "files": list(files)}
        config["sources"][f"benchmarks/{name}"] = place
    path = folder / "config/free.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def merged(config: dict, changes: dict) -> dict:
    """The configuration with an overlay, as Snakemake joins them."""
    new = dict(config)
    for key, value in changes.items():
        new[key] = merged(new.get(key, {}), value) if isinstance(value, dict) else value
    return new


def commands(text: str) -> list[list[str]]:
    """The package's command lines that a dry run shows, without their logs, in order."""
    found = re.findall(r"python -m collectivesft (.*?) 2> \S+", text)
    return [shlex.split(line) for line in found]


@pytest.fixture
def call(clone, monkeypatch):
    """Run one command line in this process, in the clone."""
    from typer.testing import CliRunner

    from collectivesft.cli import app

    monkeypatch.chdir(clone)

    def run(arguments: list[str]) -> None:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, f"{arguments}\n{done.output}\n{done.exception}"

    return run


def check_plan(lines: list[list[str]], outputs: set[str]) -> None:
    """Both models are scored, the experiment's against its base; one upload, the headline's."""
    assert {f"{SCORES}/{model}/{TEXT}" for model in ("tiny", "tiny-random")} <= outputs
    uploads = {name for name in outputs if name.endswith(".upload.zip")}
    assert uploads == {f"{SCORES}/tiny/{UPLOAD}"}
    scored = {line[line.index("--model") + 1]: line for line in lines if line[1] == "score-text"}
    assert set(scored) == {"tiny", "tiny-random"}
    assert scored["tiny"][-2:] == ["--base", f"{SCORES}/tiny-random/{JUDGED}"]
    assert "--base" not in scored["tiny-random"]


def test_free_text_flows_from_raw_files_to_table_and_upload(clone, snakemake, call):
    done = snakemake("-np", "--configfile", str(overlay(clone)))
    assert done.returncode == 0, done.stderr
    text = done.stdout + done.stderr
    lines = commands(text)
    outputs = {name for line in re.findall(r"output: (.*)", text) for name in line.split(", ")}
    check_plan(lines, outputs)
    # Training is left out: another random model stands where the experiment's would.
    for folder in (".cache/models/tiny-random", "results/free/3_sft/tiny/model"):
        tiny_model(clone / folder)
    made = []
    for stage in ("raw fetch", "curated items", "scores predict", "scores score-text"):
        own = [line for line in lines if line[:2] == stage.split()]
        own = [line for line in own if re.search("meds_bench|medbench", " ".join(line))]
        for line in sorted(own, key=lambda line: "--base" in line):
            call(line)
        made.append(len(own))
    assert made == [2, 2, 3, 2]
    call(next(line for line in lines if line[:2] == ["scores", "upload"]))
    check_results(clone, call)


def check_results(clone: Path, call) -> None:
    found = json.loads((clone / SCORES / "tiny" / TEXT).read_text(encoding="utf-8"))
    assert (found["kind"], found["items"], len(found["subcategories"])) == ("text", 11, 8)
    assert {row["main"] for row in found["subcategories"]} == {"accuracy", "f1", "rouge_l"}
    assert found["against"]["model"] == "tiny-random"
    answers = (clone / SCORES / "tiny" / JUDGED).read_text("utf-8").splitlines()
    assert len(answers) == 11 and any(json.loads(line)["raw"] for line in answers)
    with zipfile.ZipFile(clone / SCORES / "tiny" / UPLOAD) as archive:
        assert archive.namelist() == ["DrugCA_test.jsonl", "MedHC.jsonl", "MedNew.jsonl"]
    scores = [f"--scores={SCORES}/{model}/{TEXT}" for model in ("tiny-random", "tiny")]
    board = "--leaderboard=resources/leaderboard/cmb-exam-2024-03-16.csv"
    call(["scores", "table", *scores, board, "--csv=t.csv", "--markdown=t.md", "--latex=t.tex"])
    assert "| tiny-random | meds_bench | write | all | 11 |" in (clone / "t.md").read_text("utf-8")


def test_scoring_of_free_text_runs_no_model_and_is_done_again_after_an_edit():
    assert {"score_text", "text_metrics", "text_statistics"} <= code_of("scores_score_text")
    for rule in ("scores_score_text", "scores_upload"):
        assert not code_of(rule) & {"language_model", "predict", "answer_cases", "resume_log"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"evaluation": {"meds_bench": {"protocols": ["likelihood"]}}},
            "evaluation.meds_bench.protocols: 'likelihood' compares letters",
        ),
        (
            {
                "benchmarks": ["cmb", "meds_bench"],
                "headline": {"benchmark": "meds_bench", "protocol": "write"},
            },
            "headline.benchmark: only one of kind choice has accuracies",
        ),
        (
            {"evaluation": {"meds_bench": {"protocols": ["cot_8samples"]}}},
            "evaluation.meds_bench.protocols: 'cot_8samples' draws several answers, which free",
        ),
        ({"evaluation": {"medbench": {"kind": "texts"}}}, "evaluation.medbench.kind: 'texts'"),
    ],
)
def test_a_configuration_that_cannot_be(changes, problem):
    config = config_check.read_yaml(ROOT / "config/config.yaml")
    config_check.check(config, ROOT)
    with pytest.raises(config_check.ConfigurationError) as caught:
        config_check.check(merged(config, changes), ROOT)
    assert problem in str(caught.value)
