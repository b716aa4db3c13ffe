#!/usr/bin/env bash
# OpenCC's phrase tables for Taiwan (s2twp) take medical terms for computing ones: the circulatory
# system becomes a program's loop, a cohort study a queue, a mouse specimen a computer mouse.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q opencc==1.4.2
venv/bin/python - <<'PY'
from importlib.metadata import version

import opencc

terms = {
    "循环系统": "迴圈系統",
    "队列研究": "佇列研究",
    "鼠标本": "滑鼠本",
    "程序性死亡": "程式性死亡",
    "研究对象": "研究物件",
    "支持治疗": "支援治療",
}
phrases, characters = opencc.OpenCC("s2twp"), opencc.OpenCC("s2tw")
print("opencc", version("opencc"))
seen = {term: phrases.convert(term) for term in terms}
for term, text in seen.items():
    print(term, "s2twp:", text, "s2tw:", characters.convert(term))
assert seen == terms, "the phrase tables differ now"
assert characters.convert("循环系统") == "循環系統"
print("s2tw changes the characters only and keeps the terms")
PY
