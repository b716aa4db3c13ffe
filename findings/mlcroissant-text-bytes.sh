#!/usr/bin/env bash
# mlcroissant yields a Croissant field of type sc:Text as bytes, so comparing it with a str is False
# without an error; sc:Boolean on a column of counts turns each into True.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q mlcroissant==1.1.1 pyarrow==26.0.1
venv/bin/python - <<'PY'
import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import mlcroissant as mlc
import pyarrow
import pyarrow.parquet as pq

pq.write_table(pyarrow.table({"name": ["fever", "cough"], "days": [3, 7]}), "signs.parquet")
sha = hashlib.sha256(Path("signs.parquet").read_bytes()).hexdigest()


def field(name, kind):
    source = mlc.Source(file_object="signs", extract=mlc.Extract(column=name))
    return mlc.Field(id=f"r/{name}", name=name, data_types=kind, source=source)


fields = [field("name", mlc.DataType.TEXT), field("days", mlc.DataType.BOOL)]
file = mlc.FileObject(
    id="signs",
    name="signs",
    content_url="signs.parquet",
    encoding_formats=["application/x-parquet"],
    sha256=sha,
)
metadata = mlc.Metadata(
    name="signs",
    url="https://example.org/signs",
    distribution=[file],
    record_sets=[mlc.RecordSet(id="r", name="r", fields=fields)],
)
Path("croissant.json").write_text(json.dumps(metadata.to_json(), default=str))
rows = list(mlc.Dataset("croissant.json").records("r"))
print("mlcroissant", version("mlcroissant"), rows)
assert [row["r/name"] for row in rows] == [b"fever", b"cough"], "sc:Text is str now"
assert [row["r/days"] for row in rows] == [True, True], "a count as sc:Boolean is refused now"
print("text comes as bytes; 3 and 7 became True")
PY
