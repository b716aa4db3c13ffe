#!/usr/bin/env bash
# Snakemake --export-cwl runs the whole workflow, writes no CWL file and ends with 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q snakemake==9.27.1
cat > Snakefile <<'S'
rule greet:
    output:
        "greeting.txt",
    shell:
        "echo hello > {output}"
S
status=0
venv/bin/snakemake --cores 1 --export-cwl workflow.cwl > log 2>&1 || status=$?
echo "snakemake $(venv/bin/snakemake --version): status $status, files: $(ls)"
[ "$status" = 0 ] || { echo "changed: it ends with an error now"; exit 1; }
[ -e greeting.txt ] || { echo "changed: the job did not run"; exit 1; }
[ ! -e workflow.cwl ] || { echo "changed: the CWL file is written"; exit 1; }
echo "asked for a description, it ran the job and wrote no description"
