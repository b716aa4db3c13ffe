#!/usr/bin/env bash
# Results on two datasets of one repository are joined in a model card: without a configuration or a
# split the second dataset's name is left out, and its score is listed under the first one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q huggingface_hub==2.4.0
venv/bin/python - <<'PY'
from importlib.metadata import version

from huggingface_hub import EvalResult, ModelCard, ModelCardData

results = [
    EvalResult(
        task_type="question-answering",
        dataset_type="lab/exam",
        dataset_name=name,
        metric_type="accuracy",
        metric_value=value,
    )
    for name, value in (("Physicians", 0.71), ("Nurses", 0.52))
]
data = ModelCardData(model_name="small", eval_results=results)
print("huggingface_hub", version("huggingface_hub"))
print(data.to_yaml())
card = ModelCard(f"---\n{data.to_yaml()}\n---\n")
read = [(result.dataset_name, result.metric_value) for result in card.data.eval_results]
print("given:", [(result.dataset_name, result.metric_value) for result in results], "read back:", read)
assert "Nurses" not in data.to_yaml(), "the names are apart now"
assert read == [("Physicians", 0.71), ("Physicians", 0.52)]
PY
