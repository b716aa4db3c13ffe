"""Count the different ones among vectors of texts (Vendi score)."""

import numpy as np


def vendi_score(vectors: np.ndarray) -> float:
    """Return the effective number of different vectors (Vendi score).

    ``exp(-sum(l * log(l)))`` over the eigenvalues l of K / n, where K has the cosine of each two of
    the n vectors: 1 where all are the same, n where all are orthogonal.

    Source: Friedman and Dieng, TMLR 2023, arXiv 2210.02410, with a cosine kernel.

    Args:
        vectors: (texts, width), at least one, none of them zero.
    """
    rows = unit_rows(vectors)
    values = np.clip(np.linalg.eigvalsh(rows @ rows.T / len(rows)), 0, None)
    shares = values[values > 1e-12]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Return the vectors, each divided by its length, so that a product of two is their cosine."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
