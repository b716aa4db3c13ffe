"""A controller that sleeps while jobs are submitted: none of them runs twice."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PID = Path(os.environ.get("SLURM_TEST_DIR", "/var/tmp/collectivesft-slurm")) / "slurmctld.pid"
ASLEEP_SECONDS = 38  # sbatch gives up after 10
# Puts the controller to sleep before the first request leaves, and wakes it later.
SBATCH = """#!/bin/sh
if mkdir asleep 2>/dev/null; then
  kill -STOP {pid}
  (sleep {seconds}; kill -CONT {pid}) >/dev/null 2>&1 </dev/null &
fi
{real} "$@"
code=$?
echo $code >>codes
exit $code
"""
pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(900)]


def test_no_unit_is_submitted_twice(slurm, profile, small_place):
    if not PID.is_file():
        pytest.skip("this Slurm is not ours to put to sleep")
    place = small_place("asleep")
    shutil.copy(ROOT / "tests/slurm/stopped.smk", place.folder)
    wrapper = place.folder / "bin/sbatch"
    wrapper.parent.mkdir()
    text = SBATCH.format(
        pid=PID.read_text("utf-8").strip(), seconds=ASLEEP_SECONDS, real=shutil.which("sbatch")
    )
    wrapper.write_text(text, encoding="utf-8")
    wrapper.chmod(0o755)
    path = f"{wrapper.parent}:{place.environment()['PATH']}"
    command = [
        "workflow/bin/slurm",
        "config/tiny.yaml",
        "--snakefile",
        "stopped.smk",
        "--",
        "units",
    ]
    done = place.run(*command, PROFILE=str(profile(grouped=False)), PATH=path, timeout=600)
    assert done.returncode == 0, done.stdout
    codes = (place.folder / "codes").read_text("utf-8").split()
    assert codes[0] != "0", "the first submission was answered"
    runs = {name: (place.folder / f"runs.{name}").read_text("utf-8").split() for name in "abc"}
    assert {name: len(jobs) for name, jobs in runs.items()} == {"a": 1, "b": 1, "c": 1}
    told = subprocess.run(
        ["squeue", "--me", "--noheader", "--states=all", "--format=%A %Z"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    ours = [line.split()[0] for line in told.splitlines() if line.endswith(str(place.folder))]
    assert sorted(ours) == sorted(job for jobs in runs.values() for job in jobs)
