"""MedS-Bench and MedBench from raw files to table and upload, by the rules' own command lines."""

import json
import re
import shlex
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT / "tests/datasets"), str(ROOT / "tests/unit")]
LEADERBOARD = "resources/leaderboard/cmb-exam-2024-03-16.csv"
OVERLAY = {
    "run": "free",
    "benchmarks": ["cmb", "meds_bench", "medbench"],
    "protocols": {"write": {"max_new_tokens": 4, "batch_size": 8}},
    "evaluation": {"meds_bench": {"limit": None}},
}


def overlay(folder: Path) -> Path:
    """A configuration of the tiny run with both benchmarks, from files in ``folder``."""
    from benchmark_files import medbench_files, meds_files

    config = yaml.safe_load((folder / "config/tiny.yaml").read_text("utf-8"))
    for key, value in OVERLAY.items():
        config[key] = {**config.get(key, {}), **value} if isinstance(value, dict) else value
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


def commands(text: str) -> list[list[str]]:
    """The package's command lines that Snakemake would run, without their logs, in order."""
    found = re.findall(r"python -m collectivesft (.*?) 2> \S+", text, re.S)
    return [shlex.split(line) for line in found]


@pytest.fixture
def call(clone, monkeypatch):
    """Run one command line in this process, in the clone."""
    from typer.testing import CliRunner

    from collectivesft.cli import app

    monkeypatch.chdir(clone)

    def run(arguments: list[str]):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, f"{arguments}\n{done.output}\n{done.exception}"
        return done.output

    return run


def test_free_text_flows_from_raw_files_to_table_and_upload(clone, snakemake, call):
    from test_scores_predict import tiny_model

    config = overlay(clone)
    scores = "results/free/4_scores/tiny-random"
    targets = [f"{scores}/meds_bench.write.text.scores.json", f"{scores}/medbench.write.upload.zip"]
    done = snakemake("-np", *targets, "--configfile", str(config))
    assert done.returncode == 0, done.stderr
    lines = commands(done.stdout)
    wanted = {"raw fetch": 2, "curated items": 2, "scores predict": 2}
    wanted |= {"scores score-text": 1, "scores upload": 1}
    verbs = [" ".join(line[:2]) for line in lines]
    assert {verb: verbs.count(verb) for verb in wanted} == wanted
    tiny_model(clone / ".cache/models/tiny-random")
    for verb in wanted:  # in the flow's order
        for line in lines:
            if line[:2] == verb.split():
                call(line)
    found = json.loads((clone / targets[0]).read_text(encoding="utf-8"))
    assert (found["kind"], found["items"], len(found["subcategories"])) == ("text", 11, 8)
    assert {row["main"] for row in found["subcategories"]} == {"accuracy", "f1", "rouge_l"}
    answers = (clone / targets[0].replace("scores.json", "answers.jsonl")).read_text("utf-8")
    assert any(json.loads(line)["raw"] for line in answers.splitlines())
    with zipfile.ZipFile(clone / targets[1]) as archive:
        assert archive.namelist() == ["DrugCA_test.jsonl", "MedHC.jsonl", "MedNew.jsonl"]
    table = [f"--{kind}={clone / f't.{kind}'}" for kind in ("csv", "markdown", "latex")]
    call(["scores", "table", "--scores", targets[0], "--leaderboard", LEADERBOARD, *table])
    assert "| tiny-random | meds_bench | write | all | 11 |" in (clone / "t.markdown").read_text()


def test_the_whole_plan_holds_the_scores_of_text_and_the_upload_of_the_headline(clone, snakemake):
    done = snakemake("-n", "--configfile", str(overlay(clone)))
    assert done.returncode == 0, done.stderr
    outputs = re.findall(r"output: (.*)", done.stdout + done.stderr)
    made = {name for line in outputs for name in line.split(", ")}
    for model in ("tiny", "tiny-random"):
        assert f"results/free/4_scores/{model}/meds_bench.write.text.scores.json" in made
    assert {name for name in made if name.endswith(".upload.zip")} == {
        "results/free/4_scores/tiny/medbench.write.upload.zip"
    }
    tuned = "4_scores/tiny/meds_bench.write.text.scores.json"
    block = next(b for b in (done.stdout + done.stderr).split("\nrule ") if tuned in b)
    assert "tiny-random/meds_bench.write.text.answers.jsonl" in block


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"evaluation": {"meds_bench": {"protocols": ["likelihood"]}}},
            "evaluation.meds_bench.protocols: 'likelihood' compares letters",
        ),
        (
            {"headline": {"benchmark": "meds_bench", "protocol": "write"}},
            "headline.benchmark: only one of kind choice has accuracies",
        ),
        ({"evaluation": {"medbench": {"kind": "texts"}}}, "evaluation.medbench.kind: 'texts'"),
    ],
)
def test_a_configuration_that_cannot_be(clone, snakemake, changes, problem):
    path = overlay(clone)
    config = yaml.safe_load(path.read_text("utf-8"))
    for key, value in changes.items():
        for name, settings in value.items():
            own = config.setdefault(key, {})
            own[name] = (
                {**own.get(name, {}), **settings} if isinstance(settings, dict) else settings
            )
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    done = snakemake("-n", "--configfile", str(path))
    assert done.returncode != 0
    assert problem in done.stdout + done.stderr
