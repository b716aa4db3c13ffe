"""Choose the examples of a mixture: of each dataset and style those with the smallest draws.

A draw is a number in [0, 1) that depends only on an example's id and the seed, not on the row's
place, the batch or the other examples. One pass over ids, datasets and styles collects the draws
(8 bytes an example); each key of the recipe then lowers the limit below which an example is in.
"""

import itertools
import math
from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import xxhash

from collectivesft.config.mixture import Mixture
from collectivesft.curated.storage.parquet import read_batches

Stratum = tuple[str, str]  # dataset and style


def sample_key(id: str, seed: int, purpose: str) -> float:
    """Return a number in [0, 1) that depends only on the id, the seed and the purpose."""
    digest = xxhash.xxh3_64_intdigest(f"{seed}:{purpose}:{id}".encode())
    return (digest >> 11) / 2**53  # as many bits as a float holds: never rounded up to 1


@dataclass(frozen=True)
class Quota:
    """The choice of a mixture.

    Attributes:
        present: datasets in the file of examples, taken or not, in its order.
        limits: for each dataset and style that is taken the largest draw that is in; -1 for none.
        too_small: datasets that ``choose`` passes over, which cannot give their part of the budget.
        within: for each dataset that a budget of tokens cuts the largest draw that is in it.
        tokens: training tokens within that budget; None without one.
    """

    present: tuple[str, ...]
    limits: dict[Stratum, float]
    too_small: tuple[str, ...] = ()
    within: dict[str, float] = field(default_factory=dict)
    tokens: int | None = None

    def reason(self, dataset: str, style: str, number: float) -> str | None:
        """Return why an example with that draw is not in the mixture, or None if it is."""
        limit = self.limits.get((dataset, style))
        if limit is None:
            return "not_in_mixture"
        if number > limit:
            return "not_sampled"
        return "over_token_budget" if number > self.within.get(dataset, 1.0) else None


def _facts(examples: Path) -> Iterator[tuple[str, str, str]]:
    """Id, dataset and style of every row."""
    names = ["id", "dataset", "style"]
    for batch in read_batches(examples, columns=names):
        yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)


def quota(examples: Path, mixture: Mixture) -> Quota:
    """Choose a mixture from a file of examples.

    Raises:
        ValueError: a style that has a share has no examples, or there are too few datasets or
            examples for the mixture.
    """
    present: dict[str, None] = {}
    taken, drawn = set(mixture.taken_styles()), defaultdict(lambda: array("d"))
    if isinstance(mixture.style_shares, dict):
        taken &= set(mixture.style_shares)
    for id, dataset, style in _facts(examples):
        present.setdefault(dataset)
        if style in taken and (mixture.datasets == "all" or dataset in mixture.datasets):
            drawn[dataset, style].append(sample_key(id, mixture.seed, "sample"))
    cells = {cell: np.sort(np.frombuffer(found)) for cell, found in drawn.items()}
    too_small = _too_small(cells, mixture)
    names = _chosen(sorted({name for name, _ in cells} - set(too_small)), mixture)
    cells = {cell: found for cell, found in cells.items() if cell[0] in names}
    limits = {cell: float(kept[-1]) if len(kept) else -1.0 for cell, kept in _keep(cells, mixture)}
    return Quota(tuple(present), limits, too_small)


