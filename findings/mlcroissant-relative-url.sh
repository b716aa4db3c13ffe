#!/usr/bin/env bash
# mlcroissant resolves a relative contentUrl for a Croissant file on disk, not for one read from
# http: the file next to it on the server is never asked for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q mlcroissant==1.1.1
venv/bin/python - <<'PY'
import functools
import hashlib
import http.server
import json
import threading
from importlib.metadata import version
from pathlib import Path

import mlcroissant as mlc

Path("served").mkdir()
Path("served/doses.csv").write_text("dose\n5\n10\n")
sha = hashlib.sha256(Path("served/doses.csv").read_bytes()).hexdigest()
source = mlc.Source(file_object="doses", extract=mlc.Extract(column="dose"))
field = mlc.Field(id="r/dose", name="dose", data_types=mlc.DataType.INTEGER, source=source)
file = mlc.FileObject(
    id="doses", name="doses", content_url="doses.csv", encoding_formats=["text/csv"], sha256=sha
)
metadata = mlc.Metadata(
    name="doses",
    url="https://example.org/doses",
    distribution=[file],
    record_sets=[mlc.RecordSet(id="r", name="r", fields=[field])],
)
Path("served/croissant.json").write_text(json.dumps(metadata.to_json(), default=str))
asked = []


class Note(http.server.SimpleHTTPRequestHandler):
    def log_message(self, _, *args):
        asked.append(args[0].split()[1])


server = http.server.ThreadingHTTPServer(
    ("127.0.0.1", 0), functools.partial(Note, directory="served")
)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("mlcroissant", version("mlcroissant"))
rows = list(mlc.Dataset("served/croissant.json").records("r"))
print("from disk:", rows)
assert [row["r/dose"] for row in rows] == [5, 10]
try:
    address = f"http://127.0.0.1:{server.server_port}/croissant.json"
    print(list(mlc.Dataset(address).records("r")))
    raise SystemExit("changed: a relative contentUrl is followed over http")
except Exception as error:
    print("over http:", type(error).__name__, str(error)[:200])
print("asked of the server:", asked)
assert asked and "/doses.csv" not in asked
PY
