"""Render the share of items that a base model completes as Markdown rows."""

from collections.abc import Sequence
from typing import Any

NOTE = (
    "Completion of items by base models: share of items whose last tokens the model writes "
    "greedily from what is before, word for word, with Wilson's 95 % interval. Fixed phrases are "
    "completed without memory too: compare with an exam that is newer than the model."
)
HEADS = ("Model", "Benchmark", "Tokens", "Items", "Question, %", "Options, %")
WORDS = 2


def rows(found: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the cells of each measurement."""
    return [
        [
            one["model"],
            one["benchmark"],
            str(one["ngram"]),
            str(one["items"]),
            *(_cell(one[part]["share"]) for part in ("question", "options")),
        ]
        for one in found
    ]


def _cell(share: dict[str, float] | None) -> str:
    if share is None:
        return "-"
    value, low, high = (f"{100 * share[key]:.2f}" for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
