"""The figure of the training loss: one panel for few experiments, one panel each for many."""

import math
import statistics
import textwrap
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from collectivesft.figures.style import inputs, style

_TOGETHER = 3  # experiments that share a panel; more get a panel each
_LOOKS = ((style.BLUE, "-"), (style.ORANGE, "--"), (style.GREEN, "-."))
_POINTS = 120  # of a smoothed line


def draw_files(histories: Iterable[str], out: Path) -> None:
    """Draw the figure from training logs, each given as NAME=PATH.

    Raises:
        UserError: a wrong option, or a log of a different kind.
    """
    draw(table(inputs.read_histories(histories)), out)


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
    words = "Faint: as logged; line: means of consecutive logs. " if smooth else ""
    words += "Circles: held-out examples. " if _has_validation(rows) else ""
    if any(curve.partial for curve in curves.values()):
        words += "Steps of less than half the usual tokens, at an epoch’s end, are not drawn. "
    if len(names) > _TOGETHER:
        words = "Grey: the other experiments of up to twice the tokens. " + words
    style.source_line(figure, f"{words}Source: history.jsonl")
    style.save(figure, out, rows)


def _has_validation(rows: list[dict]) -> bool:
    return any(row["kind"] == "validation" for row in rows)


class _Curve:
    """Points of one experiment; values that are not finite are left out."""

    def __init__(self, rows: list[dict]):
        finite = [row for row in rows if math.isfinite(row["loss"])]
        every = _points(finite, "train")
        self.train = _whole_steps(every)
        self.partial = len(self.train) < len(every)
        self.validation = _points(finite, "validation")
        self.line = _means(self.train)
        self.smoothed = len(self.line) < len(self.train)

    @property
    def end(self) -> float:
        """Tokens seen at the last record."""
        return max((x for x, _ in self.train + self.validation), default=1)


def _points(rows: list[dict], kind: str) -> list[tuple[float, float]]:
    return sorted((row["tokens"], row["loss"]) for row in rows if row["kind"] == kind)


def _whole_steps(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points without steps of hardly any examples, whose loss is no sign of the training."""
    sizes = [new - old for old, new in pairwise([0, *(tokens for tokens, _ in points)])]
    usual = statistics.median(sizes) if sizes else 0
    return [point for point, size in zip(points, sizes, strict=True) if 2 * size >= usual]


def _means(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Means of consecutive points: at most ``_POINTS`` of them; few points stay as they are."""
    number = min(len(points), _POINTS)
    bounds = [i * len(points) // number for i in range(number + 1)] if number else [0]
    blocks = [points[start:end] for start, end in pairwise(bounds)]
    return [tuple(sum(axis) / len(block) for axis in zip(*block, strict=True)) for block in blocks]


def _together(curves: dict[str, _Curve]):
    figure, axes = style.new(height=3.2)
    for (name, curve), (colour, dashes) in zip(curves.items(), _LOOKS, strict=False):
        _draw_curve(axes, curve, colour, dashes, name)
    _set_tokens(axes, max(curve.end for curve in curves.values()))
    _set_losses(axes, curves)
    axes.set_xlabel("training tokens seen")
    axes.set_ylabel("loss (nats per token)")
    if len(curves) > 1:
        axes.legend(loc="upper right")
    else:
        axes.set_title(next(iter(curves)))
    return figure


def _panels(curves: dict[str, _Curve]):
    """A panel for each experiment, over its own tokens; comparable ones in light grey behind it."""
    columns = min(4, math.ceil(len(curves) / 2))
    lines = math.ceil(len(curves) / columns)
    figure, grid = style.new(
        height=0.5 + 1.65 * lines, nrows=lines, ncols=columns, sharey=True, squeeze=False
    )
    for i, (axes, name) in enumerate(zip(grid.flat, curves, strict=False)):
        # A curve of many times as many tokens would be a stub without a meaning here.
        for other in (c for c in curves.values() if c.end <= 2 * curves[name].end):
            axes.plot(*_xy(other.line), color="#DDDDDD", linewidth=0.7)
        _draw_curve(axes, curves[name], style.BLUE, "-", name)
        axes.set_title(textwrap.fill(name, 26), fontsize=7.5)
        axes.tick_params(labelsize=7.5)
        if i >= len(curves) - columns:
            axes.set_xlabel("tokens seen", fontsize=7.5)
        axes.locator_params(axis="x", nbins=3)
        _set_tokens(axes, curves[name].end)
    _set_losses(grid.flat[0], curves)
    for axes in grid.flat[len(curves) :]:
        axes.set_visible(False)
    figure.supylabel("loss (nats per token)", fontsize=9)
    return figure


def _draw_curve(axes, curve: _Curve, colour: str, dashes: str, label: str) -> None:
    if curve.smoothed:
        axes.plot(*_xy(curve.train), color=colour, linewidth=0.5, alpha=0.3)
    if curve.line:
        marker = "." if len(curve.line) < 30 else None
        axes.plot(
            *_xy(curve.line), color=colour, linestyle=dashes, linewidth=1.3, marker=marker,
            label=label,
        )  # fmt: skip
    if curve.validation:
        axes.plot(
            *_xy(curve.validation), "o", color=colour, markerfacecolor="white",
            markersize=3.5, zorder=3,
        )  # fmt: skip


def _set_tokens(axes, end: float) -> None:
    axes.set_xlim(0, 1.04 * end or 1)
    axes.xaxis.set_major_formatter(style.units_formatter())


def _set_losses(axes, curves: dict[str, _Curve]) -> None:
    low, high = _range(curves)
    axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))


def _xy(points: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _range(curves: dict[str, _Curve]) -> tuple[float, float]:
    values = [y for curve in curves.values() for _, y in curve.train + curve.validation] or [0.0]
    low, high = min(values), max(values)
    return (low, high) if low < high else (low - 0.5, high + 0.5)
