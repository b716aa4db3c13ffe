#!/usr/bin/env bash
# sacrebleu's zh tokenizer compares a character with two-character strings, so rare Chinese
# characters (extension B and later) stick together and signs such as ≤ and → are split off as if
# they were Chinese.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q sacrebleu==2.5.1
venv/bin/python - <<'PY'
import sacrebleu
from sacrebleu.tokenizers.tokenizer_zh import TokenizerZh

tokenize = TokenizerZh()
seen = {text: tokenize(text).split() for text in ("钾钠", "𬬭𬭊", "3≤4", "3±4")}
print("sacrebleu", sacrebleu.__version__)
for text, tokens in seen.items():
    print(text, "->", tokens)
assert seen["钾钠"] == ["钾", "钠"]
assert seen["𬬭𬭊"] == ["𬬭𬭊"], "two characters of extension E are two tokens now"
assert seen["3≤4"] == ["3", "≤", "4"], "≤ is no longer taken for Chinese"
assert seen["3±4"] == ["3±4"]
print("two rare characters are one token; ≤ is split off as Chinese, ± is not")
PY
