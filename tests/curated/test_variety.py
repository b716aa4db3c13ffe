"""Vendi score and NovelSum of vectors: known values, and what must not change them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectivesft.curated.mixture.novelsum import novelsum
from collectivesft.curated.mixture.vendi import vendi_score

# East, north and west: a right angle to the neighbour, the opposite of the third.
THREE = np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])


def test_the_vendi_score_counts_different_vectors():
    assert vendi_score(np.ones((7, 3))) == pytest.approx(1)
    assert vendi_score(np.eye(5)) == pytest.approx(5)
    assert vendi_score(np.repeat(np.eye(3), 4, axis=0)) == pytest.approx(3)
    shares = (2 / 3, 1 / 3)  # east and west are one axis
    entropy = -sum(share * np.log(share) for share in shares)
    assert vendi_score(THREE) == pytest.approx(np.exp(entropy))


def test_novelsum_of_three_points_by_hand():
    # Each end: north at 1 with weight 1, the other end at 2 with weight 1/2. North: both at 1.
    ends, north = (1 * 1 + 2 / 2) / 1.5, 1.0
    assert novelsum(THREE, THREE, density_power=0) == pytest.approx((2 * ends + north) / 3)
    # Density: 1 / mean(1, 2) at the ends, 1 / mean(1, 1) in the north; its root counts.
    root = (2 / 3) ** 0.5
    ends, north = (1 * 1 + 2 * root / 2) / 1.5, root
    assert novelsum(THREE, THREE) == pytest.approx((2 * ends + north) / 3)
    # With one neighbour the density is 1 everywhere; without proximity all others count alike.
    flat = novelsum(THREE, THREE, neighbours=1, proximity_power=0)
    assert flat == pytest.approx((1.5 + 1 + 1.5) / 3)


def test_density_is_measured_in_the_reference():
    near = np.array([[1.0, 0.1], [0.1, 1.0], [-1.0, 0.1]])
    assert novelsum(THREE, near) > novelsum(THREE, THREE)
    assert novelsum(THREE, near, density_power=0) == novelsum(THREE, THREE, density_power=0)


def test_equal_texts_are_not_new_and_make_no_place_dense():
    assert novelsum(np.ones((20, 3)), np.ones((20, 3))) == 0
    copies = np.repeat(THREE, 15, axis=0)
    assert novelsum(THREE, copies) == pytest.approx(novelsum(THREE, THREE))
    assert novelsum(copies, THREE) < novelsum(THREE, THREE)


rows = st.lists(
    st.lists(st.integers(-4, 4), min_size=3, max_size=3).filter(any), min_size=2, max_size=8
)


@given(rows, st.randoms(use_true_random=False))
def test_order_and_length_of_vectors_change_nothing(rows, random):
    shuffled = random.sample(rows, len(rows))
    vectors, other = np.array(rows, dtype=float), 2.5 * np.array(shuffled, dtype=float)
    score = vendi_score(vectors)
    assert 1 - 1e-9 <= score <= len(rows) + 1e-9
    assert vendi_score(other) == pytest.approx(score)
    novelty = novelsum(vectors, vectors)
    assert novelty >= 0
    assert novelsum(other, other) == pytest.approx(novelty, abs=1e-7)


@given(rows)
def test_a_copy_of_a_vector_adds_no_kind(rows):
    vectors = np.array(rows, dtype=float)
    assert vendi_score(np.repeat(vectors, 3, axis=0)) == pytest.approx(vendi_score(vectors))
