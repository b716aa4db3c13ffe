#!/usr/bin/env bash
# Snakemake's scheduler looks at the waiting jobs once more a second for every job that has ended: its
# default limit of 100 jobs a second begins a timer after each look, and each timer brings a look.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q snakemake==9.27.1
cat >Snakefile <<'S'
rule all:
    input: expand("late/{i}", i=range(2))
rule early:
    output: "early/{i}"
    shell: "touch {output}"
rule late:
    input: expand("early/{i}", i=range(60))
    output: "late/{i}"
    shell: "sleep 8; touch {output}"
S
cat >count.py <<'PY'
import sys
import time

from snakemake.cli import main
from snakemake.scheduling.job_scheduler import JobScheduler

looks, select = [], JobScheduler.job_selector


def counted(self, jobs):
    looks.append((time.monotonic(), {job.rule.name for job in jobs}))
    return select(self, jobs)


JobScheduler.job_selector = counted
try:
    main(["-q", "all", "--cores", "1", *sys.argv[1:]])
finally:
    # While the first late job runs, the second one waits and nothing ends.
    late = [when for when, names in looks if names == {"late"}]
    seconds = int(late[-1] - late[0]) or 1
    print(f"{len(late) / seconds:.0f} looks a second after 60 jobs", file=sys.stderr)
    if len(late) < 10 * seconds:
        print("changed: it no longer looks more often with every job", file=sys.stderr)
        sys.exit(1)
PY
echo "snakemake $(venv/bin/snakemake --version)"
venv/bin/python count.py
