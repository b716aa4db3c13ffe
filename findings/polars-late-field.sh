#!/usr/bin/env bash
# Polars reads JSON Lines with the fields of the first 100 rows: a field that a later row brings is
# left out without a word. pandas keeps it, DuckDB raises after its own sample.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q polars==2.1.0
venv/bin/python - <<'PY'
import json
import warnings
from importlib.metadata import version
from pathlib import Path

import polars as pl

warnings.simplefilter("error")
rows = [{"question": str(n)} for n in range(100)]
late = {"question": "100", "explanation": "因为"}
Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, late]))
Path("early.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows[1:], late]))
columns = {name: pl.read_ndjson(f"{name}.jsonl").columns for name in ("early", "rows")}
lazy = pl.scan_ndjson("rows.jsonl").collect().columns
whole = pl.read_ndjson("rows.jsonl", infer_schema_length=None).columns
print("polars", version("polars"), columns, "scan:", lazy, "infer_schema_length=None:", whole)
assert columns["early"] == whole == ["question", "explanation"]
assert columns["rows"] == lazy == ["question"], "a late field is kept or refused now"
PY
