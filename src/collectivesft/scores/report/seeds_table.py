"""Render experiments that were trained with several seeds, as Markdown rows."""

from collections.abc import Sequence
from typing import Any

NOTE = (
    "Several trainings: seeds, or draws of datasets. Macro: mean over the trainings, with its 95 % "
    "interval over questions. Spread: standard deviation over the trainings. Lowest, highest: the "
    "trainings' own macro."
)
HEADS = (
    "Model", "Benchmark", "Protocol", "Items", "Trainings", "Macro, %", "Spread, %", "Lowest, %",
    "Highest, %",
)  # fmt: skip
WORDS = 3


def rows(found: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the cells of each summary of `scores seeds`, by the corrected reading."""
    return [_row(one, one["corrected"]["macro"]) for one in found]


def _row(one: dict[str, Any], macro: dict[str, Any]) -> list[str]:
    value, low, high = (f"{100 * macro[key]:.2f}" for key in ("value", "low", "high"))
    spread = "-" if macro["spread"] is None else f"{100 * macro['spread']:.2f}"
    return [
        *(one[key] for key in ("model", "benchmark", "protocol")),
        str(one["items"]),
        str(one["trainings"]),
        f"{value} ({low} to {high})",
        spread,
        *(f"{100 * end(macro['seeds']):.2f}" for end in (min, max)),
    ]
