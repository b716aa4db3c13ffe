"""Values of the manuscript about scores: headline, experiments, agreement, leaderboard."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collectivesft import benchmarks
from collectivesft.common.errors import InputError
from collectivesft.common.significance import holm, smallest_gain
from collectivesft.config.experiment import read_experiment
from collectivesft.figures.style import inputs
from collectivesft.scores.report import leaderboard

Headline = tuple[str, str, str]


def headline_values(
    headline: Headline, rows: Sequence[dict[str, Any]], base: str, path: Path
) -> dict[str, Any]:
    """Return the facts for abstract and results on the headline's experiment and its base.

    Args:
        headline: experiment, benchmark and protocol.
        rows: contents of score files.
        path: of the recipe, for messages.

    Raises:
        InputError: a score that is missing.
    """
    experiment, benchmark, protocol = headline
    found = {
        row["model"]: row
        for row in rows
        if row["benchmark"] == benchmark and row.get("protocol") == protocol
    }
    for model in (experiment, base):
        if model not in found:
            problem = f"no score of {model} on {benchmark} by {protocol}"
            raise InputError(path, problem, "Score it, or change the headline in the config")
    tuned, before = found[experiment], found[base]
    return {
        "items": tuned["items"],
        "benchmark_title": benchmarks.get(benchmark).SOURCE.title,
        "protocol": protocol,
        "key_date": tuned["key"]["date"],
        "against": _against(tuned),
        "tuned": {key: tuned[key] for key in ("macro", "micro", "differ")},
        "base": {key: before[key] for key in ("macro", "micro", "differ")},
        "categories": _categories(tuned, before),
        "without_apart": _without_apart(tuned),
    }


def _against(row: dict[str, Any]) -> dict[str, Any] | None:
    """The difference from the base model in macro accuracy, and the paired test."""
    if row["against"] is None:
        return None
    reading = row["against"]["corrected"]
    counts = {key: reading[key] for key in ("only_first", "only_second", "p")}
    differ = (counts["only_first"] + counts["only_second"]) / row["items"]
    gain = smallest_gain(row["items"], differ) if differ else None
    found = gain if gain is not None and gain < differ else None
    change = reading["difference"]["macro"]
    return {"difference": change, **counts, "discordant": differ, "smallest_gain": found}


def _categories(tuned: dict[str, Any], before: dict[str, Any]) -> list[dict[str, Any]]:
    old = {part["category"]: part for part in before["categories"]}
    interval = ("value", "low", "high")
    return [
        {key: part[key] for key in ("category", "label", "items")}
        | {"tuned": {key: part[key] for key in interval}}
        | {"base": {key: old[part["category"]][key] for key in interval}}
        | {"change": round(part["value"] - old[part["category"]]["value"], 6)}
        for part in tuned["categories"]
    ]


def _without_apart(row: dict[str, Any]) -> dict[str, Any] | None:
    rest = row["without_apart"]
    return rest and rest | {"groups": [part["group"] for part in row["apart"]]}


def score_values(row: dict[str, Any]) -> dict[str, Any]:
    """A line of the table of all scores."""
    keys = ("model", "protocol", "items", "macro", "micro", "differ", "unparsed")
    title = benchmarks.get(row["benchmark"]).SOURCE.title
    plain = {key: row[key] for key in keys}
    others = {"official_macro": row["official"]["macro"], "submitted": row["submitted"]["micro"]}
    return plain | {"benchmark": title} | others


def text_values(row: dict[str, Any]) -> dict[str, Any]:
    """A line of the table of answers in free text."""
    plain = {key: row[key] for key in ("model", "protocol", "items", "macro")}
    return plain | {"benchmark": benchmarks.get(row["benchmark"]).SOURCE.title}


def experiment_values(
    headline: Headline,
    rows: Sequence[dict[str, Any]],
    recipes: Sequence[Path],
    sizes: dict[str, int],
    comparisons: Sequence[Path],
) -> list[dict[str, Any]]:
    """A line for each model of the run by the headline's protocol: the headline's first.

    Of several trainings it has the mean, the interval over questions and the spread over them.

    Args:
        sizes: examples that each experiment was trained on.
        comparisons: files of ``scores compare``, headline first.
    """
    experiment, benchmark, protocol = headline
    read = {path.stem: read_experiment(path) for path in recipes}
    titles = {name: recipe.title for name, recipe in read.items()}
    compared = inputs.read_comparisons(comparisons)
    lines = []
    for row in rows:
        if (row["benchmark"], row.get("protocol")) != (benchmark, protocol):
            continue
        name = row["model"]
        role = "headline" if name == experiment else "experiment" if name in titles else "base"
        found = compared.get(name, {}).get("corrected")
        macro = inputs.over_trainings(name, compared) or row["macro"]
        change = found and found.get("over_seeds", found["difference"])["macro"]
        lines.append(
            {"model": name, "title": titles.get(name, name), "role": role}
            | {"examples": sizes.get(name), "macro": macro}
            | {"trainings": len(macro.get("seeds", [0])), "spread": macro.get("spread")}
            | {"budget": _budget(read[name].mixture) if name in read else None}
            | {"difference": change, "p": found and found["p"]}
        )
    adjusted = holm({line["model"]: line["p"] for line in lines if line["p"] is not None})
    lines = [line | {"p_holm": adjusted.get(line["model"])} for line in lines]
    order = ("headline", "base", "experiment")
    return sorted(lines, key=lambda line: order.index(line["role"]))


def _budget(mixture: dict[str, Any]) -> int | None:
    return mixture.get("examples") or mixture.get("tokens")


def planned_values(recipes: Sequence[Path]) -> list[dict[str, str]]:
    """Experiments of the study that this run does not have."""
    found = [(path.stem, read_experiment(path)) for path in recipes]
    return [
        {"name": name, "title": one.title, "description": one.description} for name, one in found
    ]


def agreement_values(contents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line for each pair of readings or protocols of each model."""
    return [
        {"model": content["model"]}
        | {side: f"{pair[side]['protocol']}, {pair[side]['reading']}" for side in _SIDES}
        | {key: pair[key] for key in ("items", "same", "kappa", "first_right", "second_right")}
        for content in contents
        for pair in content["pairs"]
    ]


_SIDES = ("first", "second")


def leaderboard_values(path: Path) -> dict[str, Any]:
    """Return place and date of the published scores, the best, and the entry of the study."""
    rows = [row for row in leaderboard.read_leaderboard(path) if row["category"] == "macro"]
    lines = [{"model": row["model"], "accuracy": row["accuracy"]} for row in rows]
    own = [line for line in lines if line["model"] == leaderboard.OWN_ENTRY]
    return {
        "source": "public CMB leaderboard",
        "date": leaderboard.board_date(path),
        "entries": len(lines),
        "best": max(lines, key=lambda line: line["accuracy"]),
        "own": own[0] if own else None,
    }


def grades_values(path: Path) -> dict[str, Any]:
    """Return place, date and judge of CMB-Clin's published grades, and some of them."""
    every = leaderboard.grades(path)
    return {
        "source": "public CMB leaderboard",
        "date": leaderboard.board_date(path),
        "judge": leaderboard.CLIN_JUDGE,
        "entries": len(every),
        "rows": [
            {"model": name} | values for name, values in leaderboard.chosen_grades(path).items()
        ],
    }
