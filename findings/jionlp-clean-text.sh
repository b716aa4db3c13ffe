#!/usr/bin/env bash
# jionlp's clean_text takes < and > for brackets and deletes the text between them, drops a result such
# as (+) with its brackets, and replaces β, μ, ≥, ² and ₃ by spaces.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q jionlp==1.5.31
venv/bin/python -W ignore - 2>log <<'PY' || { tail -20 log; exit 1; }
from importlib.metadata import version

import jionlp

print("jionlp", version("jionlp"))
texts = {
    "动脉血pH<7.35，尿比重>1.020": "动脉血pH1.020",
    "血钠<135，血钾>5.5 mmol/L": "血钠5.5 mmol/L",
    "HBsAg（-）、抗-HBs（+）": "HBsAg、抗-HBs",
    "β受体阻滞剂 5 μg，肌酐≥177": " 受体阻滞剂 5 g，肌酐 177",
    "T₃与Ca²⁺": "T 与Ca ",
    "℃、±、①和Ⅱ型": "℃、±、①和Ⅱ型",
}
found = {text: jionlp.clean_text(text) for text in texts}
for text, cleaned in found.items():
    print(f"{text}  ->  {cleaned}")
assert found == texts, "clean_text treats these in another way now"
PY
