"""Keep the results of the equal-budget grid on real files (config/diversity-real.yaml).

    PYTHONPATH=src python benchmarks/diversity_grid.py [--measures]

Reads results/diversity-real. Writes benchmarks/results/diversity.json and, from it, diversity.md,
diversity.svg and diversity.csv. No text of a dataset is kept.

With --measures the run holds mixtures, tokens and diversity by hidden states, and no training.
Steps and scores stay those of diversity.json. A mixture that is not the trained one is refused.
"""

import argparse
import re
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError, UserError
from collectivesft.common.files import read_json, read_jsonl, write_json, write_text
from collectivesft.common.table_files import write_csv
from collectivesft.figures.diversity import BIGRAMS, HIDDEN, Measure, draw, rank_correlation, table
from collectivesft.figures.style.inputs import read_recipes

KEPT = Path(__file__).parent / "results"
RUN = Path("results/diversity-real")
RECIPES = Path("config/experiments")
BENCHMARK, PROTOCOLS = "apollo_zh", ("answer", "likelihood")
# What tells one mixture from another.
IDENTITY = ("datasets", "budget", "vendi", "tokens")
HEAD = """# The equal-budget grid on real files

```
COLLECTIVESFT_REAL_DATA=FOLDER workflow/bin/run config/diversity-real.yaml --cores all
PYTHONPATH=src .venv/bin/python benchmarks/diversity_grid.py
```

"""


def main() -> None:
    """Read, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--measures", action="store_true", help="keep the scores; read mixtures and hidden states"
    )
    try:
        if parser.parse_args().measures:
            grid = with_measures(read_json(KEPT / "diversity.json"))
        else:
            grid = read_run()
    except UserError as error:
        sys.exit(f"error: {error}")
    write_json(KEPT / "diversity.json", grid)
    mixtures, scores = grid["mixtures"], grid["scores"]
    parts = [HEAD + setting(grid), "## Every mixture\n", every_mixture(grid)]
    parts += ["## By number of datasets\n", by_number(mixtures, scores)]
    parts += ["## Accuracy against diversity\n", correlations(mixtures, scores)]
    text = "\n".join(part.rstrip("\n") + "\n" for part in parts)
    print(text)
    write_text(KEPT / "diversity.md", text)


def read_run() -> dict[str, Any]:
    """Return what is kept of a finished run: mixtures, base and scores."""
    scores = {
        protocol: {
            path.parent.name: _score(read_json(path))
            for path in sorted(RUN.glob(f"4_scores/*/{BENCHMARK}.{protocol}.scores.json"))
        }
        for protocol in PROTOCOLS
    }
    mixtures = {}
    for name in scores["answer"]:
        if (RUN / f"2_curated/mixtures/{name}/mixture.json").exists():
            steps = sum(1 for _ in read_jsonl(RUN / f"3_sft/{name}/history.jsonl"))
            mixtures[name] = read_mixture(name) | {"steps": steps}
    base = next(name for name in scores["answer"] if name not in mixtures)
    return {"base": base, "mixtures": mixtures, "scores": scores}


def with_measures(kept: dict[str, Any]) -> dict[str, Any]:
    """Return the kept grid with the diversity of its mixtures as the run has it now.

    Raises:
        InputError: a mixture of the run is not the one that was trained.
        UserError: a mixture has no diversity by hidden states.
    """
    mixtures = {}
    for name, trained in kept["mixtures"].items():
        found = read_mixture(name)
        for key in IDENTITY:
            if found[key] != trained[key]:
                raise InputError(
                    RUN / f"2_curated/mixtures/{name}",
                    f"{key} is {found[key]}; the mixture that was trained has {trained[key]}",
                    "Train the grid again and leave out --measures",
                )
        if "hidden" not in found:
            raise UserError(f"{name}: no diversity.json in {RUN}/3_sft. Run `sft diversity` first.")
        mixtures[name] = found | {"steps": trained["steps"]}
    return kept | {"mixtures": mixtures}


def read_mixture(name: str) -> dict[str, Any]:
    """Return what is kept of a mixture of the run."""
    mixture = read_json(RUN / f"2_curated/mixtures/{name}/mixture.json")
    kept = {
        "datasets": [part["dataset"] for part in mixture["datasets"]],
        "budget": {key: mixture["budget"][key] for key in ("examples", "by")},
        "vendi": {key: mixture["vendi"][key] for key in ("score", "texts")},
        "tokens": read_json(RUN / f"3_sft/{name}/tokens/tokens.json")["train"]["tokens"],
    }
    hidden = RUN / f"3_sft/{name}/diversity.json"
    return kept | ({"hidden": read_json(hidden)} if hidden.exists() else {})


def _score(score: dict[str, Any]) -> dict[str, Any]:
    keys = ("benchmark", "protocol", "items", "unparsed")
    macro = {key: score["macro"][key] for key in ("value", "low", "high")}
    groups = [{key: part[key] for key in ("label", "items")} for part in score["categories"]]
    kept = {key: score[key] for key in keys if key in score}
    return kept | {"macro": macro, "categories": groups}


def setting(grid: dict[str, Any]) -> str:
    """Say in words what was trained and asked."""
    one = next(iter(grid["mixtures"].values()))
    items = next(iter(grid["scores"]["answer"].values()))
    groups = ", ".join(f"{part['items']} of {part['label']}" for part in items["categories"])
    words = (
        f"{len(grid['mixtures'])} LoRA trainings of {grid['base']}, each of "
        f"{one['budget']['examples']} real "
        f"examples, asked {items['items']} real questions ({groups}). The question of a long "
        "example is cut, so that its answer stays. Macro accuracy with 95 % intervals over "
        "questions."
    )
    if "hidden" in one:
        about = one["hidden"]
        words += (
            f" Diversity by the base model's hidden states before training: of {about['sampled']} "
            f"examples of each mixture, density for NovelSum among {about['pool']['compared']} "
            "curated examples."
        )
    return words


def every_mixture(grid: dict[str, Any]) -> str:
    """One row for the base and each mixture, most datasets first."""
    mixtures, scores = grid["mixtures"], grid["scores"]
    measures = _measures(mixtures)
    columns = ["mixture", "datasets", "steps", "tokens", *(_title(one) for one in measures)]
    columns += ["answer, %", "likelihood, %", "no letter, %"]
    rows = [[grid["base"], "none", *["-"] * (2 + len(measures))]]
    for name in sorted(mixtures, key=lambda name: (-len(mixtures[name]["datasets"]), name)):
        one = mixtures[name]
        values = [f"{one['vendi']['score']:.1f}"]
        if "hidden" in one:
            values += [f"{one['hidden']['vendi']:.2f}"]
            values += [f"{one['hidden']['novelsum']['score']:.3f}"]
        about = [", ".join(one["datasets"]), str(one["steps"]), f"{one['tokens']:,}"]
        rows.append([name, *about, *values])
    lines = [f"| {' | '.join(columns)} |", f"|---|---|{'---:|' * (len(columns) - 2)}"]
    for name, *cells in rows:
        cells += [_interval(scores[protocol][name]) for protocol in PROTOCOLS]
        silent = scores["answer"][name]
        cells.append(f"{100 * silent['unparsed'] / silent['items']:.1f}")
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


def by_number(mixtures: dict[str, Any], scores: dict[str, Any]) -> str:
    """Mean and range over the draws of each number of datasets."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name, mixture in mixtures.items():
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


