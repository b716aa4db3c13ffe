"""The figure of ablations: each experiment's score, and its paired difference from the headline."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from collectivesft.common.significance import holm
from collectivesft.figures.style import inputs, style


def draw_files(
    scores: Iterable[Path],
    comparisons: Iterable[Path],
    recipes: Iterable[Path],
    bases: Collection[str],
    headline: str | None,
    out: Path,
) -> None:
    """Draw the figure from scores, comparisons with the headline, and recipes; see ``table``.

    Raises:
        UserError: a name that no score file has, or a file of a different kind.
    """
    contents = inputs.read_scores(scores)
    inputs.check_models(contents, bases, headline)
    compared = inputs.read_comparisons(comparisons)
    titles = {name: recipe.title for name, recipe in inputs.read_recipes(recipes).items()}
    draw(table(contents, compared, titles, bases, headline), out)


def table(
    scores: list[dict[str, Any]],
    comparisons: dict[str, dict[str, Any]],
    titles: dict[str, str],
    bases: Collection[str] = (),
    headline: str | None = None,
) -> list[dict[str, Any]]:
    """Tidy rows: benchmark, protocol, model, role, title, macro, difference, bounds, p, p_holm,
    trainings, spread, each (macro of each training, separated by blanks; empty for one).

    An experiment of several trainings (seeds or draws) has the mean over them, the interval over
    questions and the spread over trainings apart; its difference has an interval over both, its p
    is of the first trainings.

    Args:
        scores: of base models, then of experiments, on one benchmark.
        comparisons: with the headline, by model; the headline is the first of each.
        titles: of experiments.

    Returns:
        The headline first, then base models, then the other experiments in their order. Macro in
        percent, difference (model minus headline) in points; an unknown value is an empty text.
    """
    roles = inputs.roles(scores, bases, headline)
    order = ("headline", "base", "experiment")
    rows = []
    for score in sorted(scores, key=lambda score: order.index(roles[score["model"]])):
        name = score["model"]
        found = comparisons.get(name, {}).get("corrected")
        change = found.get("over_seeds", found["difference"])["macro"] if found else {}
        macro = inputs.over_trainings(name, comparisons) or score["macro"]
        head = {key: score[key] for key in ("benchmark", "protocol", "model")}
        head |= {"role": roles[name], "title": titles.get(name, name), "items": score["items"]}
        row = head | _percent("macro", macro) | _percent("difference", change)
        spread = macro.get("spread")
        row |= {"trainings": len(macro.get("seeds", [0]))}
        row |= {"spread": "" if spread is None else round(100 * spread, 4)}
        row |= {"each": " ".join(str(round(100 * value, 4)) for value in macro.get("seeds", []))}
        rows.append(row | {"p": found["p"] if found else ""})
    adjusted = holm({row["model"]: row["p"] for row in rows if row["p"] != ""})
    return [row | {"p_holm": adjusted.get(row["model"], "")} for row in rows]


def _percent(name: str, part: dict[str, float]) -> dict[str, Any]:
    keys = {name: "value", f"{name}_low": "low", f"{name}_high": "high"}
    return {new: round(100 * part[key], 4) if part else "" for new, key in keys.items()}


def draw(rows: list[dict[str, Any]], out: Path) -> None:
    """Draw the figure and save it with its table.

    Args:
        rows: what ``table`` returned.
        out: path of the figure, with any suffix.
    """
    figure, axes = style.mosaic(
        [["macro", "difference"]], height=1.15 + 0.27 * max(len(rows), 2), width_ratios=[1, 1],
        sharey=True,
    )  # fmt: skip
    for y, row in enumerate(rows):
        style.mark(axes["macro"], row["macro"], y, row["role"], row["macro_low"], row["macro_high"])
        style.behind(axes["macro"], y, style.number(row["macro"]))
        _draw_trainings(axes["macro"], row, y)
        _draw_difference(axes["difference"], row, y)
    axes["difference"].axvline(0, color="#555555", linewidth=0.8, zorder=1)
    for panel, title, label in (
        ("macro", "Macro average", "accuracy (%)"),
        ("difference", "Difference from the headline", "points, paired on the same questions"),
    ):
        axes[panel].set_title(title)
        axes[panel].set_xlabel(label)
        axes[panel].tick_params(axis="y", length=0)
        axes[panel].grid(False, axis="y")
        style.at_least(axes[panel], "x", 10)
    axes["macro"].set_yticks(range(len(rows)), [_name(row) for row in rows])
    axes["macro"].set_ylim(len(rows) - 0.5, -0.5)
    style.source_line(figure, _words(rows))
    style.save(figure, out, rows)


def _name(row: dict) -> str:
    return f"{row['model']} (base)" if row["role"] == "base" else row["model"]


def _draw_trainings(axes, row: dict, y: int) -> None:
    """Draw a dot for each of several trainings, below the row's mark, which would hide it."""
    values = [float(value) for value in row["each"].split()]
    look = {"linestyle": "none", "marker": ".", "markersize": 4, "zorder": 3}
    axes.plot(values, [y + 0.28] * len(values), color=style.ROLE_COLOURS[row["role"]], **look)


def _draw_difference(axes, row: dict, y: int) -> None:
    if row["role"] == "headline":
        style.behind(axes, y, "reference")
    elif row["difference"] == "":
        style.behind(axes, y, "not compared")
    else:
        bounds = row["difference_low"], row["difference_high"]
        style.mark(axes, row["difference"], y, row["role"], *bounds)
        style.behind(axes, y, f"{style.signed(row['difference'])}  {style.p_text(row['p_holm'])}")


def _words(rows: list[dict]) -> str:
    """Return the note for the reader; without a comparison it says so."""
    first = rows[0]
    words = f"Benchmark {inputs.title(first['benchmark'])}, protocol {first['protocol']},"
    words += f" n = {style.thousands(first['items'])}."
    if not any(row["role"] == "experiment" for row in rows):
        words += " This run has one experiment: it is compared with its base model only."
    words += " Whiskers: 95 % bootstrap intervals; p: exact McNemar test against the headline,"
    words += " adjusted for all tests shown (Holm)"
    if any(row["trainings"] > 1 for row in rows):
        words += ", of the first training of each. Small dots: single trainings"
    return f"{words}. Source: scores.json, comparison.json"
