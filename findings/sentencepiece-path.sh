#!/usr/bin/env bash
# sentencepiece writes the path of the training text into the model: the same text and options in
# two folders give other bytes, and a published tokenizer shows the folder it was trained in.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q sentencepiece==0.2.3
venv/bin/python - <<'PY'
from importlib.metadata import version
from pathlib import Path

import sentencepiece

text = "\n".join(f"patient {i} has fever and cough" for i in range(300))
models = []
for folder in ("ward", "laboratory"):
    Path(folder).mkdir()
    Path(folder, "notes.txt").write_text(text)
    sentencepiece.SentencePieceTrainer.train(
        input=f"{folder}/notes.txt", model_prefix=f"{folder}/m", vocab_size=40, minloglevel=3
    )
    models.append(Path(folder, "m.model").read_bytes())
print("sentencepiece", version("sentencepiece"), "equal bytes:", models[0] == models[1])
assert b"laboratory/notes.txt" in models[1], "the path is no longer in the model"
assert models[0] != models[1]
print("the model of the second folder names it:", b"laboratory/notes.txt" in models[1])
PY
