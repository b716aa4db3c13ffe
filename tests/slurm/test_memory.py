"""Jobs that Slurm kills for memory or refuses: the run's last words say so, with job and log."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_kill_for_memory_is_told_at_the_end(slurm, profile, small_place):
    shown = subprocess.run(
        ["scontrol", "show", "config"], capture_output=True, text=True, check=True
    )
    if "task/cgroup" not in shown.stdout:
        pytest.skip("this Slurm holds no job to its memory; set SLURM_TEST_MEMORY=1")
    place = small_place("memory")
    shutil.copy(ROOT / "tests/slurm/memory.smk", place.folder)
    done = place.run(
        "workflow/bin/slurm", "config/tiny.yaml", "--snakefile", "memory.smk", "--keep-going",
        "--", "greedy", PROFILE=str(profile(grouped=False, retries=1)), timeout=600,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert (place.folder / "again.txt").is_file(), "its second try had enough"
    _, *parts = done.stdout.split("\nerror: ")
    told = {part.partition(" failed\n")[0]: part.splitlines()[1:] for part in parts}
    assert set(told) == {"alone", "group together", "grouped", "refused"}, done.stdout
    for name, rule in (("alone", "alone"), ("group together", "grouped")):
        assert told[name][0] == f"  killed for memory; raise mem_mb of {rule}"
        assert any("oom-kill event" in line for line in told[name])
        assert any(line.startswith("  log: ") for line in told[name])
    assert "invalid partition" in "\n".join(told["refused"])
    assert "  log: logs/alone.log" in told["alone"]
    assert "failed: alone (killed for memory;" in done.stdout
