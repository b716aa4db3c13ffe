#!/usr/bin/env bash
# mlcroissant cannot read a Parquet file described by the registered media type
# application/vnd.apache.parquet; only application/x-parquet works, and the metadata passes its
# check with both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q mlcroissant==1.1.1 pyarrow==26.0.1
venv/bin/python - <<'PY'
import hashlib
from importlib.metadata import version
from pathlib import Path

import mlcroissant as mlc
import pyarrow
import pyarrow.parquet as pq

pq.write_table(pyarrow.table({"dose": [5, 10]}), "doses.parquet")
sha = hashlib.sha256(Path("doses.parquet").read_bytes()).hexdigest()


def read(media_type):
    source = mlc.Source(file_object="doses", extract=mlc.Extract(column="dose"))
    field = mlc.Field(id="r/dose", name="dose", data_types=mlc.DataType.INTEGER, source=source)
    file = mlc.FileObject(
        id="doses", name="doses", content_url="doses.parquet", encoding_formats=[media_type], sha256=sha
    )
    metadata = mlc.Metadata(
        name="doses",
        url="https://example.org/doses",
        distribution=[file],
        record_sets=[mlc.RecordSet(id="r", name="r", fields=[field])],
    )
    assert not metadata.issues.errors
    import json

    Path("croissant.json").write_text(json.dumps(metadata.to_json(), default=str))
    return list(mlc.Dataset("croissant.json").records("r"))


print("mlcroissant", version("mlcroissant"))
rows = read("application/x-parquet")
print("application/x-parquet:", rows)
assert [row["r/dose"] for row in rows] == [5, 10]
try:
    print("application/vnd.apache.parquet:", read("application/vnd.apache.parquet"))
    raise SystemExit("the registered media type is read now")
except mlc._src.core.issues.GenerationError as error:
    print("application/vnd.apache.parquet:", str(error.__cause__)[:120])
PY
