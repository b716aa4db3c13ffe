"""The figure of a mixture: examples by dataset, style and language; how even, how varied."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from collectivesft.figures.style import inputs, style

_LANGUAGES = {"zh": "Chinese", "en": "English"}
_GROUPS = {
    "datasets": "datasets",
    "styles": "styles",
    "languages": "languages",
    "exam_categories": "exam categories",
}
_NGRAMS = {"1": "single characters", "2": "pairs", "3": "triples"}
_LANGUAGE_COLOURS = {"zh": "#4D4D4D", "en": "#B3B3B3"}


def draw_file(mixture: Path, ledger: Path, out: Path) -> None:
    """Draw the figure from the JSON file that ``curated mix`` wrote; the ledger has the titles.

    Raises:
        InputError: a file of a different kind.
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
        titles: of the datasets, by name.

    Returns:
        Panels ``dataset_style`` and ``dataset_language`` (examples of a dataset by part),
        ``entropy`` (bits; the label says of how many groups), ``distinct`` (share of n-grams of
        characters; the key is n) and ``total`` (training and validation).
    """
    rows = []
    for part in mixture["datasets"]:
        for panel in ("style", "language"):
            for name, count in part[f"{panel}_counts"].items():
                dataset = part["dataset"]
                rows.append((f"dataset_{panel}", dataset, titles[dataset], name, count))
    for name, bits in mixture["entropy_bits"].items():
        rows.append(("entropy", name, str(mixture["groups"][name]), "", bits))
    for n, share in mixture["distinct"]["shares"].items():
        rows.append(("distinct", n, str(mixture["distinct"]["characters"]), "", share))
    for key in ("train", "validation"):
        rows.append(("total", key, key, "", mixture[key]))
    columns = ("panel", "key", "label", "part", "value")
    experiment = {"experiment": mixture["experiment"]}
    return [experiment | dict(zip(columns, row, strict=True)) for row in rows]


def draw(rows: list[dict[str, Any]], out: Path, left_out: Iterable[str] = ()) -> None:
    """Draw the figure and save it with its table.

    Args:
        rows: what ``table`` returned.
        out: path of the figure, with any suffix.
        left_out: titles of datasets that the run does without.
    """
    datasets = _grouped(rows, "dataset_style")
    top = 1.0 + 0.2 * max(len(datasets), 3)
    figure, axes = style.mosaic(
        [["datasets", "datasets"], ["parts", "evenness"], ["parts", "distinct"]],
        height=top + 2.6,
        height_ratios=[top, 1.2, 1.0],
        width_ratios=[1, 1],
    )
    titles = {row["key"]: style.short_title(row["label"]) for row in rows}
    _draw_datasets(axes["datasets"], datasets, _grouped(rows, "dataset_language"), titles)
    _draw_parts(axes["parts"], _summed(rows, "dataset_style"), _summed(rows, "dataset_language"))
    _draw_evenness(axes["evenness"], [row for row in rows if row["panel"] == "entropy"])
    _draw_distinct(axes["distinct"], [row for row in rows if row["panel"] == "distinct"])
    total = {row["key"]: row["value"] for row in rows if row["panel"] == "total"}
    sample = next((row["label"] for row in rows if row["panel"] == "distinct"), "0")
    style.source_line(
        figure,
        f"Mixture “{rows[0]['experiment']}”: {style.thousands(total['train'])} examples drawn for"
        f" training; {style.thousands(total['validation'])} held out for validation are not shown."
        f" n-grams of characters, in a sample of {style.thousands(int(sample))} characters."
        f" Source: mixture.json{_without(left_out)}",
    )
    style.save(figure, out, rows)


def _without(left_out: Iterable[str]) -> str:
    names = ", ".join(map(style.short_title, left_out))
    return f". Left out of this run: {names}" if names else ""


def _grouped(rows: list[dict], panel: str) -> dict[str, dict[str, int]]:
    """Dataset to part to value, in the order of the rows."""
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


def _draw_datasets(axes, datasets: dict, languages: dict, titles: dict[str, str]) -> None:
    left = [0] * len(datasets)
    for name, colour in style.STYLE_COLOURS.items():
        values = [parts.get(name, 0) for parts in datasets.values()]
        if any(values):
            look = {"color": colour, "hatch": style.STYLE_HATCHES.get(name)} | style.BAR
            label = style.STYLE_LABELS[name]
            axes.barh(range(len(datasets)), values, left=left, label=label, **look)
        left = [a + b for a, b in zip(left, values, strict=True)]
    total = sum(left) or 1
    for y, value in enumerate(left):
        text = f"{style.thousands(value)}  ({style.share(100 * value / total)})"
        style.bar_label(axes, value, y, text)
    names = [f"{titles[key]} ({', '.join(sorted(languages[key]))})" for key in datasets]
    style.bar_axis(axes, names, max(left, default=0))
    style.title_and_legend(axes, "Examples by dataset, coloured by style", columns=4)


def _draw_evenness(axes, rows: list[dict]) -> None:
    """Entropy as a share of the largest that so many groups can have; the bits behind it."""
    known = {row["key"]: row for row in rows if int(row["label"]) > 1}
    shown = [known[name] for name in _GROUPS if name in known]
    for y, row in enumerate(shown):
        most = math.log2(int(row["label"]))
        axes.barh(y, 100 * row["value"] / most, color=style.GREY, **style.BAR)
        share, bits = style.number(100 * row["value"] / most, 0), style.number(row["value"])
        text = f"{share} %  ({bits} bits)"
        style.bar_label(axes, 100 * row["value"] / most, y, text)
    style.bar_axis(axes, [_GROUPS[row["key"]] for row in shown], 100, room=0.85)
    axes.set_title("Evenness (100 %: all alike)")


def _draw_distinct(axes, rows: list[dict]) -> None:
    for y, row in enumerate(rows):
        axes.barh(y, 100 * row["value"], color=style.SKY, **style.BAR)
        style.bar_label(axes, 100 * row["value"], y, f"{style.number(100 * row['value'])} %")
    style.bar_axis(axes, [_NGRAMS[row["key"]] for row in rows], 100)
    axes.set_title("Distinct n-grams")


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
        style.bar_label(axes, 100 * value / total, y, style.share(100 * value / total))
    style.bar_axis(axes, [name for name, *_ in bars], 100)
    axes.axhline(len(styles) - 0.5, color="#BBBBBB", linewidth=0.6)
    axes.set_title("Share by style and language")
