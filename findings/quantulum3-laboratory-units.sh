#!/usr/bin/env bash
# quantulum3 has no SI prefix for mole: mmol/L is read as metre mole per litre, nmol/L as newton mole,
# µmol/L as microsecond mole; units (U) of an enzyme are atomic mass units.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q quantulum3==0.10.0
venv/bin/python -W ignore - 2>log <<'PY' || { tail -20 log; exit 1; }
from importlib.metadata import version

from quantulum3 import parser

print("quantulum3", version("quantulum3"))
texts = {
    "IgG 10 g/L": (10.0, "gram per litre"),
    "glucose 5.5 mmol/L": (5.5, "metre mole per litre"),
    "cortisol 300 nmol/L": (300.0, "newton mole per litre"),
    "creatinine 90 µmol/L": (90.0, "microsecond mole per litre"),
    "ALT 40 U/L": (40.0, "atomic mass unit per litre"),
    "TSH 2 mIU/L": (2.0, "mile atomic mass unit per litre"),
    "pulse 72 bpm": (72.0, "base pair metre"),
}
found = {}
for text in texts:
    quantity = parser.parse(text)[0]
    found[text] = quantity.value, quantity.unit.name
    print(f"{text}: {found[text][0]} {found[text][1]}")
assert found == texts, "these units are read in another way now"
PY
