"""Measure by vectors of texts how new each is beside all others (NovelSum)."""

import numpy as np

from collectivesft.curated.mixture.vendi import unit_rows

# Of NovelSum's published settings, those that its authors recommend.
NEIGHBOURS, DENSITY_POWER, PROXIMITY_POWER = 10, 0.5, 1.0
# Decimals of a distance: vectors of equal texts differ by rounding only.
_DECIMALS = 9


def novelsum(
    vectors: np.ndarray,
    reference: np.ndarray,
    neighbours: int = NEIGHBOURS,
    density_power: float = DENSITY_POWER,
    proximity_power: float = PROXIMITY_POWER,
) -> float:
    """Return NovelSum: the mean over texts of how new each is beside all others.

    The novelty of text i is the sum over all other texts j of

        rank_i(j) ** -proximity_power * density(j) ** density_power * distance(i, j)

    with the cosine distance, the rank of j by its distance from i (1: the nearest), and
    density(j) = 1 / the mean distance of j from its nearest neighbours in the reference. Near texts
    count most, and a distance counts for more where texts are dense.

    Source: Yang et al., ACL 2025, arXiv 2502.17184, section 3, "proximity-weighted sum" and
    "density-aware distance"; powers and neighbours as their repository recommends
    (UmeanNever/NovelSum at b594962, README.md). The paper adds up weights and texts. Here, as in
    their novelsum.py, both are means: a constant factor at one number of texts. That file counts a
    text as its own nearest neighbour and takes density(i). This function follows the paper, which
    does neither.

    Args:
        vectors: (texts, width), at least two.
        reference: (texts, width), where density is measured. A text there that is the same as j
            is no neighbour of j, and equal texts are one, as in their utils.py.
    """
    rows, around = unit_rows(vectors), unit_rows(reference)
    density = _density(rows, around, neighbours) ** density_power
    distances = _distances(rows, rows)
    weights = np.arange(1, len(rows), dtype=float) ** -proximity_power
    novelties = []
    for i, distance in enumerate(distances):
        apart, aware = np.delete(distance, i), np.delete(distance * density, i)
        # Among equally near texts the order of the rows must not decide.
        novelties.append(np.average(aware[np.lexsort((aware, apart))], weights=weights))
    return float(np.mean(np.sort(novelties)))


def _density(rows: np.ndarray, reference: np.ndarray, neighbours: int) -> np.ndarray:
    """Return 1 / the mean distance to the nearest neighbours; 0 where there is no neighbour."""
    same = _distances(reference, reference) == 0
    reference = reference[np.unique(same.argmax(axis=1))]
    distances = _distances(rows, reference)
    distances[distances == 0] = np.inf
    near = np.sort(distances, axis=1)[:, :neighbours]
    found = np.isfinite(near)
    sums, counts = np.where(found, near, 0).sum(axis=1), found.sum(axis=1)
    return np.divide(counts, sums, out=np.zeros(len(rows)), where=counts > 0)


def _distances(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return cosine distances, (rows, columns), 0 for the same direction."""
    return np.round(1 - rows @ columns.T, _DECIMALS).clip(0, None)
