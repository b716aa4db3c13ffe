"""The whole flow with a tiny random model: once, again, after a kill, and on broken input."""

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from tests.helpers import snakemake_server, torch_server

ROOT = Path(__file__).parents[2]
FRESH = ("checkpoints", "report.html")
SNAKEMAKE = (sys.executable, "-m", "snakemake")


@pytest.fixture(scope="module")
def place(tiny) -> Path:
    """The folder of the one undisturbed run, shared by the tests of this file, which change it."""
    return tiny[0].folder


def environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"PYTHONPATH": str(ROOT / "src"), "PATH": path}


def forking() -> dict[str, str]:
    """The environment of a run that nothing kills: Snakemake and its jobs start as forks."""
    return snakemake_server.with_command(environment(), torch_server.command)


def command(*arguments: str, start: Sequence[str] = SNAKEMAKE) -> list[str]:
    quiet = ["--quiet", "rules", "reason", "host"]
    base = [*start, "--rerun-incomplete", *quiet]
    return [*base, "--cores", "2", *arguments, "--configfile", "config/tiny.yaml"]


def run(place: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(*arguments, start=["snakemake"]),
        cwd=place,
        env=forking(),
        capture_output=True,
        text=True,
        check=False,
    )


def fingerprint(results: Path) -> dict[str, str]:
    files = (path for path in sorted(results.rglob("*")) if path.is_file())
    kept = (path for path in files if not set(FRESH) & set(path.relative_to(results).parts))
    return {
        str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in kept
    }


@pytest.fixture(scope="module")
def results(tiny) -> Path:
    """Results of that run."""
    return tiny[0].results


@pytest.mark.slow
def test_everything_is_made(results):
    figures = {path.stem for path in (results / "5_figures").iterdir()}
    assert len(figures) == 11
    for name in figures:
        for suffix in ("svg", "pdf", "png", "csv"):
            assert (results / f"5_figures/{name}.{suffix}").stat().st_size > 100
    for name in ("6_paper/paper.pdf", "7_hub/tiny/README.md", "7_hub/tiny/manifest.json"):
        assert (results / name).is_file()
    ledger = json.loads((results / "2_curated/mixtures/tiny/ledger.json").read_text("utf-8"))
    assert len(ledger["datasets"]) == 13
    for steps in ledger["datasets"].values():
        for counts in steps.values():
            assert counts["rows_in"] == counts["kept"] + sum(counts["dropped"].values())


