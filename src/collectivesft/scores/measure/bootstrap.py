"""Accuracies and their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

RESAMPLES = 1000
SEED = 20240719
DIGITS = 6

Group = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Summary:
    """Accuracies as fractions, rounded to six digits.

    Attributes:
        macro, micro: mean of the categories, and of all items: value, low, high.
        categories: category to items, value, low, high.
        subcategories: (category, sub-category) to items, value, low, high.
    """

    macro: dict[str, float]
    micro: dict[str, float]
    categories: dict[str, dict[str, Any]]
    subcategories: dict[Group, dict[str, Any]]


def summarise(groups: Sequence[Group], correct: Sequence[bool]) -> Summary:
    """Accuracies of judged items, with 95 % bootstrap percentile intervals.

    A category is the mean of its sub-categories and macro the mean of the categories, as CMB's
    leaderboard has it; micro counts every item alike. The bootstrap draws items with replacement
    within each sub-category: the number of right ones among n is then binomial with the observed
    share, and that is what is drawn, 1,000 times, from numpy's PCG64 with a fixed seed. A
    sub-category whose items are all right, or all wrong, adds nothing to an interval's width.

    Args:
        groups: (category, sub-category) of each item.
        correct: whether it was answered right.

    Raises:
        ValueError: no items.
    """
    import numpy as np

    names = sorted(set(groups))
    if not names:
        raise ValueError("no items")
    index = {name: position for position, name in enumerate(names)}
    rows = np.array([index[group] for group in groups])
    items = np.bincount(rows, minlength=len(names))
    right = np.bincount(rows, weights=np.asarray(correct, dtype=float), minlength=len(names))
    share = right / items
    random = np.random.Generator(np.random.PCG64(SEED))
    drawn = random.binomial(items, share, size=(RESAMPLES, len(names))) / items
    return _summary(names, items, share, drawn)


def _summary(names: list[Group], items: Any, share: Any, drawn: Any) -> Summary:
    """Put together.

    Args:
        items, share: by sub-category, in the order of ``names``.
        drawn: shares of the resamples, (resamples, sub-categories).
    """
    categories = sorted({category for category, _ in names})
    members = {c: [i for i, name in enumerate(names) if name[0] == c] for c in categories}
    means = {c: (share[own].mean(), drawn[:, own].mean(axis=1)) for c, own in members.items()}
    macro = sum(value for value, _ in means.values()) / len(means)
    macro_drawn = sum(values for _, values in means.values()) / len(means)
    weights = items / items.sum()
    return Summary(
        macro=estimate(macro, macro_drawn),
        micro=estimate(share @ weights, drawn @ weights),
        categories={
            c: {"items": int(items[members[c]].sum()), **estimate(*means[c])} for c in categories
        },
        subcategories={
            name: {"items": int(items[i]), **estimate(share[i], drawn[:, i])}
            for i, name in enumerate(names)
        },
    )


def estimate(value: float, drawn: Any) -> dict[str, float]:
    """A value with the 2.5th and 97.5th percentile of its resamples: value, low, high."""
    import numpy as np

    low, high = np.percentile(drawn, [2.5, 97.5])
    found = {"value": value, "low": low, "high": high}
    return {key: round(float(number), DIGITS) for key, number in found.items()}
