"""The figure of a mixture: examples by set, style, language and length."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from collectivesft.figures import inputs, style

_LANGUAGES = {"zh": "Chinese", "en": "English"}
_LANGUAGE_COLOURS = {"zh": "#4D4D4D", "en": "#B3B3B3"}


def draw_file(mixture: Path, ledger: Path, out: Path) -> None:
    """Draw the figure from the JSON file that ``curated mix`` wrote; the ledger has the titles.

    Raises:
        InputError: another file.
    """
    with inputs.made_by(ledger, "curated ledger"):
        content = inputs.read_object(ledger)
        titles, left_out = content["titles"], content["left_out"]
    with inputs.made_by(mixture, "curated mix"):
        rows = table(inputs.read_object(mixture), titles)
    draw(rows, out, [titles[name] for name in left_out])


def table(mixture: dict[str, Any], titles: dict[str, str]) -> list[dict[str, Any]]:
    """Tidy rows of a mixture: panel, key, label, part, value.

    Args:
        mixture: what ``curated mix`` wrote.
        titles: of the sets, by name.

    Returns:
        Panels ``set_style`` and ``set_language`` (examples of a set by part), ``length``
        (examples by characters; the key is the bin's lower edge, an open bin has no end in its
        label) and ``total`` (examples for training and validation).
    """
    rows = []
    for part in mixture["datasets"]:
        for panel in ("style", "language"):
            for name, count in part[f"{panel}_counts"].items():
                rows.append((f"set_{panel}", part["dataset"], titles[part["dataset"]], name, count))
    lengths = mixture["lengths"]
    for low, label, count in _bins(lengths["edges"], lengths["counts"]):
        rows.append(("length", low, label, "", count))
    for key in ("train", "validation"):
        rows.append(("total", key, key, "", mixture[key]))
    columns = ("panel", "key", "label", "part", "value")
    experiment = {"experiment": mixture["experiment"]}
    return [experiment | dict(zip(columns, row, strict=True)) for row in rows]


def _bins(edges: list[int], counts: list[int]) -> Iterable[tuple[int, str, int]]:
    """Lower edge, label and count of each bin; the last is open if it has no upper edge."""
    for i, count in enumerate(counts):
        label = f"{edges[i]}–{edges[i + 1]}" if i + 1 < len(edges) else f"≥ {edges[i]}"
        yield edges[i], label, count


def draw(rows: list[dict[str, Any]], out: Path, left_out: Iterable[str] = ()) -> None:
    """Draw the figure and save it with its table.

    Args:
        rows: what ``table`` returned.
        out: path of the figure, with any suffix.
        left_out: titles of sets that the run does without.
    """
    sets = _grouped(rows, "set_style")
    figure, axes = style.mosaic(
        [["sets", "sets"], ["lengths", "parts"]],
        height=3.6 + 0.23 * max(len(sets), 3),
        height_ratios=[1.1 + 0.23 * max(len(sets), 3), 1.9],
        width_ratios=[1.15, 1],
    )
    titles = {row["key"]: style.short_title(row["label"]) for row in rows}
    _draw_sets(axes["sets"], sets, _grouped(rows, "set_language"), titles)
    _draw_lengths(axes["lengths"], [row for row in rows if row["panel"] == "length"])
    _draw_parts(axes["parts"], _summed(rows, "set_style"), _summed(rows, "set_language"))
    total = {row["key"]: row["value"] for row in rows if row["panel"] == "total"}
    style.source_line(
        figure,
        f"Mixture “{rows[0]['experiment']}”: {style.thousands(total['train'])} training examples;"
        f" {style.thousands(total['validation'])} held out for validation are not shown."
        f" Source: mixture.json{_without(left_out)}",
    )
    style.save(figure, out, rows)


def _without(left_out: Iterable[str]) -> str:
    names = ", ".join(map(style.short_title, left_out))
    return f". Left out of this run: {names}" if names else ""


def _grouped(rows: list[dict], panel: str) -> dict[str, dict[str, int]]:
    """Set to part to value, in the order of the rows."""
    groups: dict[str, dict[str, int]] = {}
    for row in rows:
        if row["panel"] == panel:
            groups.setdefault(row["key"], {})[row["part"]] = row["value"]
    return groups


def _summed(rows: list[dict], panel: str) -> dict[str, int]:
    sums: dict[str, int] = {}
    for parts in _grouped(rows, panel).values():
        for part, value in parts.items():
            sums[part] = sums.get(part, 0) + value
    return sums


def _draw_sets(axes, sets: dict, languages: dict, titles: dict[str, str]) -> None:
    left = [0] * len(sets)
    for name, colour in style.STYLE_COLOURS.items():
        values = [parts.get(name, 0) for parts in sets.values()]
        if any(values):
            look = {"color": colour, "hatch": style.STYLE_HATCHES.get(name)} | style.BAR
            label = style.STYLE_LABELS[name]
            axes.barh(range(len(sets)), values, left=left, label=label, **look)
        left = [a + b for a, b in zip(left, values, strict=True)]
    total = sum(left) or 1
    for y, value in enumerate(left):
        text = f"{style.thousands(value)}  ({100 * value / total:.1f} %)"
        style.bar_label(axes, value, y, text)
    names = [f"{titles[key]} ({', '.join(sorted(languages[key]))})" for key in sets]
    style.bar_axis(axes, names, max(left, default=0))
    style.title_and_legend(axes, "Examples by set, coloured by style", columns=4)


def _draw_lengths(axes, bins: list[dict]) -> None:
    edges = [row["key"] for row in bins]
    step = edges[1] - edges[0] if len(edges) > 1 else 1
    values = [row["value"] for row in bins]
    axes.stairs(values, [*edges, edges[-1] + step], fill=True, color=style.BLUE)
    axes.set_title("Examples by length")
    axes.set_xlabel("characters" + _open_end(bins))
    axes.grid(False, axis="x")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(style.thousands_formatter())
    axes.set_xlim(edges[0], edges[-1] + step)
    axes.set_ylim(bottom=0)


def _open_end(bins: list[dict]) -> str:
    return f" (last bar: {bins[-1]['label']})" if bins[-1]["label"].startswith("≥") else ""


def _draw_parts(axes, styles: dict[str, int], languages: dict[str, int]) -> None:
    bars = [
        (style.STYLE_LABELS[name], styles[name], colour, style.STYLE_HATCHES.get(name))
        for name, colour in style.STYLE_COLOURS.items()
        if name in styles
    ]
    bars += [
        (_LANGUAGES[name], languages[name], colour, None)
        for name, colour in _LANGUAGE_COLOURS.items()
        if name in languages
    ]
    total = sum(styles.values()) or 1
    for y, (_, value, colour, hatch) in enumerate(bars):
        axes.barh(y, 100 * value / total, color=colour, hatch=hatch, **style.BAR)
        style.bar_label(axes, 100 * value / total, y, f"{100 * value / total:.1f} %")
    style.bar_axis(axes, [name for name, *_ in bars], 100)
    axes.axhline(len(styles) - 0.5, color="#BBBBBB", linewidth=0.6)
    axes.set_title("Share by style and language")