@pytest.mark.slow
def test_paper_shows_the_numbers_of_the_run(results):
    import pypdf

    pages = pypdf.PdfReader(results / "6_paper/paper.pdf").pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert "DEMONSTRATION BUILD" in text
    totals = json.loads((results / "6_paper/values.json").read_text("utf-8"))["totals"]
    assert f"turns {totals['rows_in']} raw rows into {totals['kept']} clean" in text
    with open(results / "4_scores/table.csv", encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert {row["model"] for row in rows} == {"tiny", "tiny-random"}
    assert {row["protocol"] for row in rows} == {"answer", "likelihood", "circular"}


@pytest.mark.slow
def test_again_nothing_is_to_be_done(results, place):
    again = run(place)
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout + again.stderr


@pytest.mark.slow
def test_curves_asked_for_afterwards_train_nothing_again(results, place):
    later = run(place, "--dry-run", "--config", "report_to=[tensorboard]")
    assert later.returncode == 0, later.stderr
    assert "Nothing to be done" in later.stdout + later.stderr


@pytest.mark.slow
def test_a_reader_s_edit_reruns_its_own_dataset_only(results, place):
    source = place / "src"
    source.unlink()
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    with open(source / "collectivesft/datasets/cmid.py", "a", encoding="utf-8") as reader:
        reader.write("\n# An edit: Snakemake looks at the content, not only at the time.\n")
    planned = subprocess.run(
        [*command("-n", start=["snakemake"]), "--quiet", "host"],
        cwd=place, env=forking(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    shutil.rmtree(source)
    source.symlink_to(ROOT / "src")
    whole = planned.stdout + planned.stderr
    assert "dataset=cmid" in whole
    read = {line.split("=")[1].strip() for line in whole.splitlines() if "dataset=" in line}
    assert read == {"cmid"}
    assert "sft_base" not in whole


@pytest.mark.slow
def test_a_killed_run_finishes_with_the_same_bytes(results, place):
    """Kill the engine and all its jobs at several stages; run again until it ends."""
    whole = fingerprint(results)
    shutil.rmtree(results)
    marks = ["2_curated/cmb/read.parquet", "3_sft/tiny/tokens", "4_scores/tiny-random"]
    for mark in marks:
        kill_when(place, results / mark)
    unlock = run(place, "--unlock")
    assert unlock.returncode == 0, unlock.stderr
    done = run(place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert fingerprint(results) == whole


def kill_when(place: Path, mark: Path) -> None:
    """Start the workflow, kill it with all its jobs once ``mark`` is there."""
    run(place, "--unlock")
    with open(place / "killed.log", "ab") as log:
        process = subprocess.Popen(
            command(), cwd=place, env=environment(), stdout=log, stderr=log, start_new_session=True
        )
        deadline = time.monotonic() + 500
        while not mark.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert mark.exists(), (place / "killed.log").read_text("utf-8")[-2000:]
        assert process.poll() is None, "it ended before it could be killed"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


BROKEN = {
    "cut in half": lambda data: data[: len(data) // 2],
    "a login page": lambda data: b"<!DOCTYPE html><html><body>Sign in</body></html>",
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=list(BROKEN))
@pytest.mark.parametrize("honest", [False, True], ids=["wrong checksum", "right checksum"])
def test_broken_input_is_one_message_and_the_repair_goes_on(clone, change, honest):
    """A damaged archive, refused for its checksum or, where that is right, for what it is."""
    raw = clone / "raw"
    shutil.copytree(ROOT / "resources/demo/raw", raw)
    path = raw / "datasets/webmedqa/train.zip"
    good, sums = path.read_bytes(), (raw / "SHA256SUMS").read_text("utf-8")
    path.write_bytes(change(good))
    if honest:
        old, new = (hashlib.sha256(data).hexdigest() for data in (good, path.read_bytes()))
        (raw / "SHA256SUMS").write_text(sums.replace(old, new), encoding="utf-8")
    overlay = yaml.safe_load((clone / "config/tiny.yaml").read_text("utf-8"))
    overlay["raw"] = {"folder": "raw", "checksums": "raw/SHA256SUMS"}
    (clone / "config/tiny.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")

    target = "results/tiny/2_curated/webmedqa/read.parquet"
    broken = run(clone, target)
    assert broken.returncode != 0
    assert not (clone / target).exists()
    logs = sorted((clone / "logs/tiny").rglob("*.log"))
    message = "".join(log.read_text("utf-8") for log in logs)
    lines = [line for line in message.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "train.zip" in lines[0], message
    assert "Traceback" not in message

    path.write_bytes(good)
    (raw / "SHA256SUMS").write_text(sums, encoding="utf-8")
    os.utime(raw / "SHA256SUMS")
    repaired = run(clone, target)
    assert repaired.returncode == 0, repaired.stderr


@pytest.mark.slow
def test_another_experiment_is_compared_with_the_headline(results, place):
    """The last test of the flow: it adds to the run that the others look at."""
    experiments = place / "config/experiments"
    recipe = yaml.safe_load((experiments / "tiny.yaml").read_text("utf-8"))
    recipe["title"], recipe["mixture"] = "Half of it", recipe["mixture"] | {"fraction": 0.5}
    recipe["training"]["max_steps"] = 2
    (experiments / "tiny-half.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    overlay = yaml.safe_load((place / "config/tiny.yaml").read_text("utf-8"))
    overlay["experiments"].append("tiny-half")
    (place / "config/tiny.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    paper = str((results / "6_paper/paper.pdf").relative_to(place))
    done = run(place, paper)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(results / "5_figures/data_size.csv", encoding="utf-8", newline="") as handle:
        series = {row["model"]: row["series"] for row in csv.DictReader(handle)}
    assert series == {"tiny-random": "base", "tiny": "fraction", "tiny-half": "fraction"}
    with open(results / "6_paper/tables/ablations.csv", encoding="utf-8", newline="") as handle:
        rows = {row["model"]: row for row in csv.DictReader(handle) if row["run"] == "yes"}
    assert set(rows) == {"tiny", "tiny-random", "tiny-half"}
    assert rows["tiny-half"]["title"] == "Half of it"
    assert rows["tiny-half"]["p"] and not rows["tiny"]["p"]
