"""Accuracies and their intervals."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from collectivesft.scores.measure.shares import DIGITS, FEW, wilson

RESAMPLES = 1000
SEED = 20240719

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


def summarise(
    groups: Sequence[Group], correct: Sequence[bool], stems: Sequence[str] | None = None
) -> Summary:
    """Return accuracies of judged items, with 95 % intervals.

    A category is the mean of its sub-categories and macro the mean of the categories, as CMB's
    leaderboard has it; micro counts every item alike. The bootstrap draws items with replacement
    within each sub-category: the number of right ones among n is then binomial with the observed
    share, and that is drawn 1,000 times, from numpy's PCG64 with a fixed seed. Items that share a
    stem are drawn together: in a sub-category that has such, stems are drawn, not items. A
    sub-category of fewer than FEW items gets Wilson's interval, as does every average that is 0 or
    1, where the bootstrap has no width.

    Args:
        groups: (category, sub-category) of each item.
        correct: whether it was answered right.
        stems: the stem of each item, unique within its sub-category where it is shared with no
            other item; None where no item shares one.

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
    shared = _shared(rows, stems or ())
    for column, own in shared.items():
        drawn[:, column] = _drawn_stems(random, own, correct)
    return _summary(names, items, share, drawn, shared)


def _shared(rows: Sequence[int], stems: Sequence[str]) -> dict[int, list[list[int]]]:
    """Return the items of each stem, by number of the sub-category, where some share one."""
    found: dict[int, dict[str, list[int]]] = {}
    for item, (row, stem) in enumerate(zip(rows, stems, strict=False)):
        found.setdefault(int(row), {}).setdefault(stem, []).append(item)
    groups = {row: sorted(own.values()) for row, own in sorted(found.items())}
    return {row: own for row, own in groups.items() if any(len(items) > 1 for items in own)}


def _drawn_stems(random: Any, stems: list[list[int]], correct: Sequence[bool]) -> Any:
    """Return shares of right items (resamples,) where whole stems are drawn."""
    import numpy as np

    sizes = np.array([len(items) for items in stems])
    right = np.array([sum(correct[item] for item in items) for items in stems])
    # Sorted, so that the order of items does not matter.
    order = np.lexsort((right, sizes))
    times = random.multinomial(len(stems), np.full(len(stems), 1 / len(stems)), RESAMPLES)
    return (times @ right[order]) / (times @ sizes[order])


def _summary(
    names: list[Group], items: Any, share: Any, drawn: Any, shared: Collection[int]
) -> Summary:
    """Form averages and intervals.

    Args:
        items, share: by sub-category, in the order of ``names``.
        drawn: shares of the resamples, (resamples, sub-categories).
        shared: numbers of the sub-categories whose stems are drawn.
    """
    categories = sorted({category for category, _ in names})
    members = {c: [i for i, name in enumerate(names) if name[0] == c] for c in categories}
    means = {c: (share[own].mean(), drawn[:, own].mean(axis=1)) for c, own in members.items()}
    macro = sum(value for value, _ in means.values()) / len(means)
    macro_drawn = sum(values for _, values in means.values()) / len(means)
    weights, total = items / items.sum(), int(items.sum())
    sizes = {c: int(items[own].sum()) for c, own in members.items()}
    return Summary(
        macro=_interval(macro, macro_drawn, total),
        micro=_interval(share @ weights, drawn @ weights, total),
        categories={c: {"items": n, **_interval(*means[c], n)} for c, n in sizes.items()},
        subcategories={
            name: {"items": int(n), **_interval(share[i], drawn[:, i], int(n), i not in shared)}
            for i, (name, n) in enumerate(zip(names, items, strict=True))
        },
    )


def _interval(value: float, drawn: Any, items: int, single: bool = False) -> dict[str, float]:
    """Return a value with its interval: Wilson's where the bootstrap has no width, and of few items
    that are drawn one by one, the bootstrap's otherwise."""
    found = estimate(value, drawn)
    narrow = found["value"] in (0, 1) or (single and items < FEW)
    return wilson(round(value * items), items) if narrow else found


def estimate(value: float, drawn: Any) -> dict[str, float]:
    """A value with the 2.5th and 97.5th percentile of its resamples: value, low, high."""
    import numpy as np

    low, high = np.percentile(drawn, [2.5, 97.5])
    found = {"value": value, "low": low, "high": high}
    return {key: round(float(number), DIGITS) for key, number in found.items()}