def correlations(mixtures: dict[str, Any], scores: dict[str, Any]) -> str:
    """Spearman's correlation by protocol and measure, and of the measures; draw the figure."""
    recipes = read_recipes([RECIPES / f"{name}.yaml" for name in sorted({*map(_first, mixtures)})])
    about = {name: recipes[_first(name)] for name in mixtures}
    hidden = {name: one["hidden"] for name, one in mixtures.items() if "hidden" in one}
    measures = _measures(mixtures)
    tables = {one: table(mixtures, scores[one], about, hidden) for one in PROTOCOLS}
    lines = [
        "Spearman's correlation over the mixtures but the random rows, with its 95 % interval; "
        "below it, of the measures:",
        "",
        f"| protocol | {' | '.join(_title(one) for one in measures)} |",
        f"|---|{'---:|' * len(measures)}",
    ]
    for protocol, rows in tables.items():
        cells = [_correlation(rank_correlation(rows, one)) for one in measures]
        lines.append(f"| {protocol} | {' | '.join(cells)} |")
    for other in measures[1:]:
        rows = [row | {"accuracy": row[other.column]} for row in tables[PROTOCOLS[0]]]
        found = [one for one in measures if measures.index(one) < measures.index(other)]
        cells = [_correlation(rank_correlation(rows, one)) for one in found]
        cells += [""] * (len(measures) - len(found))
        lines.append(f"| {_title(other)} | {' | '.join(cells)} |")
    with tempfile.TemporaryDirectory() as folder:
        draw(tables[PROTOCOLS[0]], Path(folder) / "diversity.svg")
        shutil.copyfile(Path(folder) / "diversity.svg", KEPT / "diversity.svg")
    write_csv(KEPT / "diversity.csv", [row for rows in tables.values() for row in rows])
    return "\n".join([*lines, "", "![Accuracy against diversity](diversity.svg)"])


def _measures(mixtures: dict[str, Any]) -> list[Measure]:
    """Return the measures that every mixture has."""
    return [BIGRAMS, *(HIDDEN if all("hidden" in one for one in mixtures.values()) else ())]


def _title(measure: Measure) -> str:
    """Return a measure's name without the number of texts."""
    return measure.label.partition("\n")[0]


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
