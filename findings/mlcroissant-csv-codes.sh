#!/usr/bin/env bash
# mlcroissant reads a CSV file by pandas' guess of types and converts to the declared sc:Text only
# afterwards: the id 007 comes as 7, the ICD-11 code 1E50 as 1e+50, the answer None as missing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q mlcroissant==1.1.1
venv/bin/python - <<'PY'
import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import mlcroissant as mlc

text = "id,code,answer\n007,1E50,A\n012,2E10,None\n"
Path("cases.csv").write_text(text)
fields = [
    mlc.Field(
        id=f"r/{name}",
        name=name,
        data_types=mlc.DataType.TEXT,
        source=mlc.Source(file_object="cases", extract=mlc.Extract(column=name)),
    )
    for name in ("id", "code", "answer")
]
file = mlc.FileObject(
    id="cases",
    name="cases",
    content_url="cases.csv",
    encoding_formats=["text/csv"],
    sha256=hashlib.sha256(text.encode()).hexdigest(),
)
metadata = mlc.Metadata(
    name="cases",
    url="https://example.org/cases",
    distribution=[file],
    record_sets=[mlc.RecordSet(id="r", name="r", fields=fields)],
)
Path("croissant.json").write_text(json.dumps(metadata.to_json(), default=str))
rows = [list(row.values()) for row in mlc.Dataset("croissant.json").records("r")]
print("mlcroissant", version("mlcroissant"), "three fields of type sc:Text")
print("file:", text.split()[1:], "records:", rows)
assert rows == [[b"7", b"1e+50", b"A"], [b"12", b"20000000000.0", None]], "texts stay texts now"
PY
