#!/usr/bin/env bash
# datasets 5 no longer refuses a JSON Lines column of mixed types: it becomes a Json feature, so a
# chat column that is text in one row passes load_dataset and fails, or is trained on, far later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q datasets==5.2.0
venv/bin/python - <<'PY'
import json
from pathlib import Path

import datasets

chat = [{"role": "user", "content": "q"}]
rows = [{"messages": chat, "answer": 1}, {"messages": "q", "answer": "A"}]
Path("rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
table = datasets.load_dataset("json", data_files="rows.jsonl", split="train", cache_dir="cache")
print("datasets", datasets.__version__, table.features)
print(table[:])
assert {type(f).__name__ for f in table.features.values()} == {"Json"}, "mixed types differ now"
assert table["answer"][:] == [1, "A"] and table["messages"][:] == [chat, "q"]
print("no error and no warning: check table.features for Json after loading")
PY
