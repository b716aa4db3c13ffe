"""Render the effect of contamination as Markdown rows."""

from collections.abc import Sequence
from typing import Any

NOTE = (
    "Contamination as an effect. Found: items that stand in an example that the model was trained "
    "on; rest: all others that were looked for. Removed: whether such examples were taken out "
    "before. Gain: tuned minus base, in points. Effect: the gain on found items minus that on the "
    "rest, with its 95 % interval over questions; near 0 where the gain is not remembered."
)
HEADS = (
    "Model", "Benchmark", "Protocol", "Removed", "Found", "Tuned, found, %", "Gain, found",
    "Tuned, rest, %", "Gain, rest", "Effect",
)  # fmt: skip
WORDS = 4


def rows(found: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the cells of each measurement, by the corrected reading."""
    return [_row(one, one["corrected"]) for one in found]


def _row(one: dict[str, Any], read: dict[str, Any]) -> list[str]:
    cells = []
    for group in (read["found"], read["rest"]):
        cells += [f"{100 * group['tuned']['value']:.2f}", _points(group["gain"])] if group else [
            "-", "-"
        ]  # fmt: skip
    return [
        *(one[key] for key in ("model", "benchmark", "protocol")),
        "yes" if one["removed"] else "no",
        str(read["found"]["items"] if read["found"] else 0),
        *cells,
        _points(read["effect"]) if read["effect"] else "-",
    ]


def _points(values: dict[str, float]) -> str:
    value, low, high = (f"{100 * values[key]:+.2f}" for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
