#!/usr/bin/env bash
# RO-Crate: two files of the same name from different folders become one entity, and only the last
# one is written; without a message.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q rocrate==0.16.0
venv/bin/python - <<'PY'
from importlib.metadata import version
from pathlib import Path

from rocrate.rocrate import ROCrate

for run in ("first", "second"):
    Path(run).mkdir()
    Path(run, "metrics.json").write_text(run)
crate = ROCrate()
for run in ("first", "second"):
    crate.add_file(f"{run}/metrics.json")
crate.write("crate")
files = [entity.id for entity in crate.get_entities() if entity.type == "File"]
text = Path("crate/metrics.json").read_text()
print("rocrate", version("rocrate"), "entities:", files, "written:", repr(text))
assert files == ["metrics.json"] and text == "second", "both files are kept, or refused, now"
print("two files were added without dest_path; one is in the crate, the other is lost")
PY
