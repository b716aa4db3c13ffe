#!/usr/bin/env bash
# PyYAML writes texts such as the ICD-11 code 1E50 without quotes, since to YAML 1.1 they are texts.
# Readers of YAML 1.2, ruamel.yaml and js-yaml among them, take them for numbers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q pyyaml==6.0.4 ruamel.yaml==0.19.1
venv/bin/python - <<'PY'
from importlib.metadata import version

import ruamel.yaml
import yaml

# A viral hepatitis of ICD-11, the start of a commit, a house's file number.
texts = {"code": "1E50", "revision": "1e10234", "number": "0o17", "other": "5A11"}
written = yaml.safe_dump(texts, sort_keys=False)
read = ruamel.yaml.YAML(typ="safe", pure=True).load(written)
print("PyYAML", version("pyyaml"), "ruamel.yaml", version("ruamel.yaml"))
print(written.replace("\n", "; "), read)
assert yaml.safe_load(written) == texts
assert read == {"code": 1e50, "revision": float("inf"), "number": 15, "other": "5A11"}, "quoted now"
PY
