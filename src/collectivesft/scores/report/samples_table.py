"""Render the scores of drawn answers as Markdown rows."""

from collections.abc import Sequence
from typing import Any

NOTE = (
    "Several answers drawn to each question. Mean: share of right answers. pass@k: the chance "
    "that one of k answers is right (unbiased, Chen et al. 2021), after it that of letters chosen "
    "with equal chance. Voted: the letters that most answers gave; all right: questions with "
    "right answers only. Intervals are over questions, the answers to one question as one group. "
    "All other tables count the first answer drawn."
)
HEADS = (
    "Model", "Benchmark", "Protocol", "Questions", "Answers", "Temperature", "Mean, %",
    "pass@k, %", "Guess, %", "Voted, %", "All right, %",
)  # fmt: skip
WORDS = 3


def rows(scores: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the cells of each run whose answers were drawn, a row for each k of pass@k."""
    return [
        _row(run, run["repeated"], k)
        for run in scores
        if run.get("repeated")
        for k in run["repeated"]["pass_at"]
    ]


def _row(run: dict[str, Any], found: dict[str, Any], k: str) -> list[str]:
    return [
        *(run[key] for key in ("model", "benchmark", "protocol")),
        str(found["items"]),
        str(found["samples"]),
        str(found["temperature"]),
        _interval(found["mean"]),
        f"k = {k}: {_interval(found['pass_at'][k])}",
        f"{100 * found['guess_at'][k]:.1f}",
        _interval(found["voted"]),
        _interval(found["all_right"]),
    ]


def _interval(values: dict[str, float]) -> str:
    value, low, high = (f"{100 * values[key]:.1f}" for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
