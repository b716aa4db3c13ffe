"""Compute accuracies of one training repeated with several seeds, and differences of two such sets.

Two things make a score uncertain: the questions that were asked, and the seed that was trained
with. The interval over questions draws questions and keeps the seeds; the spread is the standard
deviation over seeds. A difference draws both, questions in pairs and the seeds of each side.
"""

from collections.abc import Sequence
from typing import Any

from collectivesft.scores.measure.bootstrap import DIGITS, RESAMPLES, SEED, Group, estimate

# Most numbers that are drawn at once: memory does not grow with the questions.
_AT_ONCE = 1 << 22


def summarise_seeds(groups: Sequence[Group], runs: Any) -> dict[str, Any]:
    """Return the mean macro and micro accuracy over seeds.

    Args:
        groups: (category, sub-category) of each question.
        runs: bool of shape (seeds, questions), right or wrong.

    Returns:
        ``macro`` and ``micro``: value (mean over seeds), low and high (95 % over questions),
        ``seeds`` (value of each) and ``spread`` (standard deviation over seeds, None of one).

    Raises:
        ValueError: no questions or no seeds.
    """
    found, _ = _drawn(groups, runs, runs)
    return {name: _with_spread(shares) for name, shares in found.items()}


def difference_over_seeds(groups: Sequence[Group], first: Any, second: Any) -> dict[str, Any]:
    """Return second minus first, ``macro`` and ``micro``: value, low and high.

    The 95 % interval is over questions and over the seeds of both sides.

    Args:
        groups: (category, sub-category) of each question.
        first, second: bool of shape (seeds, questions); the numbers of seeds may differ.
    """
    import numpy as np

    one, two = _drawn(groups, first, second)
    random = np.random.Generator(np.random.PCG64([SEED, 1]))
    result = {}
    weights = [_seed_weights(random, len(side)) for side in (first, second)]
    for name in one:
        means = [
            np.concatenate([side[name][:, :1].mean(0), (side[name][:, 1:] * weight).sum(0)])
            for side, weight in zip((one, two), weights, strict=True)
        ]
        change = means[1] - means[0]
        result[name] = estimate(change[0], change[1:])
    return result


def _seed_weights(random: Any, seeds: int) -> Any:
    """Return how often each seed is drawn, as shares of shape (seeds, resamples)."""
    return random.multinomial(seeds, [1 / seeds] * seeds, RESAMPLES).T / seeds


def _drawn(groups: Sequence[Group], *sides: Any) -> list[dict[str, Any]]:
    """Return macro and micro of each side, (seeds, 1 + resamples); the first column is observed.

    Questions are drawn with replacement within each sub-category, the same ones for all sides.
    """
    import numpy as np

    rights = [np.asarray(side, dtype=np.float64) for side in sides]
    if not len(groups) or any(right.ndim != 2 or not len(right) for right in rights):
        raise ValueError("no questions or no seeds")
    random = np.random.Generator(np.random.PCG64(SEED))
    names = sorted(set(groups))
    rows: dict[Group, list[int]] = {name: [] for name in names}
    for number, group in enumerate(groups):
        rows[group].append(number)
    shares: list[list[Any]] = [[] for _ in rights]
    for name in names:
        own = np.array(rows[name])
        parts: list[list[Any]] = [[right[:, own].mean(axis=1)[:, None]] for right in rights]
        step = max(1, _AT_ONCE // len(own))
        for start in range(0, RESAMPLES, step):
            chosen = own[random.integers(len(own), size=(min(step, RESAMPLES - start), len(own)))]
            for part, right in zip(parts, rights, strict=True):
                part.append(np.stack([run[chosen].mean(axis=1) for run in right]))
        for share, part in zip(shares, parts, strict=True):
            share.append(np.concatenate(part, axis=1))
    items = np.array([len(rows[name]) for name in names])
    categories = sorted({category for category, _ in names})
    found = []
    for share in shares:
        table = np.stack(share)  # (sub-categories, seeds, 1 + resamples)
        means = [table[[n[0] == category for n in names]].mean(axis=0) for category in categories]
        micro = np.tensordot(items / items.sum(), table, axes=1)
        found.append({"macro": np.mean(means, axis=0), "micro": micro})
    return found


def _with_spread(shares: Any) -> dict[str, Any]:
    means = shares.mean(axis=0)
    seeds = [round(float(value), DIGITS) for value in shares[:, 0]]
    spread = round(float(shares[:, 0].std(ddof=1)), DIGITS) if len(seeds) > 1 else None
    return estimate(means[0], means[1:]) | {"seeds": seeds, "spread": spread}
