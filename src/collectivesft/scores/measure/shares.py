"""Compute small-sample intervals, intervals of dependent values, and floors of scores."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

# Below this many items, or where all or none are right, a share gets Wilson's interval: the
# bootstrap's is too narrow there, and has no width at 0 and 1.
FEW = 300
DIGITS = 6
_Z = NormalDist().inv_cdf(0.975)


def wilson(right: int, items: int) -> dict[str, float]:
    """Return a share with its 95 % Wilson score interval: value, low, high.

    Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209-212.

    Raises:
        ValueError: no items.
    """
    if items < 1 or not 0 <= right <= items:
        raise ValueError(f"{right} right of {items} items")
    share, weight = right / items, _Z**2 / items
    middle = (share + weight / 2) / (1 + weight)
    half = _Z * math.sqrt(share * (1 - share) / items + weight / items / 4) / (1 + weight)
    low = 0.0 if right == 0 else middle - half
    high = 1.0 if right == items else middle + half
    return {k: round(v, DIGITS) for k, v in {"value": share, "low": low, "high": high}.items()}


def clustered(groups: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return the mean of all values with a 95 % interval that allows for groups of dependent ones.

    Groups are whole: the variance is that of the groups' summed deviations (cluster-robust, with
    g / (g - 1) for g groups). Where no value differs from its mean, or of one group, the interval
    is Wilson's of as many items as there are groups.

    Args:
        groups: values from 0 to 1 (right or wrong), one group a question or a shared stem.

    Raises:
        ValueError: no values.
    """
    count, total = sum(map(len, groups)), sum(map(sum, groups))
    if not count:
        raise ValueError("no values")
    mean, filled = total / count, [group for group in groups if group]
    squares = sum((sum(group) - mean * len(group)) ** 2 for group in filled)
    if len(filled) < 2 or not squares:
        return wilson(round(mean * len(filled)), len(filled)) | {"value": round(mean, DIGITS)}
    half = _Z * math.sqrt(squares * len(filled) / (len(filled) - 1)) / count
    low, high = max(0.0, mean - half), min(1.0, mean + half)
    return {k: round(v, DIGITS) for k, v in {"value": mean, "low": low, "high": high}.items()}


def floors(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the macro accuracy that no knowledge reaches: always one letter, and the best letter
    of each sub-category.

    Both are read from the key, so a model at or below them has shown nothing.

    Args:
        rows: judged answers with category, subcategory and answer (the key).

    Returns:
        letter (the best one over all) and its macro, best_letters (macro), fractions.

    Raises:
        ValueError: no rows.
    """
    if not rows:
        raise ValueError("no rows")
    keys: dict[tuple[str, str], Counter[str]] = {}
    for row in rows:
        keys.setdefault((row["category"], row["subcategory"]), Counter())[row["answer"]] += 1
    letters = sorted({answer for counts in keys.values() for answer in counts})
    always = {
        letter: _macro({group: n[letter] / n.total() for group, n in keys.items()})
        for letter in letters
    }
    letter = max(letters, key=lambda one: always[one])
    best = _macro({group: max(n.values()) / n.total() for group, n in keys.items()})
    return {
        "letter": letter,
        "one_letter": round(always[letter], DIGITS),
        "best_letters": round(best, DIGITS),
    }


def _macro(shares: Mapping[tuple[str, str], float]) -> float:
    """The mean of categories, each the mean of its sub-categories."""
    categories: dict[str, list[float]] = {}
    for (category, _), share in shares.items():
        categories.setdefault(category, []).append(share)
    means = [sum(own) / len(own) for own in categories.values()]
    return sum(means) / len(means)
