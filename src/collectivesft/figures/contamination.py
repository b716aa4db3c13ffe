"""Draw contamination: benchmark questions found in each dataset, by benchmark."""

from pathlib import Path
from typing import Any

from collectivesft.figures.style import inputs, style

_STEP = 10  # percent; width of the bins of overlap


def draw_file(report: Path, ledger: Path, out: Path) -> None:
    """Draw the figure from the report of ``curated decontaminate`` and the joined ledger.

    Raises:
        InputError: a file of a different kind.
    """
    with inputs.made_by(ledger, "curated ledger"):
        book = inputs.read_object(ledger)
        book["titles"], book["order"]
    with inputs.made_by(report, "curated decontaminate"):
        found = inputs.read_object(report)
        rows = table(found, book)
    draw(rows, out, found["dropped"])


def table(report: dict[str, Any], ledger: dict[str, Any]) -> list[dict[str, Any]]:
    """Tidy rows: panel, key, label, found, of.

    Args:
        report: what ``curated decontaminate`` wrote.
        ledger: what ``curated ledger`` wrote.

    Returns:
        Panels ``dataset`` (examples of a dataset in which an item was found, of those compared),
        ``benchmark`` (examples in which an item of it was found; of: its items), ``overlap``
        (pairs of example and item by the share of the item's n-grams found, of the pairs that
        the report lists; the key is the bin's lower edge in percent) and ``total``.
    """
    rows = []
    for name in ledger["order"]:
        compared = ledger["datasets"][name].get("decontaminate", {"rows_in": 0})["rows_in"]
        found = report["examples_by_dataset"].get(name, 0)
        rows.append(("dataset", name, ledger["titles"][name], found, compared))
    for name, items in report["items_by_benchmark"].items():
        rows.append(
            (
                "benchmark",
                name,
                inputs.title(name),
                report["examples_by_benchmark"].get(name, 0),
                items,
            )
        )
    shares = [100 * pair["share"] for pair in report["pairs"]]
    for low in range(int(100 * report["threshold"]), 100, _STEP):
        last = low + _STEP >= 100
        count = sum(low <= share < low + _STEP or (last and share >= 100) for share in shares)
        rows.append(("overlap", low, f"{low}–{low + _STEP} %", count, len(shares)))
    total = sum(row[4] for row in rows if row[0] == "dataset")
    rows.append(("total", "items", "benchmark items", report["items_found"], report["items"]))
    rows.append(("total", "examples", "examples", report["examples_found"], total))
    columns = ("panel", "key", "label", "found", "of")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def draw(rows: list[dict[str, Any]], out: Path, dropped: bool = True) -> None:
    """Draw the figure and save it with its table.

    Args:
        rows: what ``table`` returned.
        out: path of the figure, with any suffix.
        dropped: whether the examples were removed.
    """
    panels = {
        name: [row for row in rows if row["panel"] == name]
        for name in ("dataset", "benchmark", "overlap", "total")
    }
    top = 0.6 + 0.23 * max(len(panels["dataset"]), 2)
    bottom = 0.75 + 0.26 * max(len(panels["benchmark"]), len(panels["overlap"]))
    figure, axes = style.mosaic(
        [["dataset", "dataset"], ["benchmark", "overlap"]],
        height=top + bottom + 0.4,
        height_ratios=[top, bottom],
    )
    _draw_datasets(axes["dataset"], panels["dataset"])
    _draw_benchmarks(axes["benchmark"], panels["benchmark"])
    _draw_overlap(axes["overlap"], panels["overlap"])
    words = {row["key"]: f"{style.thousands(row['found'])} of {style.thousands(row['of'])}"
             for row in panels["total"]}  # fmt: skip
    fate = "removed before training" if dropped else "left in, on purpose"
    found = any(row["found"] for row in panels["total"])
    style.source_line(
        figure,
        f"Found: {words['items']} benchmark items, in {words['examples']} examples"
        f"{f'; these were {fate}' if found else ''}. Overlap: the pairs that the report lists."
        " Source: contamination.json, ledger.json",
    )
    style.save(figure, out, rows)


def _draw_datasets(axes, rows: list[dict]) -> None:
    shares = [100 * row["found"] / (row["of"] or 1) for row in rows]
    for y, (row, share) in enumerate(zip(rows, shares, strict=True)):
        axes.barh(y, share, color=style.RED, **style.BAR)
        style.bar_label(axes, share, y, _set_label(row, share))
    names = [style.short_title(row["label"]) for row in rows]
    style.bar_axis(axes, names, max(shares, default=0), room=0.35)
    axes.set_title("Examples that hold a benchmark item, as a share of the dataset’s clean rows")


def _set_label(row: dict, share: float) -> str:
    if not row["of"]:
        return "no rows"
    text = f"{style.thousands(row['found'])} of {style.thousands(row['of'])}"
    return f"{text}  ({style.share(share)})" if row["found"] else text


def _draw_benchmarks(axes, rows: list[dict]) -> None:
    for y, row in enumerate(rows):
        axes.barh(y, row["found"], color=style.RED, **style.BAR)
        style.bar_label(axes, row["found"], y, style.thousands(row["found"]))
    names = [f"{row['label']}\n({style.thousands(row['of'])} items)" for row in rows]
    style.bar_axis(axes, names, max((row["found"] for row in rows), default=0))
    axes.set_title("Examples by benchmark")


def _draw_overlap(axes, rows: list[dict]) -> None:
    for y, row in enumerate(rows):
        axes.barh(y, row["found"], color=style.GREY, **style.BAR)
        style.bar_label(axes, row["found"], y, style.thousands(row["found"]))
    style.bar_axis(
        axes, [row["label"] for row in rows], max((row["found"] for row in rows), default=0)
    )
    axes.set_title("Pairs by share of the item found")
