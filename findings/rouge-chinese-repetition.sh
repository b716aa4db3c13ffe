#!/usr/bin/env bash
# rouge-chinese's ROUGE-1 counts each word once: an answer that repeats one right word scores
# precision 1.0, where the published measure clips the count and gives a quarter.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q rouge-chinese==1.0.3
venv/bin/python - <<'PY'
from importlib.metadata import version

from rouge_chinese import Rouge

answer, reference = "咳嗽 咳嗽 咳嗽 咳嗽", "咳嗽 发热"
scores = Rouge().get_scores(answer, reference)[0]
print("rouge-chinese", version("rouge-chinese"), scores)
assert abs(scores["rouge-1"]["p"] - 1.0) < 1e-6, "repeated words lower the precision now"
assert abs(scores["rouge-1"]["r"] - 0.5) < 1e-6
print("one of four words is right; ROUGE-1 precision is 1.0, not 0.25")
PY
