"""The workflow on a cluster: the same bytes, also after kills; troubles are survived or told."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = [ROOT / f"containers/{name}.sif" for name in ("data", "model-cpu", "paper")]

IN_IMAGES = pytest.param(
    ("--use-apptainer",),
    id="images",
    marks=[
        pytest.mark.apptainer,
        pytest.mark.skipif(not shutil.which("apptainer"), reason="apptainer is not on PATH"),
        pytest.mark.skipif(
            not all(image.is_file() for image in IMAGES), reason="run `make containers` first"
        ),
    ],
)
TRAINED = "results/tiny/3_sft/tiny/history.jsonl"
pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(2400)]


def squeue(*options: str) -> str:
    """Return the output of squeue, without a header."""
    command = ["squeue", "--noheader", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def running() -> list[str]:
    """Numbers of the workflow's running jobs."""
    jobs = squeue("--states=R", "--format=%A %j").splitlines()
    return [job.split()[0] for job in jobs if "csft-tiny-" in job]


def wait_for(what, seconds: float, process: subprocess.Popen, log: Path):
    """Return ``what()`` once it is true; fail where the process ends or time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        assert process.poll() is None, log.read_text("utf-8")[-3000:]
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} s\n{log.read_text('utf-8')[-3000:]}")


@pytest.fixture(scope="module")
def troubles(slurm, profile, new_place):
    """Jobs in trouble, which mostly sleep: they run beside the other tests, which are minutes."""
    place = new_place("trouble")
    shutil.copy(ROOT / "tests/slurm/trouble.smk", place.folder)
    log = place.folder / "trouble.log"
    options = ["--snakefile", "trouble.smk", "--profile", str(profile(grouped=False, retries=1))]
    options += ["--workflow-profile", "none", "--keep-going", "--show-failed-logs"]
    options += ["--slurm-status-command", "squeue"]
    with open(log, "wb") as handle:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *options],
            cwd=place.folder, env=place.environment(), stdout=handle, stderr=handle,
        )  # fmt: skip
    try:
        wait_for((place.folder / "cancelled.txt").exists, 900, process, log)
        jobs = squeue("--states=R", "--format=%A %k").splitlines()
        (number,) = (job.split()[0] for job in jobs if "cancelled" in job)
        subprocess.run(["scancel", number], check=True)
        yield place, process, log
    finally:
        process.terminate()
        process.wait()


def test_a_killed_controller_loses_nothing(troubles, profile, small_place, small_bare):
    """Kill -9 while a job trains; the job lives on, and must not write beside its second try."""
    place = small_place("slurm")
    log = place.folder / "killed.log"
    command = ["workflow/bin/slurm", "config/tiny.yaml"]
    environment = place.environment(PROFILE=str(profile()))
    with open(log, "wb") as handle:
        first = subprocess.Popen(
            command, cwd=place.folder, env=environment, stdout=handle, stderr=handle,
            start_new_session=True,
        )  # fmt: skip
    try:
        wait_for((place.results / "3_sft/tiny/tokens").exists, 900, first, log)
        second = place.run(*command, PROFILE=environment["PROFILE"])
        assert second.returncode == 1
        assert "error: a run still works in this folder" in second.stdout
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    assert running(), "the job should live on"
    before = {path: path.stat().st_mtime_ns for path in place.results.glob("2_curated/*/*.parquet")}
    assert before

    done = place.run(*command, PROFILE=environment["PROFILE"], timeout=1200)
    assert done.returncode == 0, done.stdout
    assert re.search(r"Cancelling [12] job\(s\) that an earlier run left behind", done.stdout)
    assert {path: path.stat().st_mtime_ns for path in before} == before, "finished work is kept"
    assert place.fingerprint() == small_bare


@pytest.mark.parametrize("images", [pytest.param((), id="bare"), IN_IMAGES])
def test_a_training_on_two_nodes(slurm, profile, trainable, done_place, images):
    """One allocation, a launcher on each node: the losses of one process alone."""
    if len(set(gpu_nodes())) < 2:
        pytest.skip("this Slurm has no two nodes with a GPU")
    place = trainable(
        "nodes", {}, device="cuda", gpus=1, nodes=2, containers={"model-cuda": str(IMAGES[1])}
    )
    done = place.run(
        "workflow/bin/slurm", "config/tiny.yaml", *images, "--", TRAINED,
        PROFILE=str(profile(grouped=False)),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    told = (place.folder / "logs/tiny/3_sft/tiny/train.log").read_text("utf-8")
    assert "is 1 of 2, with 1 process(es)" in told
    assert "is 2 of 2, with 1 process(es)" in told
    assert losses(place) == pytest.approx(losses(done_place), rel=2e-5)


def test_a_training_is_stopped_and_requeued_and_goes_on(slurm, profile, trainable):
    """SIGTERM as before a time limit: saved, tried again. A requeue as by preemption: goes on."""
    settings = {"epochs": 200, "eval_steps": 100, "save_steps": 40}
    whole, place = (trainable(name, settings, threads=1) for name in ("whole", "stopped"))
    done = whole.snakemake("--cores", "2", TRAINED)
    assert done.returncode == 0, done.stdout
    log, train_log = place.folder / "stopped.log", place.folder / "logs/tiny/3_sft/tiny/train.log"
    saved = place.results / "3_sft/tiny/checkpoints"
    command = ["workflow/bin/slurm", "config/tiny.yaml", "--", TRAINED]
    environment = place.environment(PROFILE=str(profile(grouped=False)))
    with open(log, "wb") as handle:
        process = subprocess.Popen(
            command, cwd=place.folder, env=environment, stdout=handle, stderr=handle
        )
        wait_for(lambda: list(saved.glob("step-*")), 900, process, log)
        (first,) = running()
        subprocess.run(["scancel", "--signal=TERM", first], check=True)
        wait_for(lambda: squeue("--states=F", f"--jobs={first}", "--format=%A"), 900, process, log)
        assert "stopped on request after step" in train_log.read_text("utf-8")
        kept = max(saved.glob("step-*")).name
        assert int(kept[5:]) % 40, "saved between two regular checkpoints"
        wait_for(lambda: max(saved.glob("step-*")).name > kept, 900, process, log)
        (second,) = running()
        assert second != first
        subprocess.run(["scontrol", "requeue", second], check=True)
        assert process.wait(timeout=1200) == 0, log.read_text("utf-8")
    shown = subprocess.run(["scontrol", "show", "job", second], capture_output=True, text=True)
    assert "Restarts=1" in shown.stdout, "Slurm itself started it again"
    assert (place.folder / TRAINED).read_bytes() == (whole.folder / TRAINED).read_bytes()


def gpu_nodes() -> list[str]:
    """Names of nodes that have a GPU."""
    command = ["sinfo", "--noheader", "-N", "--format=%N %G"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split()[0] for line in lines if "gpu" in line]


def losses(place) -> list[float]:
    """Every loss of a training's history."""
    lines = (place.folder / TRAINED).read_text("utf-8").splitlines()
    return [row.get("loss", row.get("eval_loss")) for row in map(json.loads, lines)]


@pytest.mark.parametrize("images", [IN_IMAGES])
def test_the_flow_through_slurm_in_images(slurm, profile, small_place, small_bare, images):
    place = small_place("slurm-images")
    done = place.run(
        "workflow/bin/slurm", "config/tiny.yaml", *images, PROFILE=str(profile()), timeout=1200
    )
    assert done.returncode == 0, done.stdout
    assert place.fingerprint() == small_bare


def test_troubles_are_survived_or_told(troubles):
    """One job out of time, one cancelled: tried again, with more. One that fails: its log."""
    place, process, log = troubles
    assert process.wait(timeout=1200) == 1
    told = log.read_text("utf-8")
    assert (place.folder / "late.txt").read_text("utf-8") == "2 2000\n"
    assert (place.folder / "cancelled.txt").read_text("utf-8") == "whole\n"
    assert not (place.folder / "failing.txt").exists()
    assert "error: no luck today" in told
    assert re.search(r"TIMEOUT", told) and re.search(r"CANCELLED", told)
