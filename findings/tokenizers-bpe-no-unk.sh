#!/usr/bin/env bash
# A BPE tokenizer without an unknown token drops each character that training did not show it:
# a dose of 5 μg is read as 5 g. The other models of the library raise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q tokenizers==0.23.3
venv/bin/python - <<'PY'
from importlib.metadata import version

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

texts = ["每日口服 5 mg，餐后服用。", "静脉滴注 5 g，每日一次。"]


def trained(model, trainer):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


options = {"vocab_size": 100, "show_progress": False}
tokenizer = trained(models.BPE(), trainers.BpeTrainer(**options))
encoded = tokenizer.encode("每日 5 μg")
read = tokenizer.decode(encoded.ids)
print("tokenizers", version("tokenizers"), encoded.tokens, encoded.offsets, repr(read))
assert read == "每日 5 g", "an unknown character is no longer dropped"
for model, trainer in (
    (models.WordPiece(), trainers.WordPieceTrainer(**options)),
    (models.Unigram(), trainers.UnigramTrainer(**options)),
):
    try:
        trained(model, trainer).encode("每日 5 μg")
    except Exception as error:
        print(type(model).__name__, "raises:", error)
    else:
        raise SystemExit(f"{type(model).__name__} takes an unknown character now")
PY
