#!/usr/bin/env bash
# cffconvert makes a person of an organisation: schema.org gives the entity the type Person, and BibTeX
# leaves its name unbraced, so that a style reads the last word as a family name.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q cffconvert==2.0.0
venv/bin/python - <<'PY'
import json
import subprocess
from importlib.metadata import version
from pathlib import Path

Path("CITATION.cff").write_text(
    """cff-version: 1.2.0
message: cite it
title: A ward's tool
version: 1.0.0
date-released: 2026-03-01
authors:
  - name: Ward Nine Study Group
  - family-names: Doe
    given-names: Kim
"""
)


def convert(form):
    command = ["venv/bin/cffconvert", "-f", form]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


people = json.loads(convert("schema.org"))["author"]
print("cffconvert", version("cffconvert"))
print(json.dumps(people, indent=1))
print(convert("bibtex").splitlines()[1])
assert people[0] == {"@type": "Person", "name": "Ward Nine Study Group"}, "an entity is no person now"
print("the group is a person in schema.org, and has no braces of its own in BibTeX")
PY
