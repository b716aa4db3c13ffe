"""The figure of the curation: rows kept and dropped, by step and by dataset."""

from pathlib import Path
from typing import Any

from collectivesft.figures.style import inputs, style

# Words and looks of the steps; they differ in grey too.
_STEPS = {
    "read": ("Read", "unusable when read"),
    "clean": ("Clean", "fails cleaning"),
    "dedup": ("Deduplicate", "copy"),
    "decontaminate": ("Decontaminate", "overlaps a benchmark"),
    "mix": ("Mix", "not drawn"),
}
_LOOKS = {
    "mix": {"color": "#CCCCCC", "hatch": "...."},  # dots: in grey it would be as light as yellow
    "decontaminate": {"color": style.RED},
    "dedup": {"color": style.ORANGE},
    "clean": {"color": style.GREEN, "hatch": "////"},
    "read": {"color": style.YELLOW},
}
_KEPT = {"color": style.BLUE}
TOTAL = "total"


def draw_file(ledger: Path, out: Path) -> None:
    """Draw the figure from the JSON file that ``curated ledger`` wrote.

    Raises:
        InputError: a file of a different kind.
    """
    with inputs.made_by(ledger, "curated ledger"):
        rows = table(inputs.read_object(ledger))
    draw(rows, out)


def table(ledger: dict[str, Any]) -> list[dict[str, Any]]:
    """Tidy rows of a ledger: dataset, title, step, outcome, reason, rows.

    Args:
        ledger: what ``curated ledger`` wrote.

    Returns:
        For each dataset and for ``total`` at each step one row ``kept``, and one row ``dropped``
        for each reason; one row ``left_out`` for a dataset that the run lacks, with the reason.
    """
    names = ledger.get("order", list(ledger["datasets"]))
    titles = ledger.get("titles", {})
    parts = [(TOTAL, "All datasets", ledger["totals"])]
    parts += [(name, titles.get(name, name), ledger["datasets"][name]) for name in names]
    rows = []
    missing = ledger.get("left_out", {})
    for name, title, steps in parts:
        for step in (step for step in ledger["steps"] if step in steps):
            head = {"dataset": name, "title": title, "step": step}
            rows.append(head | {"outcome": "kept", "reason": "", "rows": steps[step]["kept"]})
            for reason, count in steps[step]["dropped"].items():
                rows.append(head | {"outcome": "dropped", "reason": reason, "rows": count})
        if name in missing:
            head = {"dataset": name, "title": title, "step": ledger["steps"][0]}
            rows.append(head | {"outcome": "left_out", "reason": missing[name], "rows": 0})
    return rows


def draw(rows: list[dict[str, Any]], out: Path) -> None:
    """Draw the figure and save it with its table.

    Args:
        rows: what ``table`` returned.
        out: path of the figure, with any suffix.
    """
    datasets = list(dict.fromkeys(row["dataset"] for row in rows if row["dataset"] != TOTAL))
    heights = [0.5 + 0.46 * len(_steps(rows)), 0.75 + 0.23 * max(len(datasets), 2)]
    figure, axes = style.mosaic(
        [["steps"], ["datasets"]], height=sum(heights) + 0.4, height_ratios=heights
    )
    _draw_steps(axes["steps"], [row for row in rows if row["dataset"] == TOTAL])
    _draw_datasets(axes["datasets"], rows, datasets)
    style.source_line(
        figure,
        "Rows that become validation examples count as kept. Shares are of each dataset’s raw rows."
        " Source: ledger.json",
    )
    style.save(figure, out, rows)


def _steps(rows: list[dict]) -> list[str]:
    return list(dict.fromkeys(row["step"] for row in rows))


def _count(rows: list[dict], outcome: str, step: str) -> int:
    return sum(row["rows"] for row in rows if row["outcome"] == outcome and row["step"] == step)


