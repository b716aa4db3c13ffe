"""Hold lm-evaluation-harness's own task of CMMLU to our predictions of the same questions.

    LM_EVAL/bin/python benchmarks/lm_eval_cmmlu.py --model FOLDER --data FOLDER \
      --predictions 0.predictions.jsonl --predictions 5.predictions.jsonl

Runs in an environment that has lm-eval (``pip install lm-eval torch transformers``), without this
package. Predictions are those of `collectivesft scores predict --template lm_eval --method
likelihood` on cmmlu_medical. The harness's tasks are its own; only their dataset is read from the
CSV files of ``--data`` (``dev/`` and ``test/``). Writes benchmarks/results/lm_eval.md.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import lm_eval
import yaml
from lm_eval.models.huggingface import HFLM

RESULT = Path(__file__).parent / "results/lm_eval.md"
FIRST_ROW = 2  # of a CSV file with a header
HEAD = """# CMMLU as lm-evaluation-harness asks it

Protocols `lm_eval` and `lm_eval_5shot` beside the harness's own tasks `cmmlu_*` on the same questions
of CMMLU's medical subjects: gemma-3-270m, float32, one CPU thread.

```
collectivesft scores predict --model MODEL --name gemma-3-270m --items items.jsonl --out 0.jsonl \\
  --method likelihood --template lm_eval --max-new-tokens 1 --limit {limit}
LM_EVAL/bin/python benchmarks/lm_eval_cmmlu.py --model MODEL --data cmmlu-medical \\
  --predictions 0.jsonl --predictions 5.jsonl
```

The second file is by `--shots 5 --limit {second}`. Largest difference: of a letter's natural log probability.

| lm-eval | examples | questions | equal prompts | equal letters | largest difference | accuracy, harness | accuracy, ours |
|---|---:|---:|---:|---:|---:|---:|---:|
"""  # noqa: E501


def tasks(data: Path, subjects: list[str]) -> list[dict[str, Any]]:
    """Return the harness's definitions of some subjects, with local files as their dataset."""
    folder = Path(lm_eval.__file__).parent / "tasks/cmmlu"
    shared = yaml.safe_load((folder / "_default_template_yaml").read_text("utf-8"))
    found = []
    for subject in subjects:
        own = yaml.safe_load((folder / f"cmmlu_{subject}.yaml").read_text("utf-8"))
        files = {split: str(data / split / f"{subject}.csv") for split in ("test", "dev")}
        local = {"dataset_path": "csv", "dataset_name": None}
        found.append({**shared, **own, **local, "dataset_kwargs": {"data_files": files}})
        del found[-1]["include"]
    return found


def samples(model: Any, data: Path, rows: list[dict[str, Any]]) -> dict[tuple[str, int], dict]:
    """Return the harness's records of the questions of our rows, by subject and place."""
    wanted: dict[str, list[int]] = {}
    for row in rows:
        subject, place = place_of(row)
        wanted.setdefault(subject, []).append(place)
    asked = lm_eval.simple_evaluate(
        model=model,
        tasks=tasks(data, list(wanted)),
        num_fewshot=rows[0]["shots"],
        samples={f"cmmlu_{subject}": places for subject, places in wanted.items()},
        log_samples=True,
        bootstrap_iters=0,
    )
    return {
        (task.removeprefix("cmmlu_"), record["doc_id"]): record
        for task, records in asked["samples"].items()
        for record in records
    }


def place_of(row: dict[str, Any]) -> tuple[str, int]:
    """Return subject and place in its file, of an id such as ``anatomy-test-2``."""
    subject, _, number = row["id"].rsplit("-", 2)
    return subject, int(number) - FIRST_ROW


def compared(rows: list[dict[str, Any]], records: dict[tuple[str, int], dict]) -> str:
    """Return a table's row."""
    prompts = letters = theirs = ours = 0
    largest = 0.0
    for row in rows:
        record = records[place_of(row)]
        pairs = [(context, continuation) for context, continuation in record["arguments"]]
        values = [float(answer[0][0]) for answer in record["resps"]]
        own = row["likelihood"]
        prompts += pairs == [(row["prompt"], f" {letter}") for letter in own]
        best = max(own, key=own.get)
        letters += best == "ABCD"[values.index(max(values))]
        gaps = [abs(a - b) for a, b in zip(values, own.values(), strict=True)]
        largest = max(largest, *gaps)
        theirs, ours = theirs + record["acc"], ours + (best == row["answer"])
    shares = f"{100 * theirs / len(rows):.2f} | {100 * ours / len(rows):.2f}"
    return (
        f"| {lm_eval.__version__} | {rows[0]['shots']} | {len(rows)} | {prompts} | {letters} "
        f"| {largest:.1e} | {shares} |\n"
    )


def main() -> None:
    """Run the harness for each file of predictions; write and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--predictions", required=True, type=Path, action="append")
    options = parser.parse_args()
    model = HFLM(pretrained=options.model, device="cpu", dtype="float32", batch_size=1)
    text, sizes = "", []
    for path in options.predictions:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        text += compared(rows, samples(model, options.data, rows))
        sizes.append(len(rows))
    text = HEAD.format(limit=sizes[0], second=sizes[-1]) + text
    print(text)
    RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
