#!/usr/bin/env bash
# text-dedup's MinHash drops each row of fewer than five words as if it were a copy. A word ends at
# punctuation or a space, so whole Chinese questions go, with no count of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q --no-deps text-dedup==0.4.0
pip --python venv/bin/python install -q datasets==5.2.0 scipy==1.17.1 rich==13.9.4 \
  click==8.5.1 click-option-group==0.5.10 ftfy==6.3.1 regex==2026.11.19 xxhash==4.1.0 psutil==7.2.2
venv/bin/python - <<'PY'
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import datasets

long = "患者，男，六十岁，反复咳嗽，伴胸闷气促，吸烟多年，应首先考虑什么诊断？"
other = "一、洗手。二、戴口罩。三、核对姓名。四、消毒皮肤。五、进针。六、拔针，按压。"
rows = [long, other, "糖尿病足溃疡的换药步骤有哪些？", "新生儿黄疸什么时候需要光疗？"]
Path("rows.jsonl").write_text("\n".join(json.dumps({"text": row}) for row in rows))
command = [sys.executable, "-m", "text_dedup.minhash", "--path", "json"]
command += ["--data_files", "rows.jsonl", "--split", "train", "--column", "text"]
command += ["--num_proc", "1", "--output", "kept", "--cache_dir", "cache"]
done = subprocess.run(command, capture_output=True, text=True)
assert done.returncode == 0, done.stderr
kept = datasets.load_from_disk("kept")["text"][:]
print("text-dedup", version("text-dedup"), "kept", len(kept), "of", len(rows), "different rows:")
print(*kept, sep="\n")
assert kept == [long, other], "short rows are kept now"
PY
