"""The figures that the paper's own evaluation code reports: right answers among submitted ones.

Source: CAS-SIAT-XinHai/CollectiveSFT @ 5adedaef, eval/examer.py, as described; our own code.
"""

from collections.abc import Sequence
from typing import Any

from collectivesft.scores.measure.bootstrap import DIGITS


def submitted(judged: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the accuracy over submitted answers only, as the paper's examer.py counts it.

    Its overall figure is a micro average over the answers in the file: a question that is not in
    it (here: one that was never asked, since it was too long) is left out, where CMB's score.py
    counts it as wrong; an answer without a letter is in the file and wrong. A category is the share
    of its submitted answers, not the mean of its sub-categories. Letters are CMB's reading,
    compared as text with the key as published.

    Args:
        judged: rows of ``reading.judge``.

    Returns:
        items (submitted answers), micro, and categories: category, items, value; fractions with six
        digits, micro null and no categories where nothing was submitted.
    """
    sent = [row for row in judged if row["error"] is None]
    groups: dict[str, list[bool]] = {}
    for row in sent:
        groups.setdefault(row["category"], []).append(row["official_right"])
    return {
        "items": len(sent),
        "micro": _share([row["official_right"] for row in sent]),
        "categories": [
            {"category": name, "items": len(right), "value": _share(right)}
            for name, right in sorted(groups.items())
        ],
    }


def _share(right: Sequence[bool]) -> float | None:
    return round(sum(right) / len(right), DIGITS) if right else None