def _draw_steps(axes, rows: list[dict]) -> None:
    """One bar a step: kept, then dropped; the numbers behind it, the reasons below those."""
    steps = _steps(rows)
    ends = []
    for y, step in enumerate(steps):
        kept, dropped = (_count(rows, outcome, step) for outcome in ("kept", "dropped"))
        axes.barh(y, kept, **_KEPT, **style.BAR)
        axes.barh(y, dropped, left=kept, **_LOOKS[step], **style.BAR)
        ends.append(kept + dropped)
        verb = "not drawn" if step == "mix" else "dropped"
        _step_label(axes, kept, dropped, y, verb, _reasons(rows, step))
    style.bar_axis(axes, [_STEPS[step][0] for step in steps], max(ends, default=0), room=0.85)
    axes.set_title("Rows kept and dropped at each step")


def _step_label(axes, kept: int, dropped: int, y: int, verb: str, reasons: str) -> None:
    share = style.share(100 * dropped / ((kept + dropped) or 1))
    text = f"{style.thousands(kept)} kept"
    if dropped:
        text += f", {style.thousands(dropped)} {verb} ({share})"
    for line, size, colour, up in (
        (text, 8, "black", 0.17 if reasons else 0),
        (reasons, 6.5, "#555555", -0.2),
    ):
        axes.annotate(
            line, (kept + dropped, y - up), (5, 0), textcoords="offset points",
            va="center", fontsize=size, color=colour,
        )  # fmt: skip


def _reasons(rows: list[dict], step: str) -> str:
    """The three most frequent reasons, in words."""
    drops = [row for row in rows if row["step"] == step and row["outcome"] == "dropped"]
    drops = sorted((row for row in drops if row["rows"]), key=lambda row: -row["rows"])
    words = [f"{row['reason'].replace('_', ' ')} {style.thousands(row['rows'])}" for row in drops]
    more = f" + {len(words) - 3} more" if len(words) > 3 else ""
    return ", ".join(words[:3]) + more


def _draw_datasets(axes, rows: list[dict], datasets: list[str]) -> None:
    """Draw the fate of each dataset's raw rows, in percent; the rows read are behind the bar."""
    titles = {row["dataset"]: style.short_title(row["title"]) for row in rows}
    parts, raw = _fates(rows, datasets)
    left = [0.0] * len(datasets)
    for label, look, counts in parts:
        shares = [100 * count / (total or 1) for count, total in zip(counts, raw, strict=True)]
        if any(shares):
            axes.barh(range(len(datasets)), shares, left=left, label=label, **look, **style.BAR)
        left = [a + b for a, b in zip(left, shares, strict=True)]
    missing = {row["dataset"] for row in rows if row["outcome"] == "left_out"}
    for y, (name, total, count) in enumerate(zip(datasets, raw, parts[0][2], strict=True)):
        text = f"{style.thousands(count)} of {style.thousands(total)}"
        style.bar_label(axes, 100, y, "left out" if name in missing else text)
    style.bar_axis(axes, [titles[name] for name in datasets], 100, room=0.3)
    style.title_and_legend(axes, "Fate of each dataset’s raw rows", columns=6)


def _fates(
    rows: list[dict], datasets: list[str]
) -> tuple[list[tuple[str, dict, list[int]]], list[int]]:
    """Return label, look and rows by dataset, of the mixture and of each step's dropped rows.

    Returns:
        These, and the rows read of each dataset.
    """
    steps = _steps(rows)
    own = [[row for row in rows if row["dataset"] == name] for name in datasets]
    parts = [("in the mixture", _KEPT, [_count(part, "kept", steps[-1]) for part in own])]
    for step in reversed(steps):
        counts = [_count(part, "dropped", step) for part in own]
        parts.append((_STEPS[step][1], _LOOKS[step], counts))
    raw = [_count(part, "kept", steps[0]) + _count(part, "dropped", steps[0]) for part in own]
    return parts, raw
