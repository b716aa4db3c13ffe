"""Render scores on old and on fresh questions as Markdown rows."""

from collections.abc import Sequence
from typing import Any

NOTE = (
    "Contamination by date. Old: questions from before the date, by their item or by the month in "
    "which their benchmark was published; fresh: since then. Old minus fresh, in points, with its "
    "95 % interval: the exams may differ in difficulty, which the base model's gap shows. Effect: "
    "the gain by training on old questions minus that on fresh ones."
)
HEADS = (
    "Model", "Benchmarks", "Protocol", "Since", "Old", "Fresh", "Old, %", "Fresh, %",
    "Old minus fresh", "Base, old minus fresh", "Effect",
)  # fmt: skip
WORDS = 4


def rows(found: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the cells of each measurement, by the corrected reading."""
    return [_row(one, one["corrected"]) for one in found]


def _row(one: dict[str, Any], read: dict[str, Any]) -> list[str]:
    groups = (read["old"], read["fresh"])
    shares = [f"{100 * group['tuned']['value']:.2f}" if group else "-" for group in groups]
    return [
        one["model"], ", ".join(one["benchmarks"]), one["protocol"], one["since"],
        *(str(group["items"] if group else 0) for group in groups),
        *shares,
        *(_points(read[key]) for key in ("gap", "base_gap", "effect")),
    ]  # fmt: skip


def _points(values: dict[str, float] | None) -> str:
    if values is None:
        return "-"
    value, low, high = (f"{100 * values[key]:+.2f}" for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
