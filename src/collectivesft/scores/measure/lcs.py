"""The longest common subsequence of two sequences, which ROUGE-L counts."""

from collections.abc import Hashable, Sequence


def longest_common(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """Its length, a row of the usual table in one big integer.

    Bit-parallel after Hyyro 2004: zeros of ``row`` mark the steps of the usual table's row.
    """
    places: dict[Hashable, int] = {}
    for index, unit in enumerate(one):
        places[unit] = places.get(unit, 0) | 1 << index
    full = (1 << len(one)) - 1
    row = full
    for unit in other:
        match = row & places.get(unit, 0)
        row = ((row + match) | (row - match)) & full
    return len(one) - row.bit_count()
