"""Put scores on real questions into a table: the questions, the command and the result.

    PYTHONPATH=src python benchmarks/real_scores.py FILE.scores.json [...]

The files are those of `collectivesft scores score`. Writes benchmarks/results/real_scores.md and
.json.
"""

import argparse
from pathlib import Path
from typing import Any

from collectivesft.common.files import read_json, write_json, write_text

RESULTS = Path(__file__).parent / "results"
KEPT = (
    "model", "benchmark", "protocol", "method", "items", "key", "macro", "micro", "official",
    "differ", "unparsed", "endless", "empty", "letters", "gold_letters", "letter_bias",
    "subcategories",
)  # fmt: skip
HEAD = """# Scores on real questions

The nine medical subjects of CMMLU's test set (github haonan-li/CMMLU @ d6e7b716d8ac, CC BY-NC-SA
4.0; the questions are not part of this repository), asked in CMB's words with the chat template,
without examples, on one CPU thread. 225 questions are 25 of each subject. Accuracy in percent with
95 % intervals from a bootstrap; four options, so guessing gives 25. Gemma 3 270M is a base model
without instruction tuning.

```
collectivesft raw fetch --source benchmarks/cmmlu_medical --folder FOLDER --out raw/files --manifest raw/manifest.json
collectivesft curated items --benchmark cmmlu_medical --manifest raw/manifest.json --out items.jsonl
collectivesft scores predict --model .cache/models/gemma-3-270m --name gemma-3-270m --items items.jsonl \\
  --out likelihood.jsonl --method likelihood --max-new-tokens 1
collectivesft scores predict --model .cache/models/gemma-3-270m --name gemma-3-270m --items items.jsonl \\
  --out answer.jsonl --max-new-tokens 16 --limit 225
collectivesft scores score --predictions likelihood.jsonl --items items.jsonl --model gemma-3-270m \\
  --protocol likelihood --out likelihood.scores.json --csv likelihood.csv --answers likelihood.answers.jsonl
python benchmarks/real_scores.py likelihood.scores.json answer.scores.json
```
"""  # noqa: E501


def main() -> None:
    """Read, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scores", nargs="+", type=Path)
    found = [{key: row[key] for key in KEPT} for row in map(read_json, parser.parse_args().scores)]
    text = "\n".join([HEAD, *totals(found), "", *subjects(found), ""])
    print(text)
    write_json(RESULTS / "real_scores.json", found)
    write_text(RESULTS / "real_scores.md", text)


def totals(found: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| model | protocol | questions | macro | micro | CMB's own reading, macro | unread "
        "| letters chosen | letters of the key |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    for row in found:
        official = 100 * row["official"]["macro"]
        lines.append(
            f"| {row['model']} | {row['protocol']} | {row['items']} | {interval(row['macro'])} "
            f"| {interval(row['micro'])} | {official:.1f} | {row['unparsed']} "
            f"| {counts(row['letters'])} | {counts(row['gold_letters'])} |"
        )
    return lines


def subjects(found: list[dict[str, Any]]) -> list[str]:
    heads = [f"{row['protocol']} ({row['items']})" for row in found]
    lines = [f"| subject | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(found)}"]
    names = [one["subcategory"] for one in found[0]["subcategories"]]
    by = [{one["subcategory"]: one for one in row["subcategories"]} for row in found]
    lines += [f"| {name} | {' | '.join(interval(own[name]) for own in by)} |" for name in names]
    return lines


def interval(value: dict[str, float]) -> str:
    return f"{100 * value['value']:.1f} ({100 * value['low']:.1f} to {100 * value['high']:.1f})"


def counts(letters: dict[str, int]) -> str:
    return ", ".join(f"{letter} {count}" for letter, count in letters.items())


if __name__ == "__main__":
    main()
