#!/usr/bin/env bash
# EvalScope's reading of Chinese answers knows the form 答案：B only; else it takes the last capital
# letter of the reply, so a reason that names vitamin A after 答案是B is an A.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q evalscope==1.14.1
venv/bin/python - <<'PY'
from importlib.metadata import version
from types import SimpleNamespace

from evalscope.utils.multi_choices import parse_answers_zh


def read(reply, several=False):
    state = SimpleNamespace(choices=list("abcde"), output=SimpleNamespace(completion=reply))
    return sorted(parse_answers_zh(state, several))


seen = {
    "答案：B，因为维生素A过量有毒": read("答案：B，因为维生素A过量有毒"),
    "答案是B，因为维生素A过量有毒": read("答案是B，因为维生素A过量有毒"),
    "答案为AC。D项见于甲亢": read("答案为AC。D项见于甲亢", True),
    "答案：A和C": read("答案：A和C", True),
}
print("evalscope", version("evalscope"))
for reply, letters in seen.items():
    print(reply, "->", letters)
assert list(seen.values()) == [["B"], ["A"], ["D"], ["A"]], "the reading differs now"
PY
