"""The figure of the training loss: one panel for few experiments, one panel each for many."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

from collectivesft.figures import style

_TOGETHER = 3  # experiments that share a panel; more get a panel each
_LOOKS = ((style.BLUE, "-"), (style.ORANGE, "--"), (style.GREEN, "-."))
_POINTS = 120  # of a smoothed line


def table(histories: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Tidy rows: experiment, kind (train or validation), step, epoch, tokens, loss.

    Args:
        histories: records of each experiment's ``history.jsonl``.
    """
    rows = []
    for name, records in histories.items():
        for kind, key in (("train", "loss"), ("validation", "eval_loss")):
            for record in (record for record in records if record.get(key) is not None):
                rows.append(
                    {
                        "experiment": name,
                        "kind": kind,
                        "step": record["step"],
                        "epoch": record.get("epoch", ""),
                        "tokens": record["tokens"],
                        "loss": record[key],
                    }
                )
    return rows


def draw(rows: list[dict[str, Any]], out: Path) -> None:
    """Draw the figure and save it with its table.

    Args:
        rows: what ``table`` returned.
        out: path of the figure, with any suffix.
    """
    names = list(dict.fromkeys(row["experiment"] for row in rows))
    curves = {name: _Curve([row for row in rows if row["experiment"] == name]) for name in names}
    figure = _together(curves) if len(names) <= _TOGETHER else _panels(curves)
    smooth = any(curve.smoothed for curve in curves.values())
    words = "Faint: loss as logged; line: means of consecutive logs. " if smooth else ""
    eval_words = "Open circles: loss on held-out examples. " if _has_validation(rows) else ""
    style.source_line(figure, f"{words}{eval_words}Source: history.jsonl of each experiment")
    style.save(figure, out, rows)


def _has_validation(rows: list[dict]) -> bool:
    return any(row["kind"] == "validation" for row in rows)


class _Curve:
    """Points of one experiment; values that are not finite are left out."""

    def __init__(self, rows: list[dict]):
        finite = [row for row in rows if math.isfinite(row["loss"])]
        self.train = _points(finite, "train")
        self.validation = _points(finite, "validation")
        self.line = _means(self.train)
        self.smoothed = len(self.line) < len(self.train)

    @property
    def end(self) -> float:
        """Tokens seen at the last record."""
        return max((x for x, _ in self.train + self.validation), default=1)


def _points(rows: list[dict], kind: str) -> list[tuple[float, float]]:
    return sorted((row["tokens"], row["loss"]) for row in rows if row["kind"] == kind)


def _means(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Means of consecutive points: at most ``_POINTS`` of them; few points stay as they are."""
    size = math.ceil(len(points) / _POINTS)
    if size < 2:
        return points
    blocks = [points[i : i + size] for i in range(0, len(points), size)]
    return [
        tuple(sum(values) / len(block) for values in zip(*block, strict=True)) for block in blocks
    ]


def _together(curves: dict[str, _Curve]):
    figure, axes = style.new(height=3.2)
    for (name, curve), (colour, dashes) in zip(curves.items(), _LOOKS, strict=False):
        _draw_curve(axes, curve, colour, dashes, name)
    _finish(axes, curves)
    axes.set_xlabel("training tokens seen")
    axes.set_ylabel("loss (nats per token)")
    if len(curves) > 1:
        axes.legend(loc="upper right")
    else:
        axes.set_title(next(iter(curves)))
    return figure


def _panels(curves: dict[str, _Curve]):
    """A panel for each experiment, the others in light grey behind it."""
    columns = min(5, math.ceil(len(curves) / 2))
    lines = math.ceil(len(curves) / columns)
    figure, grid = style.new(
        height=0.5 + 1.75 * lines, nrows=lines, ncols=columns, sharex=True, sharey=True,
        squeeze=False,
    )  # fmt: skip
    panels = list(grid.flat)
    for axes, name in zip(panels, curves, strict=False):
        for other in curves.values():
            axes.plot(*zip(*other.line, strict=True), color="#DDDDDD", linewidth=0.7)
        _draw_curve(axes, curves[name], style.BLUE, "-", name)
        axes.set_title(name, fontsize=8)
        axes.tick_params(labelsize=7.5)
    _finish(panels[0], curves)
    for axes in panels[len(curves) :]:
        axes.set_visible(False)
        panels[panels.index(axes) - columns].tick_params(labelbottom=True)
    figure.supylabel("loss (nats per token)", fontsize=9)
    panels[(lines - 1) * columns].set_xlabel("training tokens seen", loc="left")
    return figure


def _draw_curve(axes, curve: _Curve, colour: str, dashes: str, label: str) -> None:
    if curve.smoothed:
        axes.plot(*zip(*curve.train, strict=True), color=colour, linewidth=0.5, alpha=0.3)
    if curve.line:
        marker = "." if len(curve.line) < 30 else None
        x, y = zip(*curve.line, strict=True)
        axes.plot(x, y, color=colour, linestyle=dashes, linewidth=1.4, marker=marker, label=label)
    if curve.validation:
        axes.plot(
            *zip(*curve.validation, strict=True), "o", color=colour, markerfacecolor="white",
            markersize=4, zorder=3,
        )  # fmt: skip


def _finish(axes, curves: dict[str, _Curve]) -> None:
    """Scales: a logarithmic one where the experiments differ tenfold in length."""
    ends = [curve.end for curve in curves.values()]
    if max(ends) > 10 * min(ends) > 0:
        axes.set_xscale("log")
    else:
        axes.set_xlim(0, 1.03 * max(ends))
    axes.xaxis.set_major_formatter(style.units_formatter())
    low, high = _range(curves)
    axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))


def _range(curves: dict[str, _Curve]) -> tuple[float, float]:
    values = [y for curve in curves.values() for _, y in curve.train + curve.validation] or [0.0]
    low, high = min(values), max(values)
    return (low, high) if any(a != b for a, b in pairwise(values)) else (low - 0.5, high + 0.5)
