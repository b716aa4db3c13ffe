#!/usr/bin/env bash
# inspect-ai's exact() and match() drop signs, exact() also the article "a", before they compare:
# HBsAg (+) equals HBsAg (-), <7.35 equals >7.35, and hepatitis A equals hepatitis.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q inspect-ai==0.3.285
venv/bin/python -W ignore - <<'PY'
import asyncio
from importlib.metadata import version

from inspect_ai.model import ModelName, ModelOutput
from inspect_ai.scorer import Target, exact, match
from inspect_ai.solver import TaskState


def grade(scorer, answer, target):
    output = ModelOutput.from_content("mockllm/model", answer)
    state = TaskState(ModelName("mockllm/model"), 1, 1, "question", [], output=output)
    return asyncio.run(scorer(state, Target(target))).value


print("inspect-ai", version("inspect-ai"), "C is correct, I incorrect")
pairs = [("HBsAg (+)", "HBsAg (-)"), ("Rh+", "Rh-"), ("<7.35", ">7.35"), ("-2.5", "2.5")]
pairs += [("hepatitis", "hepatitis A"), ("vitamin", "vitamin A"), ("hepatitis B", "hepatitis A")]
found = {}
for answer, target in pairs:
    grades = [grade(scorer, answer, target) for scorer in (exact(), match(location="exact"), match())]
    found[answer, target] = "".join(grades)
    print(f"answer {answer}, target {target}: exact {grades[0]}, match exact {grades[1]}, match {grades[2]}")
assert all(found[pair] == "CCC" for pair in pairs[:4]), "signs are compared now"
assert all(found[pair] == "CII" for pair in pairs[4:6]), "the article is compared now"
assert found[pairs[6]] == "III"
PY
