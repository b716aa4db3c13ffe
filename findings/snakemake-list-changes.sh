#!/usr/bin/env bash
# Snakemake --list-changes params lists every output of a workflow that has just run unchanged, and
# whose dry run has nothing to do; --list-changes code lists none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q snakemake==9.27.1
cat > Snakefile <<'S'
rule train:
    output:
        "weights.txt",
    params:
        rate=0.1,
    shell:
        "echo {params.rate} > {output}"
S
venv/bin/snakemake --cores 1 > log 2>&1
venv/bin/snakemake --dry-run > dry 2>&1
grep -q "Nothing to be done" dry
params=$(venv/bin/snakemake --list-changes params 2> /dev/null)
code=$(venv/bin/snakemake --list-changes code 2> /dev/null)
echo "snakemake $(venv/bin/snakemake --version), nothing to be done; params: '$params' code: '$code'"
[ "$params" = weights.txt ] || { echo "changed: unchanged outputs are not listed"; exit 1; }
[ -z "$code" ] || { echo "changed: code lists outputs too"; exit 1; }
echo "an output with unchanged params is listed as changed"
