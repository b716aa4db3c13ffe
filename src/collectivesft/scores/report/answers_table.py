"""How a run's answers went, as Markdown rows: what accuracy alone does not say."""

from collections.abc import Sequence
from typing import Any

NOTE = (
    "How answers went. Unread: no letter, by the corrected and by CMB's own reading; refused: of "
    "the unread, the model declined. Letters differ: items that the two readings read "
    "differently. Bias: how far the chosen letters are from the key's (0 none, 1 one letter "
    "always). Fewer shots: asked with fewer solved examples, so that the question fits. Apart: "
    "groups that are reported by themselves, with their accuracy. Key: the date of the answer "
    "key's last correction."
)
HEADS = (
    "Model", "Benchmark", "Protocol", "Apart", "Key", "Unread, %", "Unread officially, %",
    "Refused, %", "Letters differ", "Bias", "Endless", "Empty", "Too long",
    "Fewer shots", "Not scored",
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
    counts = (str(run[key]) for key in ("endless", "empty", "too_long", "fewer_shots"))
    return [
        *(run[key] for key in ("model", "benchmark", "protocol")),
        ", ".join(_group(group) for group in run["apart"]) or "-",
        run["key"]["date"] or "-",
        *shares,
        str(run["letters_differ"]),
        bias,
        *counts,
        str(sum(run["unscored"].values())),
    ]


def _group(group: dict[str, Any]) -> str:
    value, low, high = (f"{100 * group[key]:.1f}" for key in ("value", "low", "high"))
    return f"{group['group']} {value} ({low} to {high}) of {group['items']}"
