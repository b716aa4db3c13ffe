#!/usr/bin/env bash
# cffconvert ignores preferred-citation: BibTeX cites the software where the file, and GitHub, asks
# to cite the paper.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q cffconvert==2.0.0
venv/bin/python - <<'PY'
import subprocess
from importlib.metadata import version
from pathlib import Path

Path("CITATION.cff").write_text(
    """cff-version: 1.2.0
message: cite the paper
title: A ward's tool
authors: &authors
  - family-names: Doe
    given-names: Kim
preferred-citation:
  type: article
  title: The paper about the tool
  journal: Journal of Wards
  year: 2026
  authors: *authors
"""
)
command = ["venv/bin/cffconvert", "-f", "bibtex"]
bibtex = subprocess.run(command, capture_output=True, text=True, check=True).stdout
print("cffconvert", version("cffconvert"))
print(bibtex)
assert "The paper about the tool" not in bibtex, "preferred-citation is used now"
assert "A ward's tool" in bibtex and bibtex.startswith("@misc")
print("the paper named under preferred-citation is not cited")
PY
