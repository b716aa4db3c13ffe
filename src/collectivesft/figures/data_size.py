"""The figure of data size: accuracy against the number of training examples."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.config.experiment import Experiment
from collectivesft.figures.style import inputs, label_placement, style
from collectivesft.figures.style.labels import short


def draw_files(
    scores: Iterable[Path],
    tokens: Iterable[str],
    recipes: Iterable[Path],
    headline: str,
    out: Path,
) -> None:
    """Draw the figure from scores, folders of tokens (``NAME=FOLDER``) and recipes; see ``table``.

    Raises:
        UserError: a name that no score file has, or a file of a different kind.
    """
    contents = inputs.read_scores(scores)
    sizes = inputs.read_trained(tokens)
    found = inputs.read_recipes(recipes)
    if headline not in found or headline not in sizes:
        raise UserError(f"{headline}: no recipe or no tokens of this experiment. Name its files.")
    inputs.check_models(contents, [found[headline].base], headline)
    draw(table(contents, sizes, found, headline), out)


def table(
    scores: list[dict[str, Any]],
    sizes: dict[str, int],
    recipes: dict[str, Experiment],
    headline: str,
) -> list[dict[str, Any]]:
    """Tidy rows: benchmark, protocol, model, role, title, series, examples, accuracy, low, high.

    Args:
        scores: of base models and experiments, on one benchmark.
        sizes: examples trained on, by experiment.
        recipes: of the experiments.
        headline: its base's experiments are shown.

    Returns:
        The base first, with no examples; then the experiments, fewest examples first. Series
        ``fraction`` has the headline and the experiments that differ only in mixture.fraction.
    """
    base = recipes[headline].base
    rows = []
    for score in scores:
        name = score["model"]
        recipe = recipes.get(name)
        if name != base and (recipe is None or recipe.base != base):
            continue
        role = "base" if name == base else "headline" if name == headline else "experiment"
        series = "base" if name == base else _series(recipe, recipes[headline])
        head = {key: score[key] for key in ("benchmark", "protocol", "model")}
        head |= {"role": role, "title": recipe.title if recipe else name, "series": series}
        head |= {"examples": sizes[name] if recipe else 0}
        values = (("accuracy", "value"), ("low", "low"), ("high", "high"))
        rows.append(head | {new: round(100 * score["macro"][key], 4) for new, key in values})
    return sorted(rows, key=lambda row: (row["role"] != "base", row["examples"]))


def _series(recipe: Experiment, headline: Experiment) -> str:
    """Return true where a recipe differs from the headline's only in the fraction of the data."""
    kinds = [
        (
            one.curation,
            {key: value for key, value in one.mixture.items() if key != "fraction"},
            one.training.method,
        )
        for one in (recipe, headline)
    ]
    return "fraction" if kinds[0] == kinds[1] else "other"


def draw(rows: list[dict[str, Any]], out: Path) -> None:
    """Draw the figure and save it with its table.

    Args:
        rows: what ``table`` returned.
        out: path of the figure, with any suffix.
    """
    figure, axes = style.new(height=3.4)
    series = [row for row in rows if row["series"] == "fraction"]
    for row in (row for row in rows if row["role"] == "base"):
        axes.axhspan(row["low"], row["high"], color="#EDEDED", zorder=0)
        axes.axhline(row["accuracy"], color=style.BASE_COLOUR, linestyle="--", linewidth=1.1)
        axes.annotate(
            f"{row['model']} (base), no training: {style.number(row['accuracy'])} %",
            (0.01, row["accuracy"]), (0, 3), xycoords=("axes fraction", "data"),
            textcoords="offset points", fontsize=7.5, color="#555555",
        )  # fmt: skip
    axes.plot(
        [row["examples"] for row in series], [row["accuracy"] for row in series],
        color=style.TUNED_COLOUR, linewidth=1.0, zorder=1,
    )  # fmt: skip
    order = sorted(rows, key=lambda row: (row["role"] != "headline", row["series"] != "fraction"))
    texts = [_draw_point(axes, row) for row in order if row["role"] != "base"]
    sizes = [row["examples"] for row in rows if row["role"] != "base"] or [1]
    # Room at the right for the names of the points.
    style.log_axis(axes, min(sizes) / 3, max(sizes) * 5, style.units_formatter())
    axes.set_xlabel("examples trained on (log scale)")
    axes.set_ylabel("macro accuracy (%)")
    style.at_least(axes, "y", 10)
    style.source_line(figure, _words(rows, series))
    whiskers = [[(row["examples"], row[end]) for end in ("low", "high")] for row in order]
    curve = [(row["examples"], row["accuracy"]) for row in series]
    label_placement.place(figure, texts, [curve, *(w for w in whiskers if w[0][0])])
    style.save(figure, out, rows)


def _draw_point(axes, row: dict):
    """A point with its interval; returns its name, which may be hidden later."""
    same = row["series"] == "fraction"
    colour = style.TUNED_COLOUR if same else style.OTHER_COLOUR
    axes.plot((row["examples"],) * 2, (row["low"], row["high"]), color=colour, linewidth=1.3)
    axes.plot(
        row["examples"], row["accuracy"], "o" if same else "s", color=colour, markersize=6, zorder=3
    )
    return axes.annotate(
        short(row["model"], 34), (row["examples"], row["accuracy"]), (6, 0),
        textcoords="offset points", va="center", fontsize=8 if same else 6.5,
        color="black" if same else "#555555",
    )  # fmt: skip


def _words(rows: list[dict], series: list[dict]) -> str:
    words = f"Benchmark {inputs.title(rows[0]['benchmark'])}, protocol {rows[0]['protocol']}."
    if len(series) < 2:
        words += " This run has one size of the headline’s mixture: there is no curve to draw."
    others = any(row["series"] == "other" for row in rows)
    words += " Squares: experiments that differ in more than the size." if others else ""
    return (
        f"{words} Whiskers and band: 95 % bootstrap intervals. Source: scores.json, tokens.json,"
        " recipes"
    )
