"""The workflow on a cluster: the same bytes, also after kills; troubles are survived or told."""

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

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(1500)]


def squeue(*options: str) -> str:
    """What squeue prints, without a header."""
    command = ["squeue", "--noheader", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def wait_for(what, seconds: float, process: subprocess.Popen, log: Path):
    """What ``what()`` gives once it is true; fails where the process ends or time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        assert process.poll() is None, log.read_text("utf-8")[-3000:]
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} s\n{log.read_text('utf-8')[-3000:]}")


def test_a_killed_controller_loses_nothing(slurm, profile, small_place, small_bare):
    """Kill -9 while a job trains; the job lives on, and must not write beside its second try."""
    place = small_place("slurm")
    log = place.folder / "killed.log"
    command = ["workflow/slurm", "config/tiny.yaml"]
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
        assert "error: a run is still going in this folder" in second.stdout
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    assert squeue("--states=R", "--format=%j").startswith("csft-tiny-"), "the job should live on"
    before = {path: path.stat().st_mtime_ns for path in place.results.glob("2_curated/*/*.parquet")}
    assert before

    done = place.run(*command, PROFILE=environment["PROFILE"], timeout=1200)
    assert done.returncode == 0, done.stdout
    assert "Cancelling 1 job(s) that an earlier run left behind." in done.stdout
    assert {path: path.stat().st_mtime_ns for path in before} == before, "finished work is kept"
    assert place.fingerprint() == small_bare


@pytest.mark.apptainer
@pytest.mark.skipif(not shutil.which("apptainer"), reason="apptainer is not on PATH")
@pytest.mark.skipif(
    not all(image.is_file() for image in IMAGES), reason="run `make containers` first"
)
def test_the_flow_through_slurm_in_images(slurm, profile, small_place, small_bare):
    place = small_place("slurm-images")
    done = place.run(
        "workflow/slurm",
        "config/tiny.yaml",
        "--use-apptainer",
        PROFILE=str(profile()),
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout
    assert place.fingerprint() == small_bare


def test_troubles_are_survived_or_told(slurm, profile, new_place):
    """One job out of time, one cancelled: tried again, with more. One that fails: its log."""
    place = new_place("trouble")
    shutil.copy(ROOT / "tests/slurm/trouble.smk", place.folder)
    log = place.folder / "trouble.log"
    options = ["--snakefile", "trouble.smk", "--profile", str(profile(groups={}, retries=1))]
    options += ["--workflow-profile", "none", "--keep-going", "--show-failed-logs"]
    options += ["--slurm-status-command", "squeue"]
    with open(log, "wb") as handle:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *options],
            cwd=place.folder, env=place.environment(), stdout=handle, stderr=handle,
        )  # fmt: skip
        wait_for((place.folder / "cancelled.txt").exists, 120, process, log)
        jobs = squeue("--states=R", "--format=%A %k").splitlines()
        (number,) = (job.split()[0] for job in jobs if "cancelled" in job)
        subprocess.run(["scancel", number], check=True)
        assert process.wait(timeout=400) == 1
    told = log.read_text("utf-8")
    assert (place.folder / "late.txt").read_text("utf-8") == "2 200\n"
    assert (place.folder / "cancelled.txt").read_text("utf-8") == "whole\n"
    assert not (place.folder / "failing.txt").exists()
    assert "error: no luck today" in told
    assert re.search(r"TIMEOUT", told) and re.search(r"CANCELLED", told)
