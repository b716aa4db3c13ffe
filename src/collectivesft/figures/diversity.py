"""The figure of diversity: accuracy against the variety of a mixture, at one number of examples."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from collectivesft.common.errors import InputError, UserError
from collectivesft.figures.style import inputs, label_placement, style
from collectivesft.figures.style.labels import short

# Resamples of mixtures for the interval of the rank correlation.
RESAMPLES, SEED = 2000, 42
FEWEST = 4


def draw_files(mixtures: Iterable[str], scores: Iterable[Path], out: Path) -> None:
    """Draw the figure from mixtures (``NAME=mixture.json``) and the scores of their models.

    Raises:
        UserError: a mixture without scores, or no mixture with ``mixture.examples``.
        InputError: a file of a different kind.
    """
    contents = {content["model"]: content for content in inputs.read_scores(scores)}
    found = {}
    for option in mixtures:
        name, _, path = option.partition("=")
        found[name] = inputs.read_object(Path(path))
        if "budget" not in found[name]:
            remedy = "Set mixture.examples in its recipe"
            raise InputError(Path(path), "a mixture without a budget", remedy)
        if name not in contents:
            raise UserError(f"{name}: no scores of this mixture's model. Name its scores.json.")
    if not found:
        raise UserError("no mixture with a budget. Set mixture.examples in recipes.")
    draw(table(found, contents), out)


def table(
    mixtures: dict[str, dict[str, Any]], scores: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Tidy rows, most varied first.

    Columns: benchmark, protocol, model, examples, datasets, by (datasets or rows), vendi,
    compared (examples behind it), accuracy, low, high.

    Args:
        mixtures: ``mixture.json`` by model; each with a budget.
        scores: of models, on one benchmark.
    """
    rows = []
    for name, mixture in mixtures.items():
        score, budget = scores[name], mixture["budget"]
        row = {"benchmark": score["benchmark"], "protocol": score["protocol"], "model": name}
        row |= {"examples": budget["examples"], "datasets": len(mixture["datasets"])}
        row |= {"by": budget["by"], "vendi": mixture["vendi"]["score"]}
        row |= {"compared": mixture["vendi"]["texts"]}
        values = (("accuracy", "value"), ("low", "low"), ("high", "high"))
        rows.append(row | {new: round(100 * score["macro"][key], 4) for new, key in values})
    return sorted(rows, key=lambda row: (-row["vendi"], row["model"]))


def rank_correlation(rows: list[dict[str, Any]]) -> dict[str, float] | None:
    """Return Spearman's correlation of diversity and accuracy, with a 95 % interval over mixtures.

    None for fewer than four mixtures, for several budgets, or where all values are one.
    """
    if len(rows) < FEWEST or len({row["examples"] for row in rows}) > 1:
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
        control = row["by"] == "rows"
        colour = style.OTHER_COLOUR if control else style.TUNED_COLOUR
        axes.plot((row["vendi"],) * 2, (row["low"], row["high"]), color=colour, linewidth=1.0)
        axes.plot(row["vendi"], row["accuracy"], "s" if control else "o", color=colour, zorder=3)
        texts.append(
            axes.annotate(
                short(row["model"], 30), (row["vendi"], row["accuracy"]), (6, 0),
                textcoords="offset points", va="center", fontsize=7,
            )
        )  # fmt: skip
    axes.margins(x=0.15)
    axes.set_xlabel(f"Vendi score of {rows[0]['compared']} examples (effective number of texts)")
    axes.set_ylabel("macro accuracy (%)")
    style.at_least(axes, "y", 10)
    style.source_line(figure, _words(rows))
    whiskers = [[(row["vendi"], row[end]) for end in ("low", "high")] for row in rows]
    label_placement.place(figure, texts, whiskers)
    style.save(figure, out, rows)


def _words(rows: list[dict]) -> str:
    budgets = sorted({row["examples"] for row in rows})
    words = f"Benchmark {inputs.title(rows[0]['benchmark'])}, protocol {rows[0]['protocol']}."
    words += f" Every mixture has {', '.join(map(str, budgets))} examples."
    words += " Squares: random rows." if any(row["by"] == "rows" for row in rows) else ""
    if found := rank_correlation(rows):
        words += (
            f" Spearman {found['value']:+.2f} ({found['low']:+.2f} to {found['high']:+.2f})"
            f" over {len(rows)} mixtures."
        )
    else:
        words += " Too few mixtures of one budget for a correlation."
    return f"{words} Whiskers: 95 % intervals over questions. Source: scores.json, mixture.json"
