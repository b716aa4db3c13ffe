"""Slow tests that share a costly fixture run in one worker, so that it is made once."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CASES = """
import pytest

@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(6))
def test_one_of_a_group(number, worker_id):
    with open("workers", "a") as file:
        file.write(f"{worker_id}\\n")

@pytest.mark.parametrize("number", range(6))
def test_one_of_no_group(number):
    pass
"""


def test_a_group_stays_in_one_worker(tmp_path):
    (tmp_path / "test_group.py").write_text(CASES, encoding="utf-8")
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-p", "tests.helpers.xdist_groups", "-n", "2"]
    done = subprocess.run(
        [*command, "--dist", "loadgroup", "--rootdir", tmp_path, "-p", "no:cacheprovider"],
        cwd=tmp_path, env=env | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "12 passed" in done.stdout, done.stdout + done.stderr
    workers = (tmp_path / "workers").read_text("utf-8").split()
    assert len(workers) == 6 and len(set(workers)) == 1
