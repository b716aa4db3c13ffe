#!/usr/bin/env bash
# Polars writes a million rows of Parquet as eight row groups of 125,000, so a reader that takes one
# row group at a time holds half of what row_group_size's default promises.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q polars==2.1.0 pyarrow==26.0.1
venv/bin/python - <<'PY'
from importlib.metadata import version

import polars
import pyarrow.parquet as pq

table = polars.DataFrame({"row": range(1_000_000)})
table.write_parquet("rows.parquet")
table.lazy().sink_parquet("streamed.parquet")
groups = {}
for name in ("rows.parquet", "streamed.parquet"):
    facts = pq.ParquetFile(name).metadata
    groups[name] = [facts.row_group(i).num_rows for i in range(facts.num_row_groups)]
    print("polars", version("polars"), name, groups[name])
assert groups["rows.parquet"] == [125_000] * 8, "the row groups differ now"
PY
