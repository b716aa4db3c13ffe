#!/usr/bin/env bash
# ms-swift's lazy dataset draws a random different row, each time a new one, for a row over max_length:
# the epoch keeps its length, some rows are trained on twice, and no message says so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q torch==2.13.0 ms-swift==4.6.0
venv/bin/python - <<'PY'
from importlib.metadata import version

from datasets import Dataset
from swift.dataset.utils import LazyLLMDataset
from swift.template import MaxLengthError


def encode(row, **_):
    if len(row["text"]) > 5:
        raise MaxLengthError("more than max_length tokens")
    return row["text"]


rows = Dataset.from_dict({"text": ["a", "b", "far too long", "c"]})
lazy = LazyLLMDataset(rows, encode, random_state=1)
epoch = [lazy[i] for i in range(len(lazy))]
again = [lazy[2] for _ in range(5)]
print("ms-swift", version("ms-swift"), "rows:", rows["text"][:])
print("one epoch:", epoch, "row 2 asked five times:", again)
assert len(epoch) == 4 and "far too long" not in epoch
assert epoch[2] in ("a", "b", "c"), "a row that is too long is no longer replaced"
assert len(set(again)) > 1
PY
