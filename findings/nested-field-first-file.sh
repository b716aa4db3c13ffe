#!/usr/bin/env bash
# A field of the nested chat column that the first file lacks is dropped from all later ones by a
# PyArrow dataset and by DuckDB, without a word. In the other order both keep it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q pyarrow==26.0.1 duckdb==2.0.1
venv/bin/python - <<'PY'
from importlib.metadata import version

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq


def write(path, turn):
    kind = pa.list_(pa.struct([(name, pa.string()) for name in turn]))
    pq.write_table(pa.table({"messages": pa.array([[turn]], kind)}), path)


def fields(rows):
    return [sorted(turn) for (turns,) in rows for turn in turns]


write("a.parquet", {"role": "user"})
write("b.parquet", {"role": "assistant", "content": "多休息。"})
for library in ("pyarrow", "duckdb"):
    print(library, version(library))
for files, kept in ((["a.parquet", "b.parquet"], False), (["b.parquet", "a.parquet"], True)):
    arrow = [(row["messages"],) for row in ds.dataset(files).to_table().to_pylist()]
    duck = duckdb.sql(f"select messages from read_parquet({files})").fetchall()
    print(files, "PyArrow:", arrow, "DuckDB:", duck)
    for rows in (arrow, duck):
        assert all(("content" in names) is kept for names in fields(rows)), "files are joined otherwise now"
PY
