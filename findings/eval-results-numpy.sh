#!/usr/bin/env bash
# huggingface_hub writes a score that NumPy computed as an object of Python into .eval_results: the
# file looks like YAML, and no safe loader reads it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q huggingface_hub==2.4.0 numpy==2.4.6
venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
import yaml
from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml


def text(value):
    entry = EvalResultEntry(dataset_id="me/exam", task_id="default", value=value)
    return yaml.dump(eval_result_entries_to_yaml([entry]))


def readable(content):
    try:
        return yaml.safe_load(content)[0]["value"]
    except yaml.YAMLError as error:
        return type(error).__name__


scores = np.array([1.0, 0.0, 1.0, 1.0])
plain, computed = text(float(scores.mean())), text(scores.mean())
print("huggingface_hub", version("huggingface_hub"))
print(computed)
print("plain number:", readable(plain), "NumPy's:", readable(computed))
assert readable(plain) == 0.75
assert readable(computed) == "ConstructorError", "a safe loader reads it now"
PY
