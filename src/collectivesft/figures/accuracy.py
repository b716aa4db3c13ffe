"""The figure of accuracy: macro averages of all models, and categories before and after."""

import math
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from collectivesft.figures.style import inputs, style
from collectivesft.scores.report.leaderboard import (
    BENCHMARK,
    OWN_ENTRY,
    board_date,
    read_leaderboard,
)

MACRO = "macro"
_KNOWN = ("HuatuoGPTII-7B", "Qwen-7B-Chat")  # well-known models of about the same size
_SHAPES = ("D", "s", "^", "v")


def draw_files(
    scores: Iterable[Path],
    leaderboard: Path,
    bases: Collection[str],
    headline: str | None,
    out: Path,
    demo: bool = False,
) -> None:
    """Draw the figure from score files and a leaderboard's CSV; see ``table``.

    Raises:
        UserError: a name that no score file has, or a file of a different kind.
    """
    contents = inputs.read_scores(scores)
    inputs.check_models(contents, bases, headline)
    rows = table(contents, read_leaderboard(leaderboard), bases, headline)
    draw(rows, out, board_date(leaderboard), demo)


def table(
    scores: list[dict[str, Any]],
    board: list[dict[str, Any]],
    bases: Collection[str] = (),
    headline: str | None = None,
) -> list[dict[str, Any]]:
    """Tidy rows: model, role, category, label, items, accuracy, low, high (percent).

    Args:
        scores: of base models, then of experiments, on one benchmark.
        board: published rows (model, category, accuracy in percent).
        bases: names of the base models; the first score's model if empty.
        headline: the experiment in front; the first one if None.

    Returns:
        The macro average first; roles are base, headline, experiment and reference; an unknown
        value is an empty text.
    """
    roles, rows = inputs.roles(scores, bases, headline), []
    for score in scores:
        name = score["model"]
        role = roles[name]
        macro = {"category": MACRO, "label": "Macro average", "items": score["items"]}
        for part in [macro | score["macro"], *score["categories"]]:
            head = {key: score[key] for key in ("benchmark", "protocol")}
            rows.append(head | {"model": name, "role": role} | _cells(part))
    if scores[0]["benchmark"] == BENCHMARK:
        rows += _references(board, scores[0]["categories"])
    return rows


def _cells(part: dict[str, Any]) -> dict[str, Any]:
    cells = {key: part.get(key, "") for key in ("category", "label", "items")}
    for name, key in (("accuracy", "value"), ("low", "low"), ("high", "high")):
        known = part["items"] and part[key] is not None and math.isfinite(part[key])
        cells[name] = round(100 * part[key], 4) if known else ""
    return cells


def _references(board: list[dict], categories: list[dict]) -> list[dict[str, Any]]:
    labels = {MACRO: "Macro average"} | {c["category"]: c.get("label", "") for c in categories}
    head = {"benchmark": BENCHMARK, "protocol": ""}
    empty = {"items": "", "accuracy": "", "low": "", "high": ""}
    return [
        head
        | {"model": name, "role": "reference", "category": row["category"]}
        | {"label": labels[row["category"]]}
        | empty
        | {"accuracy": row["accuracy"]}
        for name in chosen(board)
        for row in board
        if row["model"] == name and row["category"] in labels
    ]


def chosen(board: list[dict[str, Any]]) -> list[str]:
    """At most four models of the leaderboard: its best, the authors' entry, two known ones."""
    macro = {row["model"]: row["accuracy"] for row in board if row["category"] == MACRO}
    best = [max(macro, key=macro.__getitem__)] if macro else []
    named = [
        name
        for wanted in (OWN_ENTRY, *_KNOWN)
        for name in macro
        if name.split(" (")[0].casefold() == wanted.casefold()
    ]
    return list(dict.fromkeys(best + named))[:4]


def draw(rows: list[dict[str, Any]], out: Path, date: str = "", demo: bool = False) -> None:
    """Draw the figure and save it with its table.

    Args:
        rows: what ``table`` returned.
        out: path of the figure, with any suffix.
        date: of the leaderboard.
        demo: whether the benchmark's questions are the demonstration's own.
    """
    models = list(dict.fromkeys((row["model"], row["role"]) for row in rows))
    looks = _looks(models)
    categories = list(dict.fromkeys(row["category"] for row in rows if row["category"] != MACRO))
    heights = [0.45 + 0.235 * len(models), 0.8 + 0.5 * max(len(categories), 1)]
    figure, axes = style.mosaic(
        [["models"], ["categories"]], height=sum(heights) + 0.3, height_ratios=heights, sharex=True
    )
    _draw_models(axes["models"], [row for row in rows if row["category"] == MACRO], looks)
    _draw_categories(axes["categories"], rows, categories, looks)
    axes["categories"].set_xlim(*_limits(rows))
    axes["categories"].set_xlabel("accuracy (%)")
    published = any(role == "reference" for _, role in models)
    style.source_line(figure, _words(rows[0], published, date, demo))
    style.save(figure, out, rows)


