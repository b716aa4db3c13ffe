"""Keep the results of a finished equal-budget grid on real files (config/diversity-real.yaml).

    PYTHONPATH=src python benchmarks/diversity_grid.py

Reads results/diversity-real; writes benchmarks/results/diversity.md with the figure next to it as
diversity.svg and diversity.csv. No text of a dataset is kept.
"""

import re
import shutil
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from collectivesft.common.files import read_json, read_jsonl, write_text
from collectivesft.figures.diversity import BIGRAMS, HIDDEN, draw, rank_correlation, table
from collectivesft.figures.style.inputs import read_recipes

KEPT = Path(__file__).parent / "results"
RUN = Path("results/diversity-real")
RECIPES = Path("config/experiments")
BENCHMARK, PROTOCOLS = "apollo_zh", ("answer", "likelihood")
HEAD = """# The equal-budget grid on real files

```
COLLECTIVESFT_REAL_DATA=FOLDER workflow/bin/run config/diversity-real.yaml --cores all
PYTHONPATH=src .venv/bin/python benchmarks/diversity_grid.py
```

"""
COLUMNS = (
    "mixture",
    "datasets",
    "steps",
    "tokens",
    "Vendi",
    "answer, %",
    "likelihood, %",
    "no letter, %",
)


def main() -> None:
    """Read, print and write."""
    scores = {
        protocol: {
            path.parent.name: read_json(path)
            for path in sorted(RUN.glob(f"4_scores/*/{BENCHMARK}.{protocol}.scores.json"))
        }
        for protocol in PROTOCOLS
    }
    found = {
        path.parent.name: read_json(path)
        for path in sorted(RUN.glob("2_curated/mixtures/*/mixture.json"))
        if path.parent.name in scores["answer"]
    }
    base = next(name for name in scores["answer"] if name not in found)
    parts = [HEAD + setting(found, scores, base), "## Every mixture\n"]
    parts += [mixtures(found, scores, base), "## By number of datasets\n", by_number(found, scores)]
    parts += ["## Accuracy against diversity\n", correlations(found, scores)]
    text = "\n".join(part.rstrip("\n") + "\n" for part in parts)
    print(text)
    write_text(KEPT / "diversity.md", text)


def setting(found: dict[str, Any], scores: dict[str, Any], base: str) -> str:
    """Say in words what was trained and asked."""
    one = next(iter(found.values()))
    items = next(iter(scores["answer"].values()))
    groups = ", ".join(f"{part['items']} of {part['label']}" for part in items["categories"])
    return (
        f"{len(found)} LoRA trainings of {base}, each of {one['budget']['examples']} real "
        f"examples, asked {items['items']} real questions ({groups}). The question of a long "
        "example is cut, so that its answer stays. Macro accuracy with 95 % intervals over "
        "questions."
    )


def mixtures(found: dict[str, Any], scores: dict[str, Any], base: str) -> str:
    """One row for the base and each mixture, most datasets first."""
    rows = [(base, ["none"], "-", "-", "-")]
    for name in sorted(found, key=lambda name: (-len(found[name]["datasets"]), name)):
        tokens = read_json(RUN / f"3_sft/{name}/tokens/tokens.json")["train"]["tokens"]
        parts = [part["dataset"] for part in found[name]["datasets"]]
        steps = sum(1 for _ in read_jsonl(RUN / f"3_sft/{name}/history.jsonl"))
        vendi = f"{found[name]['vendi']['score']:.1f}"
        rows.append((name, parts, str(steps), f"{tokens:,}", vendi))
    lines = [f"| {' | '.join(COLUMNS)} |", f"|---|---|{'---:|' * (len(COLUMNS) - 2)}"]
    for name, parts, *cells in rows:
        answer, likelihood = (_interval(scores[protocol][name]) for protocol in PROTOCOLS)
        silent = scores["answer"][name]
        share = f"{100 * silent['unparsed'] / silent['items']:.1f}"
        lines.append(
            f"| {' | '.join([name, ', '.join(parts), *cells, answer, likelihood, share])} |"
        )
    return "\n".join(lines)


def by_number(found: dict[str, Any], scores: dict[str, Any]) -> str:
    """Mean and range over the draws of each number of datasets."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name, mixture in found.items():
        rows = mixture["budget"]["by"] == "rows"
        groups["random rows of all" if rows else str(len(mixture["datasets"]))].append(name)
    lines = ["| datasets | trainings | answer, % | likelihood, % |", "|---|---:|---:|---:|"]
    for label, names in sorted(groups.items()):
        cells = []
        for protocol in PROTOCOLS:
            values = [100 * scores[protocol][name]["macro"]["value"] for name in names]
            spread = f" ({min(values):.1f} to {max(values):.1f})" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.1f}{spread}")
        lines.append(f"| {label} | {len(names)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def correlations(found: dict[str, Any], scores: dict[str, Any]) -> str:
    """Spearman's correlation by protocol and measure; draw the figure."""
    recipes = read_recipes([RECIPES / f"{name}.yaml" for name in sorted({*map(_first, found)})])
    about = {name: recipes[_first(name)] for name in found}
    hidden = {
        path.parent.name: read_json(path)
        for path in sorted(RUN.glob("3_sft/*/diversity.json"))
        if path.parent.name in found
    }
    measures = (BIGRAMS, *HIDDEN) if hidden else (BIGRAMS,)
    tables = {one: table(found, scores[one], about, hidden) for one in PROTOCOLS}
    lines = [
        "Spearman's correlation over the mixtures but the random rows, with its 95 % interval:",
        "",
        f"| protocol | {' | '.join(one.column for one in measures)} |",
        f"|---|{'---:|' * len(measures)}",
    ]
    for protocol, rows in tables.items():
        cells = [_correlation(rank_correlation(rows, one)) for one in measures]
        lines.append(f"| {protocol} | {' | '.join(cells)} |")
    with tempfile.TemporaryDirectory() as folder:
        draw(tables[PROTOCOLS[0]], Path(folder) / "diversity.svg")
        for suffix in ("svg", "csv"):
            shutil.copyfile(Path(folder) / f"diversity.{suffix}", KEPT / f"diversity.{suffix}")
    return "\n".join([*lines, "", "![Accuracy against diversity](diversity.svg)"])


def _correlation(found: dict[str, float] | None) -> str:
    return "{value:+.2f} ({low:+.2f} to {high:+.2f})".format(**found) if found else "none"


def _first(name: str) -> str:
    """Name of the experiment that a draw repeats."""
    return re.sub(r"-draw\d+$", "", name)


def _interval(score: dict[str, Any]) -> str:
    value, low, high = (100 * score["macro"][key] for key in ("value", "low", "high"))
    return f"{value:.1f} ({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    main()
