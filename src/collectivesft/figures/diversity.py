"""The figure of diversity: accuracy against the variety of a mixture, at one number of examples."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from collectivesft.common.errors import InputError, UserError
from collectivesft.config.experiment import Experiment
from collectivesft.figures.style import inputs, label_placement, style
from collectivesft.figures.style.labels import short

# Resamples of mixtures for the interval of the rank correlation.
RESAMPLES, SEED = 2000, 42
FEWEST = 4


def draw_files(
    mixtures: Iterable[str], scores: Iterable[Path], recipes: Iterable[Path], out: Path
) -> None:
    """Draw the figure from mixtures (``NAME=mixture.json``), scores and recipes of their models.

    Args:
        recipes: of experiments; a further draw or seed has its experiment's.

    Raises:
        UserError: a mixture without scores or recipe, or no mixture with a budget.
        InputError: a file of a different kind.
    """
    contents = {content["model"]: content for content in inputs.read_scores(scores)}
    recipe_of = inputs.read_recipes(recipes)
    found: dict[str, Any] = {}
    about: dict[str, Experiment] = {}
    for option in mixtures:
        name, _, path = option.partition("=")
        found[name] = inputs.read_object(Path(path))
        if "budget" not in found[name]:
            remedy = "Set mixture.examples or mixture.tokens in its recipe"
            raise InputError(Path(path), "a mixture without a budget", remedy)
        if name not in contents:
            raise UserError(f"{name}: no scores of this mixture's model. Name its scores.json.")
        experiment = name if name in recipe_of else re.sub(r"-(draw|seed)\d+$", "", name)
        if experiment not in recipe_of:
            raise UserError(f"{name}: no recipe. Name {experiment}.yaml with --recipe.")
        about[name] = recipe_of[experiment]
    if not found:
        raise UserError(
            "no mixture with a budget. Set mixture.examples or mixture.tokens in recipes."
        )
    draw(table(found, contents, about), out)


def table(
    mixtures: dict[str, dict[str, Any]],
    scores: dict[str, dict[str, Any]],
    recipes: dict[str, Experiment],
) -> list[dict[str, Any]]:
    """Tidy rows, most varied first.

    Columns: benchmark, protocol, model, base, curation, examples or tokens (the
    budget, empty for the other), datasets, by (datasets or rows), vendi, compared (examples behind
    it), accuracy, low, high.

    Args:
        mixtures: ``mixture.json`` by model; each with a budget.
        scores: of models, on one benchmark.
        recipes: of models.
    """
    rows = []
    for name, mixture in mixtures.items():
        score, budget = scores[name], mixture["budget"]
        row = {"benchmark": score["benchmark"], "protocol": score["protocol"], "model": name}
        row |= {"base": recipes[name].base, "curation": recipes[name].curation}
        row |= {"examples": budget["examples"], "tokens": budget.get("tokens")}
        row |= {"datasets": len(mixture["datasets"])}
        row |= {"by": budget["by"], "vendi": mixture["vendi"]["score"]}
        row |= {"compared": mixture["vendi"]["texts"]}
        values = (("accuracy", "value"), ("low", "low"), ("high", "high"))
        rows.append(row | {new: round(100 * score["macro"][key], 4) for new, key in values})
    return sorted(rows, key=lambda row: (-row["vendi"], row["model"]))


def rank_correlation(rows: list[dict[str, Any]]) -> dict[str, float] | None:
    """Return Spearman's correlation of diversity and accuracy, with a 95 % interval over mixtures.

    Random rows and curations other than the usual one are left out: they differ in more than
    variety. None for fewer than four other mixtures, for several bases, budgets or numbers of
    examples behind the Vendi score, or where all values are one.
    """
    rows = [row for row in rows if _correlated(row)]
    keys = ("base", "examples", "tokens", "compared")
    alike = {tuple(row[key] for key in keys) for row in rows}
    if len(rows) < FEWEST or len(alike) > 1:
        return None
    pairs = np.array([[row["vendi"], row["accuracy"]] for row in rows])
    random = np.random.Generator(np.random.PCG64(SEED))
    value = _spearman(pairs)
    draws = random.integers(0, len(pairs), (RESAMPLES, len(pairs)))
    found = [one for one in (_spearman(pairs[draw]) for draw in draws) if one is not None]
    if value is None or not found:
        return None
    low, high = np.quantile(found, [0.025, 0.975])
    return {"value": round(value, 3), "low": round(float(low), 3), "high": round(float(high), 3)}


def _correlated(row: dict[str, Any]) -> bool:
    usual = Experiment.model_fields["curation"].default
    return row["by"] == "datasets" and row["curation"] == usual


def _spearman(pairs: np.ndarray) -> float | None:
    ranks = [_ranks(column) for column in pairs.T]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return None
    return float(np.corrcoef(*ranks)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return the rank of each value; equal values share their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[places]


def draw(rows: list[dict[str, Any]], out: Path) -> None:
    """Draw the figure and save it with its table.

    Args:
        rows: what ``table`` returned.
        out: path of the figure, with any suffix.
    """
    figure, axes = style.new(height=3.6)
    texts = []
    for row in rows:
        colour = style.TUNED_COLOUR if _correlated(row) else style.OTHER_COLOUR
        marker = "s" if row["by"] == "rows" else "o" if _correlated(row) else "D"
        axes.plot((row["vendi"],) * 2, (row["low"], row["high"]), color=colour, linewidth=1.0)
        axes.plot(row["vendi"], row["accuracy"], marker, color=colour, zorder=3)
        texts.append(
            axes.annotate(
                short(row["model"], 30), (row["vendi"], row["accuracy"]), (6, 0),
                textcoords="offset points", va="center", fontsize=7,
            )
        )  # fmt: skip
    axes.margins(x=0.15)
    compared = ", ".join(map(str, sorted({row["compared"] for row in rows})))
    axes.set_xlabel(f"Vendi score of {compared} examples (effective number of texts)")
    axes.set_ylabel("macro accuracy (%)")
    style.at_least(axes, "y", 10)
    style.source_line(figure, _words(rows))
    whiskers = [[(row["vendi"], row[end]) for end in ("low", "high")] for row in rows]
    label_placement.place(figure, texts, whiskers)
    style.save(figure, out, rows)


def _words(rows: list[dict]) -> str:
    budgets = [
        f"{key} {', '.join(map(str, sorted({row[key] for row in rows if row[key] is not None})))}"
        for key in ("examples", "tokens")
        if any(row[key] is not None for row in rows)
    ]
    words = f"Benchmark {inputs.title(rows[0]['benchmark'])}, protocol {rows[0]['protocol']}."
    words += f" Budget of every mixture: {'; '.join(budgets)}."
    words += " Square: random rows." if any(row["by"] == "rows" for row in rows) else ""
    if any(row["by"] == "datasets" and not _correlated(row) for row in rows):
        words += " Diamond: another curation."
    if found := rank_correlation(rows):
        words += (
            f" Spearman {found['value']:+.2f} ({found['low']:+.2f} to {found['high']:+.2f})"
            f" over {sum(map(_correlated, rows))} mixtures of one curation."
        )
    else:
        words += " No correlation: too few mixtures of one base, curation and budget."
    return f"{words} Whiskers: 95 % intervals over questions. Source: scores.json, mixture.json"
