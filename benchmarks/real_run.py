"""Keep the results of a finished `make real`: its ledger, loss curve, scores and run times.

    PYTHONPATH=src python benchmarks/real_run.py

Reads results/real and logs/real; writes benchmarks/results/real_run.md with the curve next to it as
real_run.loss.svg and real_run.loss.csv. No text of a dataset is kept.
"""

import csv
import shutil
from collections import defaultdict
from pathlib import Path

from collectivesft.common.files import read_json, read_jsonl, write_text
from collectivesft.paper.values import history_values

KEPT = Path(__file__).parent / "results"
RUN = Path("results/real")
HEAD = """# `make real`: the whole flow on real files

```
COLLECTIVESFT_REAL_DATA=FOLDER make real
PYTHONPATH=src .venv/bin/python benchmarks/real_run.py
```

The real files at hand of seven datasets, curated in full; a short LoRA of Gemma 3 270M on 80
examples of each. Scored: 60 questions of Apollo's Chinese test (real ones of CMB, MedQA Mainland
and CMExam), 225 of CMMLU's medical subjects (25 of each of nine), 30 of CMExam, and two cases of
CMB-Clin. So few questions show that the flow works, and no difference between models. Two cores,
no GPU, other work at the same time.
"""


def main() -> None:
    """Read, print and write."""
    mixture = RUN / "2_curated/mixtures/real"
    parts = [
        HEAD,
        "## Ledger, rows\n",
        (mixture / "ledger.md").read_text(encoding="utf-8"),
        "## Training\n",
        training(RUN / "3_sft/real"),
        "## Scores, percent with 95 % intervals\n",
        (RUN / "4_scores/table.md").read_text(encoding="utf-8"),
        clinical(),
        "## Time\n",
        times(Path("logs/real")),
    ]
    text = "\n".join(part.rstrip("\n") + "\n" for part in parts)
    for suffix in ("svg", "csv"):
        shutil.copyfile(RUN / f"5_figures/loss.{suffix}", KEPT / f"real_run.loss.{suffix}")
    print(text)
    write_text(KEPT / "real_run.md", text)


def training(folder: Path) -> str:
    """Return the training data, and the loss over the first and the last steps, by their tokens."""
    history = [row for _, row in read_jsonl(folder / "history.jsonl")]
    loss = history_values(folder / "history.jsonl")
    tokens = read_json(folder / "tokens/tokens.json")
    counts = tokens["train"]
    checks = [row["eval_loss"] for row in history if row.get("eval_loss") is not None]
    lines = [
        f"{counts['examples']:,} examples ({counts['without_loss']:,} more were drawn: their "
        f"prompt alone fills {tokens['max_length']:,} tokens), {counts['tokens']:,} tokens, "
        f"{loss['steps']} steps; loss {loss['first_loss']:.3f} over the first {loss['few']} steps, "
        f"{loss['last_loss']:.3f} over the last {loss['few']}.",
        f"Validation: {', '.join(f'{value:.3f}' for value in checks)}.",
        "",
        "![Loss by step](real_run.loss.svg)",
    ]
    return "\n".join(lines)


def clinical() -> str:
    """Cases answered, and the metrics against the reference: no judge, so no grade."""
    lines = ["", "CMB-Clin, without a judge:", ""]
    for path in sorted(RUN.glob("4_scores/*/cmb_clin.cases.scores.json")):
        found = read_json(path)
        values = ", ".join(f"{k} {v}" for k, v in found.items() if isinstance(v, int | float))
        lines.append(f"- {path.parent.name}: {values}")
    return "\n".join(lines)


def times(logs: Path) -> str:
    """Seconds of each stage's jobs, by Snakemake's own benchmark files."""
    seconds: dict[str, float] = defaultdict(float)
    jobs: dict[str, int] = defaultdict(int)
    for path in sorted(logs.rglob("*.benchmark.tsv")):
        stage = path.relative_to(logs).parts[0]
        with open(path, encoding="utf-8", newline="") as handle:
            seconds[stage] += sum(float(row["s"]) for row in csv.DictReader(handle, delimiter="\t"))
        jobs[stage] += 1
    lines = ["| stage | jobs | seconds of its jobs |", "| --- | ---: | ---: |"]
    lines += [f"| {stage} | {jobs[stage]} | {value:.0f} |" for stage, value in seconds.items()]
    return "\n".join([*lines, f"| all | {sum(jobs.values())} | {sum(seconds.values()):.0f} |"])


if __name__ == "__main__":
    main()