def cut_tokens(examples: Path, mixture: Mixture, chosen: Quota, lengths: Iterator[int]) -> Quota:
    """Cut a mixture at its budget of training tokens.

    Of each dataset, or of all rows together, the examples with the smallest draws stay, up to the
    first that would go over its part of the budget. Held-out examples are cut with the others and
    count nothing.

    Args:
        chosen: the mixture without the budget.
        lengths: training tokens of every row of ``examples``, in their order.

    Raises:
        ValueError: fewer tokens than the budget, or lengths of a different number of rows.
    """
    assert mixture.tokens is not None
    drawn: dict[str, array] = defaultdict(lambda: array("d"))
    sizes: dict[str, array] = defaultdict(lambda: array("q"))
    for (id, dataset, style), length in zip(_facts(examples), lengths, strict=True):
        number = sample_key(id, mixture.seed, "sample")
        if chosen.reason(dataset, style, number):
            continue
        group = dataset if mixture.examples_by == "datasets" else ""
        held_out = sample_key(id, mixture.seed, "validation") < mixture.validation
        drawn[group].append(number)
        sizes[group].append(0 if held_out else length)
    totals = {group: sum(own) for group, own in sizes.items()}
    if sum(totals.values()) < mixture.tokens:
        raise ValueError(f"tokens: {mixture.tokens}, but there are {sum(totals.values())}")
    shares = even_shares(totals, mixture.tokens)
    within, taken = {}, 0
    for group, share in shares.items():
        draws, counts = np.frombuffer(drawn[group]), np.frombuffer(sizes[group], np.int64)
        order = np.argsort(draws, kind="stable")
        sums = np.cumsum(counts[order])
        fitting = int(np.searchsorted(sums, share, side="right"))
        within[group] = float(draws[order[fitting - 1]]) if fitting else -1.0
        taken += int(sums[fitting - 1]) if fitting else 0
    if "" in within:
        within = dict.fromkeys({name for name, _ in chosen.limits}, within[""])
    return replace(chosen, within=within, tokens=taken)


def _keep(
    cells: dict[Stratum, np.ndarray], mixture: Mixture
) -> Iterator[tuple[Stratum, np.ndarray]]:
    """Each cell with the draws that stay, after all keys of the recipe."""
    cells = {cell: found[found < mixture.fraction] for cell, found in cells.items()}
    sizes = {name: len(found) for name, found in _by_dataset(cells).items()}
    most = {name: min(size, mixture.caps(name) or size) for name, size in sizes.items()}
    cells = _first(cells, apply_temperature(most, mixture.temperature))
    if mixture.style_shares is not None:
        cells = _styled(cells, mixture.style_shares)
    if mixture.examples is not None:
        cells = _budget(cells, mixture.examples, mixture.examples_by)
    return iter(cells.items())


