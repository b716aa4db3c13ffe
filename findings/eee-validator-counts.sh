#!/usr/bin/env bash
# Every Eval Ever's validator compares the number of instance rows with the declared one, but neither
# their sha256 with the declared checksum nor their ids: one item twice passes, and so does an interval
# whose ends are swapped.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
# The wheel asks for Python 3.12; its validator runs on 3.11 too.
pip --python venv/bin/python install -q --ignore-requires-python --no-deps every_eval_ever==0.3.0
pip --python venv/bin/python install -q pydantic==2.14.3 jsonschema==4.26.0 rich==14.3.4 PyYAML==6.0.3 requests==2.34.2
venv/bin/python - <<'PY'
import copy
import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from every_eval_ever.validator.validation_core import validate_file

STEM = "data/ward/lab/small/0b8e6a52-5a3c-4d0e-9f51-2d7c1f0a9b11"
NAMES = (f"{STEM}.json", f"{STEM}_samples.jsonl")


def instance(number):
    return {
        "schema_version": "0.3.0", "evaluation_id": "ward/lab_small/1", "model_id": "lab/small",
        "evaluation_name": "ward", "evaluation_result_id": "ward.accuracy", "sample_id": str(number),
        "sample_hash": hashlib.sha256(str(number).encode()).hexdigest(),
        "interaction_type": "single_turn", "evaluation": {"score": 1.0, "is_correct": True},
        "input": {"raw": f"question {number}", "reference": ["A"]}, "output": {"raw": ["A"]},
        "answer_attribution": [{
            "turn_idx": 0, "source": "output.raw", "extracted_value": "A",
            "extraction_method": "regex", "is_terminal": True,
        }],
    }


def lines(numbers):
    return "".join(json.dumps(instance(number)) + "\n" for number in numbers)


def report(numbers=(0, 1), change=lambda content: None):
    """Errors of both files; the checksum is always that of the rows 0 and 1."""
    interval = {"lower": 0.2, "upper": 1.0, "confidence_level": 0.95, "method": "bootstrap"}
    content = {
        "schema_version": "0.3.0", "evaluation_id": "ward/lab_small/1", "retrieved_timestamp": "1",
        "source_metadata": {
            "source_type": "evaluation_run", "source_organization_name": "lab",
            "evaluator_relationship": "first_party",
        },
        "model_info": {
            "name": "small", "id": "lab/small", "developer": "lab",
            "additional_details": {"deployment_type": "self_deployed", "model_availability": "open_weights"},
        },
        "eval_library": {"name": "own", "version": "1"},
        "detailed_evaluation_results": {
            "format": "jsonl", "file_path": NAMES[1], "total_rows": 2, "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(lines((0, 1)).encode()).hexdigest(),
        },
        "evaluation_results": [{
            "evaluation_name": "ward", "evaluation_result_id": "ward.accuracy",
            "source_data": {"dataset_name": "ward", "source_type": "url", "url": ["https://example.org"]},
            "metric_config": {
                "lower_is_better": False, "score_type": "continuous", "min_score": 0.0, "max_score": 1.0,
            },
            "score_details": {"score": 1.0, "uncertainty": {"confidence_interval": interval}},
        }],
    }
    change(content)
    for name, text in zip(NAMES, (json.dumps(content), lines(numbers))):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    found = [
        validate_file(
            Path(name), repo_path=name, available_files=set(NAMES), run_semantic_checks=True,
            read_repo_file=lambda one: Path(one).read_text(encoding="utf-8"),
        )
        for name in NAMES
    ]
    return [error["msg"] if isinstance(error, dict) else str(error) for one in found for error in one.errors]


def swapped(content):
    interval = content["evaluation_results"][0]["score_details"]["uncertainty"]["confidence_interval"]
    interval.update(lower=1.0, upper=0.2)


def outside(content):
    content["evaluation_results"][0]["score_details"]["score"] = 72.4


print("every_eval_ever", version("every_eval_ever"))
cases = {
    "as declared": report(),
    "a row less": report((0,)),
    "a score out of its range": report(change=outside),
    "one item twice, under the old checksum": report((0, 0)),
    "swapped ends of the interval": report(change=swapped),
}
for case, errors in cases.items():
    print(f"{case}: {errors or 'valid'}")
assert not cases["as declared"] and cases["a row less"] and cases["a score out of its range"]
assert not cases["one item twice, under the old checksum"], "checksum or ids are compared now"
assert not cases["swapped ends of the interval"], "the ends of an interval are compared now"
PY
