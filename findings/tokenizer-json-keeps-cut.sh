#!/usr/bin/env bash
# A tokenizer keeps the truncation and the padding of its last call and saves them: whoever reads the
# published tokenizer.json by the tokenizers library gets every text cut, without a word.
# transformers lifts both, and so do not show it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q tokenizers==0.23.3 transformers==5.23.0
venv/bin/python - 2>log <<'PY' || { tail -20 log; exit 1; }
from importlib.metadata import version

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

plain = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1, "fever": 2}, unk_token="[UNK]"))
plain.pre_tokenizer = pre_tokenizers.Whitespace()
ours = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]")
lengths = {}
for step in ("before a call", "after a call that cuts", "after a call without options"):
    if "cuts" in step:
        ours(["fever fever fever fever", "fever"], truncation=True, max_length=3, padding="max_length")
    elif "without" in step:
        ours("fever")
    ours.save_pretrained("model")
    theirs, again = Tokenizer.from_file("model/tokenizer.json"), AutoTokenizer.from_pretrained("model")
    readers = (lambda text: theirs.encode(text).ids), (lambda text: again(text).input_ids)
    lengths[step] = [[len(read("fever " * count)) for count in (1, 50)] for read in readers]
    print(f"saved {step}: texts of 1 and 50 words have, read by tokenizers, {lengths[step][0]}", end=" ")
    print(f"and by transformers {lengths[step][1]} tokens")
print("transformers", version("transformers"), "tokenizers", version("tokenizers"))
assert lengths["before a call"] == lengths["after a call without options"] == [[1, 50], [1, 50]]
assert lengths["after a call that cuts"] == [[3, 3], [1, 50]], "truncation is not saved any more"
PY
