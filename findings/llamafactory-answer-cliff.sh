#!/usr/bin/env bash
# LLaMA-Factory cuts an example over the cutoff by two rules with a cliff between them: an answer just
# below half of the cutoff stays whole, and one token more costs it two fifths of its tokens.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q --no-deps llamafactory==0.9.5
venv/bin/python - <<'PY'
import importlib.util
import sys
from importlib.metadata import distribution, version

# The package's own __init__ asks for torch and transformers; this file needs neither.
path = distribution("llamafactory").locate_file("llamafactory/data/processor/processor_utils.py")
spec = importlib.util.spec_from_file_location("processor_utils", path)
module = sys.modules["processor_utils"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)

cutoff, prompt = 1000, 1200
seen = {answer: module.infer_seqlen(prompt, answer, cutoff)[1] for answer in (400, 499, 500, 600)}
print("llamafactory", version("llamafactory"))
for answer, kept in seen.items():
    print(f"prompt of {prompt}, answer of {answer}, cutoff {cutoff}: {kept} of the answer are kept")
assert seen == {400: 400, 499: 499, 500: 294, 600: 333}, "examples are cut otherwise now"
PY
