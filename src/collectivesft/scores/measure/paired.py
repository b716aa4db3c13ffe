"""Two sets of answers to the same questions: is one better, and how far do they agree."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from collectivesft.scores.measure.bootstrap import DIGITS, RESAMPLES, SEED, Group, estimate


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p value of McNemar's test, by the binomial distribution.

    Args:
        only_first, only_second: questions that only one of the two has right.
    """
    total, less = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(total, count) for count in range(less + 1))
    return min(1.0, 2 * tail / 2**total) if total else 1.0


def kappa(first: Sequence[Any], second: Sequence[Any]) -> float | None:
    """Cohen's kappa of two sequences of answers; None where chance would always agree."""
    total = len(first)
    agreed = sum(a == b for a, b in zip(first, second, strict=True)) / total
    one, two = Counter(first), Counter(second)
    chance = sum(one[answer] * two[answer] for answer in one) / total**2
    return None if chance == 1 else round((agreed - chance) / (1 - chance), DIGITS)


def weighted_kappa(first: Sequence[int], second: Sequence[int]) -> float | None:
    """Return Cohen's kappa of grades with quadratic weights; None where chance always agrees.

    Source: J. Cohen, Psychological Bulletin 70 (1968), 213-220.
    """
    total = len(first)
    apart = sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) / total
    chance = sum((a - b) ** 2 for a in first for b in second) / total**2
    return None if chance == 0 else round(1 - apart / chance, DIGITS)


def difference(
    groups: Sequence[Group], first: Sequence[bool], second: Sequence[bool]
) -> dict[str, dict[str, float]]:
    """Second minus first, ``macro`` and ``micro``: value, low and high (95 % paired bootstrap).

    Whole questions are drawn with replacement within each sub-category, so both sets are always
    judged on the same ones: how many were won, lost or alike is then multinomial with the
    observed shares, and that is drawn, from numpy's PCG64 with a fixed seed. First and
    second the other way round give the same interval with the other sign.
    """
    import numpy as np

    names = sorted(set(groups))
    rows = np.array([names.index(group) for group in groups])
    gains = np.asarray(second, dtype=int) - np.asarray(first, dtype=int)
    tables = np.array([np.bincount(gains[rows == i] + 1, minlength=3) for i in range(len(names))])
    counts, turned = tables.tolist(), tables[:, ::-1].tolist()
    if turned < counts:  # one order of two models is drawn: the other has its draws, not its own
        return {name: _turned(part) for name, part in difference(groups, second, first).items()}
    items = tables.sum(axis=1)
    random = np.random.Generator(np.random.PCG64(SEED))
    drawn = np.stack(
        [
            random.multinomial(n, table / n, RESAMPLES)
            for n, table in zip(items, tables, strict=True)
        ]
    )
    shares = np.concatenate([tables[:, None], drawn], axis=1) / items[:, None, None]
    change = shares[..., 2] - shares[..., 0]  # (sub-categories, observed and resamples)
    if turned == counts:  # both orders are these draws: with their mirror images they are alike
        change = np.concatenate([change, -change[:, 1:]], axis=1)
    categories = sorted({category for category, _ in names})
    means = [change[[n[0] == category for n in names]].mean(axis=0) for category in categories]
    macro = np.mean(means, axis=0)
    micro = (change * items[:, None]).sum(axis=0) / items.sum()
    return {"macro": estimate(macro[0], macro[1:]), "micro": estimate(micro[0], micro[1:])}


def _turned(part: dict[str, float]) -> dict[str, float]:
    """First minus second of second minus first; from zero, since -0.0 is written with its sign."""
    return {"value": 0 - part["value"], "low": 0 - part["high"], "high": 0 - part["low"]}
