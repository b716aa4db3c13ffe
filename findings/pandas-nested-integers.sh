#!/usr/bin/env bash
# pandas reads an integer within a struct as a float where any row has none, and writes it back as one:
# ids over 2**53 change, at top level they do not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q pandas==3.1.1 pyarrow==26.0.1
venv/bin/python - <<'PY'
from importlib.metadata import version

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

number = 2**60 + 1
kind = pa.struct([("source_id", pa.int64())])
meta = pa.array([{"source_id": number}, {"source_id": None}], kind)
pq.write_table(pa.table({"meta": meta}), "first.parquet")
pd.read_parquet("first.parquet").to_parquet("second.parquet")
before, after = (pq.read_table(f"{name}.parquet") for name in ("first", "second"))
print("pandas", version("pandas"), "pyarrow", version("pyarrow"))
print(before.schema.field("meta").type, before["meta"].to_pylist())
print(after.schema.field("meta").type, after["meta"].to_pylist())
assert after.schema.field("meta").type == pa.struct([("source_id", pa.float64())]), "the type stays now"
assert int(after["meta"][0].as_py()["source_id"]) != number
PY
