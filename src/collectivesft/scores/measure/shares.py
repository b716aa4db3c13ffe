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
    ends = _wilson(right, items)
    return {key: round(end, DIGITS) for key, end in ends.items()}


def _wilson(right: int, items: int) -> dict[str, float]:
    if items < 1 or not 0 <= right <= items:
        raise ValueError(f"{right} right of {items} items")
    share, weight = right / items, _Z**2 / items
    middle = (share + weight / 2) / (1 + weight)
    half = _Z * math.sqrt(share * (1 - share) / items + weight / items / 4) / (1 + weight)
    low = 0.0 if right == 0 else middle - half
    high = 1.0 if right == items else middle + half
    return {"value": share, "low": low, "high": high}


def paired_gain(both: int, only_first: int, only_second: int, neither: int) -> dict[str, float]:
    """Return the first's share minus the second's of the same items, with its 95 % interval.

    It joins the two shares' score intervals and allows for their correlation, so that it has a
    width even where no item, or every item, changed. Items count as independent.

    Source: R. G. Newcombe, Statistics in Medicine 17 (1998), 2635-2650, method 10.

    Args:
        both, only_first, only_second, neither: items by which of the two has them right.

    Raises:
        ValueError: no items.
    """
    items = both + only_first + only_second + neither
    one, two = _wilson(both + only_first, items), _wilson(both + only_second, items)
    margins = (both + only_first) * (only_second + neither)
    margins *= (both + only_second) * (only_first + neither)
    cross = both * neither - only_first * only_second
    cross = cross if cross < 0 else max(cross - items / 2, 0)
    phi = cross / math.sqrt(margins) if margins else 0.0
    return _apart(one, two, phi)


def tuned_and_base(pairs: Sequence[tuple[bool, bool]]) -> dict[str, Any] | None:
    """Return accuracies and gain of a tuned model and its base on some items; None for no items.

    Args:
        pairs: by item whether the tuned model, and the base, is right.

    Returns:
        items, tuned and base (accuracy with Wilson's interval), gain (see ``paired_gain``).
    """
    if not pairs:
        return None
    tuned, base = (sum(side) for side in zip(*pairs, strict=True))
    table = ((True, True), (True, False), (False, True), (False, False))
    return {
        "items": len(pairs),
        "tuned": wilson(tuned, len(pairs)),
        "base": wilson(base, len(pairs)),
        "gain": paired_gain(*(pairs.count(cell) for cell in table)),
    }


def apart(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """Return first minus second, of different items, with an interval made of theirs (MOVER).

    Source: R. G. Newcombe, Statistics in Medicine 20 (2001), 2885-2893.

    Args:
        first, second: value, low, high.
    """
    return _apart(first, second, 0.0)


def _apart(first: Mapping[str, float], second: Mapping[str, float], phi: float) -> dict[str, float]:
    value = first["value"] - second["value"]
    below = _length(first["value"] - first["low"], second["high"] - second["value"], phi)
    above = _length(first["high"] - first["value"], second["value"] - second["low"], phi)
    ends = {"value": value, "low": value - below, "high": value + above}
    return {key: round(end, DIGITS) for key, end in ends.items()}


def _length(one: float, two: float, phi: float) -> float:
    return math.sqrt(max(0.0, one**2 - 2 * phi * one * two + two**2))


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
