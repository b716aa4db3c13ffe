#!/usr/bin/env bash
# A word with a Greek letter, a subscript, Ⅱ or a comma that was added to jieba's dictionary never
# comes out: the text is cut at such signs before the dictionary is asked. Nothing refuses the word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q jieba==0.42.1
venv/bin/python -W ignore - <<'PY'
from importlib.metadata import version

import jieba

jieba.setLogLevel(60)
cutter = jieba.Tokenizer()
cutter.tmp_dir = "."
words = {
    "5-羟色胺": True, "C反应蛋白": True, "CD4+T细胞": True,
    "β受体阻滞剂": False, "γ-氨基丁酸": False, "Ⅱ型呼吸衰竭": False, "T₃抑制试验": False,
    "Rh(D)抗原": False, "1,25-二羟维生素D": False,
}
for word in words:
    cutter.add_word(word)
print("jieba", version("jieba"))
found = {}
for word in words:
    pieces = cutter.lcut(f"给予{word}后")
    found[word] = word in pieces
    print(f"{word}: {' | '.join(pieces)}; frequency in the dictionary {cutter.FREQ[word]}")
assert found == words, "jieba keeps other words together now"
PY
