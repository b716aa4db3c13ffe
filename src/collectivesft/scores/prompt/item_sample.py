"""Choose the test items of a benchmark that are asked."""

import random
from collections.abc import Sequence

from collectivesft.schema.item import Item


def choose(items: Sequence[Item], limit: int | None, seed: int) -> list[Item]:
    """The test items, or ``limit`` of them spread evenly over the sub-categories, in file order.

    Each sub-category is shuffled with a separate seed and gives its first items, so a larger
    limit asks all that a smaller one asked, and more. Where the limit does not divide evenly, the
    sub-categories that come first in the file give one more; one with too few gives all it has
    and the rest make up for it.

    Args:
        items: all items, val included; those are left out.
        limit: how many, None for all.
        seed: of the shuffles.
    """
    tests = [item for item in items if item.split == "test"]
    if limit is None or limit >= len(tests):
        return tests
    groups: dict[tuple[str, str], list[int]] = {}
    for index, item in enumerate(tests):
        groups.setdefault((item.category, item.subcategory), []).append(index)
    quotas = _quotas([len(members) for members in groups.values()], limit)
    chosen: list[int] = []
    for (key, members), quota in zip(groups.items(), quotas, strict=True):
        random.Random(f"{seed}:{key[0]}:{key[1]}").shuffle(members)
        chosen += members[:quota]
    return [tests[index] for index in sorted(chosen)]


def _quotas(sizes: list[int], limit: int) -> list[int]:
    """Return the number that each group gives: as even as their sizes allow, ``limit`` in all."""
    quotas = [0] * len(sizes)
    left = limit
    while left:
        for index, size in enumerate(sizes):
            if left and quotas[index] < size:
                quotas[index] += 1
                left -= 1
    return quotas
