"""workflow/bin/slurm against stand-ins of Slurm's commands: whose jobs it cancels, and when not."""

import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

STANDINS = {
    # Jobs are lines "number name" in the file jobs; cancelling takes them out of it.
    "squeue": 'cat "$PLACE/jobs"',
    "scancel": """echo "$@" >>"$PLACE/cancelled"
        for number in "$@"; do sed -i "/^$number /d" "$PLACE/jobs"; done""",
    "sbatch": "exit 1",
    "scontrol": "echo 'AccountingStorageType   = accounting_storage/none'",
    "snakemake": 'echo "$@" >>"$PLACE/called"; exit 1',
}


@pytest.fixture
def place(clone: Path) -> Path:
    for name, body in STANDINS.items():
        path = clone / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (clone / "jobs").touch()
    return clone


def run(place: Path) -> subprocess.CompletedProcess:
    path = f"{place}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PLACE": str(place)}
    return subprocess.run(
        ["workflow/bin/slurm", "config/tiny.yaml", "--jobs", "3"],
        cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip


def test_only_this_run_s_leftovers_are_cancelled(place):
    run(place)
    options = (place / "called").read_text("utf-8").splitlines()[-1].split()
    prefix = options[options.index("--slurm-jobname-prefix") + 1]
    assert prefix.startswith("csft-tiny-")
    assert options[options.index("--slurm-status-command") + 1] == "squeue"
    assert options[options.index("--jobs") + 1] == "3"
    others = "12 csft-tiny-0000000000_uuid\n13 someone-else\n"
    (place / "jobs").write_text(f"11 {prefix}_uuid\n{others}14 {prefix}_uuid\n", encoding="utf-8")
    done = run(place)
    assert "Cancelling 2 job(s)" in done.stdout
    assert (place / "cancelled").read_text("utf-8") == "11 14\n"
    assert (place / "jobs").read_text("utf-8") == others


# As Slurm's commands end when the controller does not answer.
AWAY = "#!/bin/bash\necho 'Unable to contact slurm controller' >&2; exit 1\n"


@pytest.mark.parametrize("command", ["squeue", "scontrol"])
def test_a_controller_that_does_not_answer_is_no_empty_queue(place, command):
    """A run that were unlocked and started would have each job a second time beside the first."""
    (place / "bin" / command).write_text(AWAY, encoding="utf-8")
    done = run(place)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: Slurm does not answer")
    assert not (place / "called").exists()


def test_a_controller_that_goes_away_while_jobs_end_is_asked_again(place):
    """The second and third answers fail; then the jobs are gone."""
    run(place)
    options = (place / "called").read_text("utf-8").splitlines()[-1].split()
    (place / "called").unlink()
    prefix = options[options.index("--slurm-jobname-prefix") + 1]
    (place / "jobs").write_text(f"11 {prefix}_uuid\n", encoding="utf-8")
    script = """echo >>"$PLACE/asked"
        case $(wc -l <"$PLACE/asked") in 2 | 3) exit 1 ;; *) cat "$PLACE/jobs" ;; esac"""
    (place / "bin/squeue").write_text(f"#!/bin/bash\n{script}\n", encoding="utf-8")
    run(place)
    assert (place / "asked").read_text("utf-8").count("\n") == 4
    assert (place / "called").exists()


def test_jobs_of_a_living_run_are_left_alone(place):
    run(place)
    (place / "called").unlink()
    with open(place / ".snakemake/alive", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run(place)
    assert done.returncode == 1
    assert done.stderr.startswith("error: a run still works in this folder")
    assert not (place / "called").exists()
    assert not (place / "cancelled").exists()
