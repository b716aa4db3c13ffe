#!/usr/bin/env bash
# ragas' BleuScore splits answer and reference at ". " and hands each sentence of the reference to
# sacrebleu as one more reference of the first sentence: nothing after the first full stop counts.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q ragas==0.4.3 langchain-community==0.3.31 sacrebleu==2.6.0
venv/bin/python -W ignore - 2>log <<'PY' || { tail -20 log; exit 1; }
import asyncio
import os
from importlib.metadata import version

os.environ["RAGAS_DO_NOT_TRACK"] = "true"
from ragas.dataset_schema import SingleTurnSample
from ragas.metrics import BleuScore
from sacrebleu import corpus_bleu

take = "The patient should take the tablets every day after a meal."
stop = "The patient should not drink alcohol during the treatment at all."
drink = "He may drink as much as he likes in the evening."
answers = {
    "the reference": f"{take} {stop}",
    "a wrong second sentence": f"{take} {drink}",
    "a wrong first sentence": f"{drink} {stop}",
    "the sentences swapped": f"{stop} {take}",
}
print("ragas", version("ragas"), "sacrebleu", version("sacrebleu"))
found = {}
for name, answer in answers.items():
    sample = SingleTurnSample(response=answer, reference=f"{take} {stop}")
    found[name] = round(asyncio.run(BleuScore().single_turn_ascore(sample)), 2)
    whole = corpus_bleu([answer], [[sample.reference]]).score / 100
    print(f"{name}: {found[name]} (sacrebleu of the whole text: {whole:.2f})")
assert found["the reference"] == found["a wrong second sentence"] == 1.0, "later sentences count now"
assert found["a wrong first sentence"] < 0.2 and found["the sentences swapped"] == 1.0
PY
