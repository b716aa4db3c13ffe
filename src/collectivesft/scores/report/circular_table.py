"""Render how far answers depend on the order of the options, as Markdown rows."""

from collections.abc import Sequence
from typing import Any

NOTE = (
    "Options in several orders. Accuracy: mean over orders, its interval clustered by question; "
    "all right: questions right in every order; voted: letters that most orders gave. Flips: "
    "answers that differ from the published order's; floor: the same where the published order "
    "was asked a second time. Bias: how far the places of answers are from the keys' (0 none, 1 "
    "one place always); spread: accuracy with the key at its best place minus at its worst. Bound: "
    "options refer to each other, so only the published order was asked."
)
HEADS = (
    "Model", "Benchmark", "Protocol", "Questions", "Bound", "Accuracy, %", "All right, %",
    "Voted, %", "Flips, %", "Floor, %", "Bias", "Spread, %",
)  # fmt: skip
WORDS = 3


def rows(scores: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the cells of each run that was asked in several orders."""
    return [_row(run, run["circular"]) for run in scores if run.get("circular", {}).get("items")]


def _row(run: dict[str, Any], found: dict[str, Any]) -> list[str]:
    shares = ("accuracy", "all_right", "voted", "flips", "floor")
    bias, spread = found["bias"], found["spread"]
    return [
        *(run[key] for key in ("model", "benchmark", "protocol")),
        str(found["items"]),
        str(found["bound"]),
        *(_interval(found[name]) for name in shares),
        "-" if bias is None else f"{bias:.3f}",
        "-" if spread is None else f"{100 * spread:.1f}",
    ]


def _interval(values: dict[str, float]) -> str:
    value, low, high = (f"{100 * values[key]:.1f}" for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
