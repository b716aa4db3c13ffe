#!/usr/bin/env bash
# cn2an's transform of a whole text reads 120/80 as a fraction and the hyphens of a date as minus
# signs; the other way it turns the herb 三七 into 37 and metformin into 2甲双胍.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q cn2an==0.5.24
venv/bin/python - <<'PY'
from importlib.metadata import version

import cn2an

spoken = {
    "血压120/80mmHg": "血压八十分之一百二十mmHg",
    "2021-03-04": "二千零二十一负三负四",
}
written = {"三七片": "37片", "二甲双胍": "2甲双胍", "三尖瓣": "3尖瓣"}
print("cn2an", version("cn2an"))
for direction, texts in (("an2cn", spoken), ("cn2an", written)):
    for text, wanted in texts.items():
        made = cn2an.transform(text, direction)
        print(f"{direction}: {text} -> {made}")
        assert made == wanted, f"{text} is {made} now"
PY
