#!/usr/bin/env bash
# datasets reads a JSON Lines text column whose values all look like ISO dates as timestamps: the
# text '2021-03-04' comes back as a datetime, and str() of it is a different text.
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

rows = [{"answer": "2021-03-04"}, {"answer": "2022-11-30"}]
Path("rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
load = dict(data_files="rows.jsonl", split="train", cache_dir="cache")
table = datasets.load_dataset("json", **load)
print("datasets", datasets.__version__, table.features, table[0])
assert table.features["answer"].dtype == "timestamp[s]", "ISO dates stay text now"
assert str(table[0]["answer"]) == "2021-03-04 00:00:00"
text = datasets.Features({"answer": datasets.Value("string")})
fixed = datasets.load_dataset("json", features=text, **load)
print("with features=string:", fixed[0])
assert fixed[0]["answer"] == "2021-03-04 00:00:00", "features=string keeps the text now"
print("asking for a string column does not bring the text back")
PY
