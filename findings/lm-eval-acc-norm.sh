#!/usr/bin/env bash
# lm-eval's acc_norm, described as byte-length normalised, divides by the number of characters;
# acc_bytes divides by bytes. With Latin and Chinese options side by side the two pick other
# answers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q lm-eval==0.4.13 datasets==5.2.0
venv/bin/python - <<'PY'
import json
from importlib.metadata import version
from pathlib import Path

from lm_eval.api.task import ConfigurableTask

row = {"question": "q", "choices": ["阿司匹林", "ibuprofen"], "gold": 0}
Path("rows.jsonl").write_text(json.dumps(row))
task = ConfigurableTask(
    config={
        "task": "drugs",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": "rows.jsonl"}, "cache_dir": "cache"},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "gold",
        "metric_list": [{"metric": m} for m in ("acc", "acc_norm", "acc_bytes")],
    }
)
scores = task.process_results(row, [(-8.0, False), (-9.0, False)])
print("lm-eval", version("lm-eval"), scores)
print("by characters: -8/4 = -2.0 against -9/9 = -1.0; by bytes: -8/12 = -0.67 against -1.0")
assert scores["acc_bytes"] == 1.0
assert scores["acc_norm"] == 0.0, "acc_norm divides by bytes now"
PY
