"""Render diagnostics of a run's answers as Markdown rows, besides accuracy."""

from collections.abc import Sequence
from typing import Any

NOTE = (
    "How answers went. Unparsed: no letter, by the corrected and by CMB's own reading; refused: of "
    "the unparsed, the model declined. Letters differ: items that the two readings read "
    "differently. Bias: how far the chosen letters are from the key's (0 none, 1 one letter "
    "always). Truncated: did not end within the limit. Unanswered: a server gave no "
    "answer. Shots dropped: asked with fewer solved examples, so that the question fits. Floors: "
    "macro of one letter for all, and of the best letter of each sub-category. Subset: "
    "groups that are reported by themselves, with their accuracy. Key: the date of the answer "
    "key's last correction."
)
HEADS = (
    "Model", "Benchmark", "Protocol", "Subset", "Key", "Unparsed, %", "Unparsed officially, %",
    "Refused, %", "Letters differ", "Bias", "Truncated", "Empty", "Prompt too long",
    "Unanswered", "Shots dropped", "Not scored", "Floor: one letter, %", "Floor: best letters, %",
)  # fmt: skip
WORDS = 5
_NEEDED = {"official_unparsed", "letters_differ", "letter_bias", "apart", "key", "fewer_shots"}


def rows(scores: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Cells of each run of questions with options."""
    return [_row(run) for run in scores if set(run) >= _NEEDED]


def _row(run: dict[str, Any]) -> list[str]:
    shares = (
        f"{100 * run[key] / run['items']:.2f}"
        for key in ("unparsed", "official_unparsed", "refused")
    )
    bias = "-" if run["letter_bias"] is None else f"{run['letter_bias']:.3f}"
    counts = (str(run[key]) for key in ("endless", "empty", "too_long"))
    return [
        *(run[key] for key in ("model", "benchmark", "protocol")),
        ", ".join(_group(group) for group in run["apart"]) or "-",
        run["key"]["date"] or "-",
        *shares,
        str(run["letters_differ"]),
        bias,
        *counts,
        str(run.get("unanswered", 0)),
        str(run["fewer_shots"]),
        str(sum(run["unscored"].values())),
        *_floors(run.get("floors")),
    ]


def _floors(floors: dict[str, Any] | None) -> list[str]:
    if floors is None:
        return ["-", "-"]
    one, best = (f"{100 * floors[key]:.2f}" for key in ("one_letter", "best_letters"))
    return [f"{one} ({floors['letter']})", best]


def _group(group: dict[str, Any]) -> str:
    value, low, high = (f"{100 * group[key]:.1f}" for key in ("value", "low", "high"))
    return f"{group['group']} {value} ({low} to {high}) of {group['items']}"
