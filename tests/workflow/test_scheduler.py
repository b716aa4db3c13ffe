"""Snakemake looks at waiting jobs at a bounded rate."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# In place of running jobs: the limit of jobs that the scheduler would obey.
TELL = """
import sys
from snakemake.cli import main
from snakemake.scheduling.job_scheduler import JobScheduler

def schedule(self):
    limiter = self.job_rate_limiter
    print("limit:", limiter and (limiter.max_jobs, limiter.timespan))
    return True

JobScheduler.schedule = schedule
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("asked", "wanted"), [([], "None"), (["--max-jobs-per-timespan", "7/2s"], "(7, 2.0)")]
)
def test_each_job_that_ends_adds_no_row_of_looks_at_those_that_wait(clone, asked, wanted):
    command = [sys.executable, "-c", TELL, "--configfile", "config/tiny.yaml", "--cores", "1"]
    done = subprocess.run(
        [*command, *asked, "results/tiny/2_curated/benchmarks/cmb.items.jsonl"],
        cwd=clone,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"limit: {wanted}\n" in done.stdout, done.stdout + done.stderr