def _part(mixture: Mixture) -> int:
    """Return the examples that each chosen dataset has to give, at least 1."""
    if mixture.choose is None or mixture.examples is None:
        return 1
    return -(-mixture.examples // mixture.choose)


def _too_small(cells: dict[Stratum, np.ndarray], mixture: Mixture) -> tuple[str, ...]:
    """Return the datasets with fewer examples than a chosen one has to give.

    Without this a draw of small datasets would end the run after other mixtures were trained on.
    """
    if mixture.choose is None:
        return ()
    left = {cell: found[found < mixture.fraction] for cell, found in cells.items()}
    sizes = {name: len(found) for name, found in _by_dataset(left).items()}
    part = _part(mixture)
    return tuple(
        name for name in sorted(sizes) if min(sizes[name], mixture.caps(name) or part) < part
    )


def _chosen(names: list[str], mixture: Mixture) -> frozenset[str]:
    """Return the datasets of a draw: those with the smallest numbers by its own seed.

    A set of datasets that an earlier draw has is passed over, so that two draws always differ.
    """
    if mixture.choose is None:
        return frozenset(names)
    enough = "examples" if _part(mixture) == 1 else f"at least {_part(mixture)} examples"
    among = f"choose: {mixture.choose} of {len(names)} datasets with {enough}"
    if mixture.choose > len(names):
        raise ValueError(among)
    ways = math.comb(len(names), mixture.choose)
    if ways < mixture.draw:
        raise ValueError(f"{among}: no choice is left for draw {mixture.draw}, of {ways}")
    different: dict[frozenset[str], None] = {}
    attempts = itertools.count(1)
    while len(different) < mixture.draw:
        # The number of datasets is in the purpose: else a draw of 4 would contain that of 2.
        purpose = f"datasets {mixture.choose} {next(attempts)}"
        order = sorted(names, key=lambda name: sample_key(name, mixture.seed, purpose))
        different[frozenset(order[: mixture.choose])] = None
    return list(different)[-1]


def _budget(cells: dict[Stratum, np.ndarray], examples: int, by: str) -> dict[Stratum, np.ndarray]:
    """Return cells that together hold exactly so many examples."""
    sizes = {name: len(found) for name, found in _by_dataset(cells).items()}
    if sum(sizes.values()) < examples:
        raise ValueError(f"examples: {examples}, but there are {sum(sizes.values())}")
    if by == "datasets":
        return _first(cells, even_shares(sizes, examples))
    every = np.sort(np.concatenate(list(cells.values())))
    return {cell: draws[draws <= every[examples - 1]] for cell, draws in cells.items()}


def even_shares(sizes: dict[str, int], examples: int) -> dict[str, int]:
    """Return sizes that add up to ``examples``: all of a small dataset, as many of each other.

    A remainder goes to the smallest datasets that have it, one each; of datasets of
    one size to the first names.
    """
    left, shares = examples, {}
    order = sorted(sizes, key=lambda name: (sizes[name], name))
    for place, name in enumerate(order):
        others = len(order) - place
        shares[name] = min(sizes[name], -(-left // others))
        left -= shares[name]
    return shares


def _by_dataset(cells: dict[Stratum, np.ndarray]) -> dict[str, np.ndarray]:
    """Sorted draws of each dataset, over its styles."""
    found: dict[str, list[np.ndarray]] = defaultdict(list)
    for (name, _), draws in cells.items():
        found[name].append(draws)
    return {name: np.sort(np.concatenate(parts)) for name, parts in found.items()}


def _first(cells: dict[Stratum, np.ndarray], most: dict[str, int]) -> dict[Stratum, np.ndarray]:
    """Of each dataset the given number of smallest draws."""
    limits = {
        name: draws[most[name] - 1] if most[name] else -1.0
        for name, draws in _by_dataset(cells).items()
    }
    return {cell: draws[draws <= limits[cell[0]]] for cell, draws in cells.items()}


def apply_temperature(sizes: dict[str, int], temperature: float) -> dict[str, int]:
    """Sizes in proportion to n^(1/T), as large as the sizes given allow.

    The smallest dataset bounds the scale: n^(1/T) grows slower than n.
    """
    smallest = min((size for size in sizes.values() if size), default=0)
    scale = smallest ** (1 - 1 / temperature)
    # Rounded to the nearest, so that T = 1 gives the sizes themselves.
    return {
        name: min(size, round(size ** (1 / temperature) * scale)) for name, size in sizes.items()
    }


def _styled(
    cells: dict[Stratum, np.ndarray], shares: dict[str, float] | str
) -> dict[Stratum, np.ndarray]:
    sizes = {cell: len(draws) for cell, draws in cells.items()}
    wanted = {style: 1.0 for _, style in cells} if shares == "even" else dict(shares)
    most = apply_style_shares(sizes, wanted)
    return {cell: draws[: most[cell]] for cell, draws in cells.items()}


def apply_style_shares(sizes: dict[Stratum, int], shares: dict[str, float]) -> dict[Stratum, int]:
    """Sizes of cells such that styles have the given shares, as large as the sizes allow.

    Raises:
        ValueError: a style without examples.
    """
    totals = {style: sum(n for (_, s), n in sizes.items() if s == style) for style in shares}
    if empty := [style for style, total in totals.items() if not total]:
        raise ValueError(f"no examples of style {empty[0]}")
    scale = min(totals[style] / share for style, share in shares.items())
    most: dict[Stratum, int] = {}
    for style, share in shares.items():
        target = min(totals[style], round(scale * share))
        own = sorted(cell for cell in sizes if cell[1] == style)
        # Cumulated targets rounded: the parts differ from their share by less than one example
        # and add up to the style's target.
        ends = np.cumsum([sizes[cell] for cell in own])
        cuts = [0, *(int(end) * target // totals[style] for end in ends)]
        most |= {cell: cuts[i + 1] - cuts[i] for i, cell in enumerate(own)}
    return most
