"""Scores of free text as Markdown: one row a run, then its task types, each by its metric."""

from collections.abc import Sequence
from typing import Any

NOTE = (
    "Free text: macro is the mean of the task types, a type the mean of its tasks, each by the "
    "main value of its metric (accuracy, F1 or ROUGE-L), with 95 % intervals. Difference: from "
    "the base model."
)
HEADS = ("Model", "Benchmark", "Protocol", "Task type", "Items", "Value, %", "Difference, %")
WORDS = 4


def rows(scores: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Cells of each run: its macro, then its task types."""
    return [line for run in scores for line in _run(run)]


def _run(run: dict[str, Any]) -> list[list[str]]:
    names = [run["model"], run["benchmark"], run["protocol"]]
    change = run["against"]["difference"] if run["against"] else None
    first = [*names, "all", str(run["items"]), _interval(run["macro"])]
    lines = [[*first, _interval(change["macro"], "+") if change else ""]]
    for one in run["categories"]:
        differs = _interval(change["categories"][one["category"]], "+") if change else ""
        lines.append([*names, one["label"], str(one["items"]), _interval(one), differs])
    return lines


def _interval(values: dict[str, float], sign: str = "") -> str:
    value, low, high = (f"{100 * values[key]:{sign}.2f}" for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
