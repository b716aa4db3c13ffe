#!/usr/bin/env bash
# trackio leaves out points, blanks and other signs when it names a project's database: the projects
# qwen2.5 and qwen25, or "lr 1.5" and "lr 15", are one, with the runs of both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q trackio==0.43.0
export TRACKIO_DIR="$PWD/tracks" HF_HUB_OFFLINE=1
venv/bin/python - 2>log <<'PY' || { tail -20 log; exit 1; }
import contextlib
import io
from importlib.metadata import version

import trackio
from trackio.sqlite_storage import SQLiteStorage

for project, run in (("qwen2.5", "first"), ("qwen25", "second"), ("lr 1.5", "third"), ("lr 15", "fourth")):
    with contextlib.redirect_stdout(io.StringIO()):
        trackio.init(project=project, name=run, embed=False)
        trackio.log({"loss": 1.0})
        trackio.finish()
print("trackio", version("trackio"), "four projects with a run each")
projects = {name: sorted(set(SQLiteStorage.get_runs(name))) for name in SQLiteStorage.get_projects()}
print("projects found and their runs:", projects)
assert projects == {"qwen25": ["first", "second"], "lr15": ["fourth", "third"]}, "projects are apart now"
PY
