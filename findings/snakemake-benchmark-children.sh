#!/usr/bin/env bash
# The CPU time in Snakemake's benchmark files misses children that have ended: a job that calls a
# hundred short programs seems to have needed a fraction of its time.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q snakemake==9.27.1
cat >Snakefile <<'SMK'
rule many:
    output: "many.txt"
    benchmark: "many.tsv"
    shell: "for i in $(seq 60); do seq 40000 | sort -R | sort -n >/dev/null; done; times >{output}"
SMK
venv/bin/snakemake -q all --cores 1 2>log || { cat log; exit 1; }
venv/bin/python - <<'PY'
import csv
import re
from importlib.metadata import version

with open("many.tsv", encoding="utf-8") as handle:
    (row,) = csv.DictReader(handle, delimiter="\t")
# The shell's `times`: a line of its own, a line of its children; user and system.
parts = re.findall(r"(\d+)m([\d.]+)s", open("many.txt", encoding="utf-8").read().replace(",", "."))
used = sum(int(minutes) * 60 + float(seconds) for minutes, seconds in parts)
told = float(row["cpu_time"])
print("snakemake", version("snakemake"), f"the shell counts {used:.1f} s, the benchmark {told:.1f} s")
assert used > 1 and told < 0.6 * used, "ended children are counted now"
PY
