"""The figure of model size: accuracy against parameters, with the models of the leaderboard."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.config.experiment import read_model
from collectivesft.figures.accuracy import MACRO
from collectivesft.figures.style import inputs, label_placement, style
from collectivesft.figures.style.labels import short
from collectivesft.scores.report.leaderboard import BENCHMARK, board_date, read_leaderboard

# A size as names state it: 7B, 1.8B; not the 8x7B of a mixture of experts.
_SIZE = re.compile(r"(?<![\dx.])(\d+(?:\.\d+)?)B(?![A-Za-z])")


def draw_files(
    scores: Iterable[Path],
    bases: Iterable[Path],
    recipes: Iterable[Path],
    leaderboard: Path,
    headline: str,
    out: Path,
    demo: bool = False,
) -> None:
    """Draw the figure from scores, recipes of models and experiments, and a leaderboard's CSV.

    Raises:
        UserError: a name that no score file has, or a file of a different kind.
    """
    contents = inputs.read_scores(scores)
    sizes = {path.stem: read_model(path).parameters for path in bases}
    found = inputs.read_recipes(recipes)
    for name, recipe in found.items():
        if recipe.base not in sizes:
            problem = f"{name} starts from {recipe.base}, whose recipe is not given"
            raise InputError(Path(f"{name}.yaml"), problem, "Name it with --base-recipe")
        sizes[name] = sizes[recipe.base]
    inputs.check_models(contents, (), headline)
    board = read_leaderboard(leaderboard)
    titles = {name: recipe.title for name, recipe in found.items()}
    rows = table(contents, sizes, titles, board, headline)
    draw(rows, out, board_date(leaderboard), demo)


def parameters(name: str) -> float | None:
    """Billions of parameters that a model's name states, or None."""
    found = _SIZE.search(name)
    return float(found[1]) if found else None


def table(
    scores: list[dict[str, Any]],
    sizes: dict[str, int],
    titles: dict[str, str],
    board: list[dict[str, Any]],
    headline: str,
) -> list[dict[str, Any]]:
    """Tidy rows: benchmark, protocol, model, role, title, billions, source, accuracy, low, high.

    Args:
        scores: of base models and experiments, on one benchmark.
        sizes: parameters of base models and experiments.
        titles: of experiments.
        board: published rows (model, category, accuracy in percent).

    Returns:
        Own models, then the leaderboard's; ``source`` says where the size is from, billions is an
        empty text where no size is known. Leaderboard rows for the benchmark that it is about.
    """
    rows = []
    for score in scores:
        name = score["model"]
        role = "headline" if name == headline else "experiment" if name in titles else "base"
        head = {key: score[key] for key in ("benchmark", "protocol", "model")}
        head |= {"role": role, "title": titles.get(name, name)}
        head |= {"billions": sizes[name] / 1e9, "source": "recipe"}
        values = (("accuracy", "value"), ("low", "low"), ("high", "high"))
        rows.append(head | {new: round(100 * score["macro"][key], 4) for new, key in values})
    if scores[0]["benchmark"] == BENCHMARK:
        rows += [_published(row) for row in board if row["category"] == MACRO]
    return rows


def _published(row: dict[str, Any]) -> dict[str, Any]:
    size = parameters(row["model"])
    known = {"billions": "", "source": "not stated"} if size is None else {
        "billions": size, "source": "name"
    }  # fmt: skip
    head = {"benchmark": BENCHMARK, "protocol": "", "model": row["model"]}
    head |= {"role": "reference", "title": row["model"].split(" (")[0], **known}
    return head | {"accuracy": row["accuracy"], "low": "", "high": ""}


def draw(rows: list[dict[str, Any]], out: Path, date: str = "", demo: bool = False) -> None:
    """Draw the figure and save it with its table.

    Args:
        rows: what ``table`` returned.
        out: path of the figure, with any suffix.
        date: of the leaderboard.
        demo: whether the benchmark's questions are the demonstration's own.
    """
    figure, axes = style.new(height=3.9)
    known = [row for row in rows if row["billions"] != ""]
    order = ("headline", "base", "experiment", "reference")
    known.sort(key=lambda row: (order.index(row["role"]), -row["accuracy"]))
    texts = [_draw_point(axes, row) for row in known if row["role"] != "experiment"]
    for row in (row for row in known if row["role"] == "experiment"):  # all of the same size
        axes.plot(row["billions"], row["accuracy"], "_", color=style.OTHER_COLOUR, markersize=9)
    sizes = [row["billions"] for row in known]
    style.log_axis(axes, min(sizes) / 2, max(sizes) * 3, style.billions_formatter())
    axes.set_xlabel("parameters (log scale)")
    axes.set_ylabel("macro accuracy (%)")
    style.at_least(axes, "y", 10)
    style.source_line(figure, _words(rows, date, demo))
    ticks = [(row["billions"], row["accuracy"]) for row in known if row["role"] == "experiment"]
    own = sum(row["role"] in ("headline", "base") for row in known)
    label_placement.place(
        figure, texts, points=ticks, sure=own
    )  # own models first, then the best entries
    style.save(figure, out, rows)


def _draw_point(axes, row: dict):
    """A point with its interval; returns its name, which may be hidden later."""
    colour = style.ROLE_COLOURS[row["role"]]
    if "" not in (row["low"], row["high"]):
        axes.plot((row["billions"],) * 2, (row["low"], row["high"]), color=colour, linewidth=1.3)
    face = "white" if row["role"] == "reference" else colour
    marker = "D" if row["role"] == "reference" else "o"
    axes.plot(
        row["billions"], row["accuracy"], marker, color=colour, markerfacecolor=face,
        markersize=5 if row["role"] == "reference" else 6.5, zorder=3,
    )  # fmt: skip
    own = row["role"] != "reference"
    name = row["model"] + (" (base)" if row["role"] == "base" else "") if own else row["title"]
    return axes.annotate(
        short(name, 30), (row["billions"], row["accuracy"]), (6, 0),
        textcoords="offset points", va="center", fontsize=7.5 if own else 6.5,
        color="black" if own else "#555555",
    )  # fmt: skip


def _words(rows: list[dict], date: str, demo: bool) -> str:
    words = f"Own runs: benchmark {inputs.title(rows[0]['benchmark'])}, protocol"
    words += f" {rows[0]['protocol']}, with 95 % bootstrap intervals."
    if any(row["role"] == "experiment" for row in rows):
        words += " Ticks: the other experiments."
    published = [row for row in rows if row["role"] == "reference"]
    if published:
        sized = sum(row["billions"] != "" for row in published)
        words += (
            f" Hollow: public leaderboard of {date}, not run here; {sized} of its"
            f" {len(published)} entries state a size in their name, the rest are not shown."
            " Names where there is room; all are in the table next to the figure."
        )
        words += f" {style.DEMO_WORDS}" if demo else ""
    return f"{words} Source: scores.json, recipes{', leaderboard' if published else ''}"
