#!/usr/bin/env bash
# Snakemake's record of a job names a container image and a conda environment that the job never
# had: the rule declares them, and the job ran in neither.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q snakemake==9.27.1
cat > stats.yaml <<'Y'
channels: [conda-forge]
dependencies: [r-base]
Y
cat > Snakefile <<'S'
rule summary:
    output:
        "summary.txt",
    conda:
        "stats.yaml"
    container:
        "docker://example.org/stats:1"
    shell:
        "echo done > {output}"
S
venv/bin/snakemake --cores 1 > log 2>&1
venv/bin/python - <<'PY'
import base64
import json
from importlib.metadata import version
from pathlib import Path

(path,) = Path(".snakemake/metadata").iterdir()
record = json.loads(path.read_text())
environment = base64.b64decode(record["conda_env"] or "").decode()
print("snakemake", version("snakemake"), base64.urlsafe_b64decode(path.name).decode())
print("container:", record["container_img_url"], "environment:", environment.split())
assert record["container_img_url"] == "docker://example.org/stats:1", "changed: no unused image"
assert "r-base" in environment, "changed: no unused environment"
PY