def _words(first: dict, published: bool, date: str, demo: bool) -> str:
    words = f"Benchmark {inputs.title(first['benchmark'])}, protocol {first['protocol']}."
    words += " Whiskers: 95 % bootstrap intervals."
    if published:
        words += (
            f" Hollow, below the dotted line: public leaderboard{f' of {date}' if date else ''},"
        )
        words += " not run here."
        words += f" {style.DEMO_WORDS}" if demo else ""
    return f"{words} Source: scores.json{', leaderboard' if published else ''}"


def _looks(models: list[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """Marker of each model, the same in both panels."""
    shapes, bases, looks = iter(_SHAPES), iter("osDv^<>" * 9), {}
    for name, role in models:
        if role == "reference":
            colour, marker, face = style.REFERENCE_COLOUR, next(shapes), "white"
        elif role == "base":
            colour, marker, face = style.BASE_COLOUR, next(bases), style.BASE_COLOUR
        else:
            colour = style.ROLE_COLOURS[role]
            marker, face = ("o", colour) if role == "headline" else ("|", colour)
        looks[name] = {"color": colour, "marker": marker, "markerfacecolor": face}
    return looks


def _name(row: dict) -> str:
    if row["role"] == "reference" and row["model"] == OWN_ENTRY:
        return f"{OWN_ENTRY} (leaderboard, base unknown)"
    suffix = {"base": " (base)", "reference": " (leaderboard)"}.get(row["role"], "")
    return row["model"].split(" (")[0] + suffix


def _mark(axes, row: dict, y: float, look: dict, size: float = 6) -> None:
    if row["accuracy"] == "":
        return
    if "" not in (row["low"], row["high"]):
        axes.plot(
            (row["low"], row["high"]), (y, y), color=look["color"], linewidth=1.2,
            solid_capstyle="butt", zorder=2,
        )  # fmt: skip
    axes.plot(
        row["accuracy"], y, linestyle="none", markersize=size, markeredgewidth=1.1, zorder=3, **look
    )


def _draw_models(axes, rows: list[dict], looks: dict) -> None:
    for y, row in enumerate(rows):
        _mark(axes, row, y, looks[row["model"]])
        text = "no items" if row["accuracy"] == "" else style.number(row["accuracy"])
        if "" not in (row["low"], row["high"]):
            text += f"  ({style.number(row['low'])}–{style.number(row['high'])})"
        axes.annotate(
            text, (1, y), (4, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
            va="center", fontsize=8, annotation_clip=False,
        )  # fmt: skip
    own = sum(row["role"] != "reference" for row in rows)
    if own < len(rows):
        axes.axhline(own - 0.5, color="#555555", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(rows)), [_name(row) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_title("Macro average over categories")
    axes.tick_params(axis="both", length=0, labelbottom=False)


def _draw_categories(axes, rows: list[dict], categories: list[str], looks: dict) -> None:
    """References in the upper lane of a category, base and headline below, the rest as ticks."""
    names = []
    for y, category in enumerate(categories):
        own = [row for row in rows if row["category"] == category]
        lanes = _lanes([row for row in own if row["role"] in ("base", "headline")])
        for row in own:
            offset = {"reference": -0.32, "experiment": 0.35}.get(row["role"])
            offset = lanes[row["model"]] if offset is None else offset
            _mark_category(axes, row, y + offset, looks[row["model"]])
        names.append(_category_name(category, own))
        if y:
            axes.axhline(y - 0.5, color="#E6E6E6", linewidth=0.6)
    axes.set_yticks(range(len(categories)), names)
    axes.set_ylim(max(len(categories), 1) - 0.5, -0.5)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    others = any(row["role"] == "experiment" for row in rows)
    axes.set_title("By category" + (" (ticks: the other experiments)" if others else ""))


def _mark_category(axes, row: dict, y: float, look: dict) -> None:
    if row["role"] == "experiment":  # only the mark: ten intervals would hide each other
        row = row | {"low": "", "high": ""}
    _mark(axes, row, y, look, size=6 if row["role"] == "experiment" else 5.5)


def _lanes(rows: list[dict]) -> dict[str, float]:
    """Offsets of base and headline within a category's band."""
    step = 0.22 / max(len(rows) - 1, 1)
    return {row["model"]: -0.11 + i * step for i, row in enumerate(rows)}


def _category_name(category: str, rows: list[dict]) -> str:
    items = next((row["items"] for row in rows if row["role"] != "reference"), "")
    label = next((row["label"] for row in rows if row["label"]), "")
    count = f"n = {style.thousands(items)}" if items else "no items"
    return f"{category} {label}\n{count}"


def _limits(rows: list[dict]) -> tuple[float, float]:
    """The range of all values, to the next ten, within 0 and 100."""
    keys = ("accuracy", "low", "high")
    values = [row[key] for row in rows for key in keys if row[key] != ""] or [0.0, 100.0]
    low, high = 10 * math.floor((min(values) - 1) / 10), 10 * math.ceil((max(values) + 1) / 10)
    return max(low, 0), min(high, 100) if high <= 100 else 101
