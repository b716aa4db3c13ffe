#!/usr/bin/env bash
# rensa takes a text for the set of its letters, without a word: two sentences that say the opposite
# have similarity 1.0, and so have two rows without any words.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q rensa==0.5.0
venv/bin/python - <<'PY'
from importlib.metadata import version

from rensa import RMinHash


def sketch(tokens):
    found = RMinHash(num_perm=128, seed=1)
    found.update(tokens)
    return found


one, other = "先服药后手术", "先手术后服药"
as_text = sketch(one).jaccard(sketch(other))
as_pairs = sketch([one[i : i + 2] for i in range(5)]).jaccard(sketch([other[i : i + 2] for i in range(5)]))
empty = sketch([]).jaccard(sketch([]))
print("rensa", version("rensa"), "as text:", as_text, "as pairs of letters:", as_pairs, "without words:", empty)
assert as_text == 1.0 and as_pairs < 0.9, "a text is taken otherwise now"
assert empty == 1.0, "rows without words are no copies now"
PY
