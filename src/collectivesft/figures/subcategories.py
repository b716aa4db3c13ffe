"""The heat map of sub-categories: accuracy of each model in each, and the change by training."""

import math
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from collectivesft.figures.style import inputs, style
from collectivesft.figures.style.labels import SUBCATEGORIES, short

_FEW = 8  # columns that have room for numbers of the usual size
_LONGEST = 40  # letters of a category's English name
_INK = "#222222"


def draw_files(
    scores: Iterable[Path], bases: Collection[str], headline: str | None, out: Path
) -> None:
    """Draw the figure from score files; see ``table``.

    Raises:
        UserError: a name that no score file has, or a file of a different kind.
    """
    contents = inputs.read_scores(scores)
    inputs.check_models(contents, bases, headline)
    draw(table(contents, bases, headline), out)


def table(
    scores: list[dict[str, Any]], bases: Collection[str] = (), headline: str | None = None
) -> list[dict[str, Any]]:
    """Tidy rows: benchmark, protocol, model, role, category, label, subcategory, items, accuracy.

    Args:
        scores: of base models, then of experiments, on one benchmark.
        bases: names of the base models; the first score's model if empty.
        headline: the experiment in front; the first one if None.

    Returns:
        Percent, with low and high. A row without sub-category is the whole category. The role
        ``difference`` is headline minus its base, which is the first base, in points; an unknown
        value is an empty text.
    """
    roles = inputs.roles(scores, bases, headline)
    rows = []
    for score in sorted(scores, key=lambda score: inputs.ROLES.index(roles[score["model"]])):
        head = {key: score[key] for key in ("benchmark", "protocol", "model")}
        head |= {"role": roles[score["model"]]}
        labels = {part["category"]: part["label"] for part in score["categories"]}
        for part in [*score["categories"], *score["subcategories"]]:
            rows.append(head | _cells(part, labels))
    return rows + _differences(rows)


def _cells(part: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    subcategory = part.get("subcategory", "")
    label = SUBCATEGORIES.get(subcategory, "") if subcategory else labels[part["category"]]
    cells = {"category": part["category"], "subcategory": subcategory, "label": label}
    cells |= {"items": part["items"]}
    for name, key in (("accuracy", "value"), ("low", "low"), ("high", "high")):
        known = part["items"] and part[key] is not None and math.isfinite(part[key])
        cells[name] = round(100 * part[key], 4) if known else ""
    return cells


def _differences(rows: list[dict]) -> list[dict[str, Any]]:
    first = {role: [row for row in rows if row["role"] == role] for role in ("base", "headline")}
    if not all(first.values()):
        return []
    base = next(row["model"] for row in first["base"])
    before = {
        (row["category"], row["subcategory"]): row["accuracy"]
        for row in first["base"]
        if row["model"] == base
    }
    found = []
    for row in first["headline"]:
        old = before.get((row["category"], row["subcategory"]), "")
        change = "" if "" in (old, row["accuracy"]) else round(row["accuracy"] - old, 4)
        name = f"{row['model']} − {base}"
        found.append(
            row | {"model": name, "role": "difference", "accuracy": change, "low": "", "high": ""}
        )
    return found


def draw(rows: list[dict[str, Any]], out: Path) -> None:
    """Draw the figure and save it with its table.

    Args:
        rows: what ``table`` returned.
        out: path of the figure, with any suffix.
    """
    lines, columns = _lines(rows), _columns(rows)
    figure, axes = style.new(height=1.0 + 0.185 * len(lines))
    cells = {(row["category"], row["subcategory"], row["model"]): row for row in rows}
    low, high = _range(rows)
    widest = max((abs(r["accuracy"]) for r in rows if _changed(r)), default=1) or 1
    for x, (model, role) in enumerate(columns):
        for y, (category, subcategory) in enumerate(lines):
            value = cells.get((category, subcategory, model), {"accuracy": ""})["accuracy"]
            if role == "difference":
                colour = style.diverging(0 if value == "" else value / widest)
            else:
                colour = style.sequential(0 if value == "" else (value - low) / (high - low))
            _cell(axes, x, y, value, colour, role == "difference", len(columns))
    _set_axes(axes, lines, columns, cells)
    style.source_line(
        figure,
        f"Benchmark {inputs.title(rows[0]['benchmark'])}, protocol {rows[0]['protocol']}."
        f" Accuracy in percent, from {low:.0f} (white) to {high:.0f} (dark); change in points, with"
        f" its sign.{' Black names: whole categories.' if any(s for _, s in lines) else ''} Few"
        " items make a cell uncertain: intervals are in the table next to the figure."
        " Source: scores.json",
    )
    style.save(figure, out, rows)


def _changed(row: dict) -> bool:
    return row["role"] == "difference" and row["accuracy"] != ""


def _lines(rows: list[dict]) -> list[tuple[str, str]]:
    """Categories, each followed by its sub-categories in the order of the labels.

    A single sub-category is the category itself and gets no line.
    """
    found = list(dict.fromkeys((row["category"], row["subcategory"]) for row in rows))
    categories = [category for category, subcategory in found if not subcategory]
    known = list(SUBCATEGORIES)
    lines = []
    for name in categories:
        own = [line for line in found if line[0] == name and line[1]]
        own.sort(key=lambda line: known.index(line[1]) if line[1] in known else len(known))
        lines += [(name, ""), *(own if len(own) > 1 else [])]
    return lines


def _columns(rows: list[dict]) -> list[tuple[str, str]]:
    """Base, headline and their difference first."""
    found = list(dict.fromkeys((row["model"], row["role"]) for row in rows))
    order = ("base", "headline", "difference", "experiment")
    return sorted(found, key=lambda pair: order.index(pair[1]))


def _range(rows: list[dict]) -> tuple[float, float]:
    values = [r["accuracy"] for r in rows if r["role"] != "difference" and r["accuracy"] != ""]
    values = values or [0.0, 100.0]
    low, high = 10 * math.floor(min(values) / 10), 10 * math.ceil(max(values) / 10)
    return (low, high) if high > low else (low, low + 10)


def _cell(axes, x: int, y: int, value: Any, colour, signed: bool, columns: int) -> None:
    axes.add_patch(style.rectangle(x, y, colour if value != "" else "white"))
    text = "–" if value == "" else style.signed(value) if signed else style.number(value)
    ink = _INK if value == "" else style.ink_on(colour)
    size = 7.5 if columns <= _FEW else 5.5
    axes.text(x, y, text, ha="center", va="center_baseline", fontsize=size, color=ink)


def _set_axes(axes, lines: list, columns: list, cells: dict) -> None:
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    few = len(columns) <= _FEW
    gap = "\n" if few else " "
    names = [
        {"base": f"{model}{gap}(base)", "difference": f"change{gap}(points)"}.get(role, model)
        for model, role in columns
    ]
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(columns)), names, fontsize=8, rotation=0 if few else 60,
                    ha="center" if few else "left")  # fmt: skip
    axes.set_yticks(range(len(lines)), [_line_name(line, cells) for line in lines], fontsize=7.5)
    for (_, subcategory), tick in zip(lines, axes.get_yticklabels(), strict=True):
        tick.set(color="#444444" if subcategory else "black", fontsize=7.5 if subcategory else 8.5)
    axes.tick_params(axis="both", length=0)


def _line_name(line: tuple[str, str], cells: dict) -> str:
    row = next(row for key, row in cells.items() if key[:2] == line)
    name = f"{line[1] or line[0]}  {short(row['label'], _LONGEST)}".strip()
    return f"{name}  (n = {style.thousands(row['items'])})"
