#!/usr/bin/env bash
# load_dataset of a folder: one file whose name has the word test, dev, eval, train or training hides
# the rest: blood_test.jsonl next to two other files is the whole dataset.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q datasets==5.2.0
venv/bin/python - 2>log <<'PY' || { tail -20 log; exit 1; }
import os

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HOME": "home"}
import json
from importlib.metadata import version
from pathlib import Path

from datasets import load_dataset


def read(folder, *names):
    """Rows of each split of a folder with these files of one row each."""
    Path(folder).mkdir()
    for name in names:
        Path(folder, name).write_text(json.dumps({"file": name}) + "\n")
    found = {split: list(rows["file"]) for split, rows in load_dataset(folder).items()}
    print(f"{', '.join(names)}: {found}")
    return found


print("datasets", version("datasets"))
assert read("one", "cases.jsonl", "signs.jsonl") == {"train": ["cases.jsonl", "signs.jsonl"]}
more = read("two", "cases.jsonl", "signs.jsonl", "blood_test.jsonl")
course = read("three", "nursing_training.jsonl", "physician.jsonl", "pharmacist.jsonl")
assert more == {"test": ["blood_test.jsonl"]}, "the other files are read too now"
assert course == {"train": ["nursing_training.jsonl"]}, "the other files are read too now"
PY
