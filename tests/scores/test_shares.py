"""Small-sample intervals, and floors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectivesft.scores.measure.shares import apart, floors, paired_gain, wilson


@pytest.mark.parametrize(
    ("right", "items", "low", "high"),
    [(0, 10, 0.0, 0.277533), (10, 10, 0.722467, 1.0), (5, 10, 0.236593, 0.763407)],
)
def test_wilson_by_hand(right, items, low, high):
    found = wilson(right, items)
    assert found == {"value": right / items, "low": low, "high": high}


@given(st.integers(1, 500), st.data())
def test_wilson_holds_its_share_and_has_width(items, data):
    right = data.draw(st.integers(0, items))
    found = wilson(right, items)
    assert 0 <= found["low"] <= found["value"] <= found["high"] <= 1
    assert found["low"] < found["high"]


def test_floors_are_means_of_means():
    """Category x: A of 2 right always, B in one of its sub-categories; y: B only."""
    rows = [
        {"category": category, "subcategory": sub, "answer": answer}
        for category, sub, answers in [("x", "1", "AAB"), ("x", "2", "B"), ("y", "3", "BC")]
        for answer in answers
    ]
    found = floors(rows)
    assert found == {
        "letter": "B",
        "one_letter": pytest.approx((2 / 3 + 1 / 2) / 2, abs=1e-6),
        "best_letters": pytest.approx(((2 / 3 + 1) / 2 + 1 / 2) / 2, abs=1e-6),
    }


@pytest.mark.parametrize(
    ("cells", "low", "high"),
    [
        ((36, 12, 2, 0), 0.0569, 0.3404),
        ((18, 12, 2, 18), 0.0562, 0.3290),
        ((53, 0, 0, 1), -0.0729, 0.0729),
        ((0, 30, 0, 0), 0.8395, 1.0),
    ],
)
def test_the_gain_of_pairs_is_newcombes(cells, low, high):
    """Newcombe's examples of method 10 (Statistics in Medicine 17, 1998, 2635-2650)."""
    found = paired_gain(*cells)
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=1e-4)
    swapped = (cells[0], cells[2], cells[1], cells[3])
    turned = paired_gain(*swapped)
    assert (turned["low"], turned["high"]) == (-found["high"], -found["low"])


def test_a_gain_of_pairs_that_disagree_more_than_chance_is_wider():
    """By hand: shares of 10 of 20, phi = (2 * 2 - 8 * 8) / 100; (1 + 1 + 2 * 0.6) = 3.2.

    Wilson's half of 10 of 20 is z / (2 * root(20 + z * z)) = 0.200702.
    """
    found = paired_gain(2, 8, 8, 2)
    assert found == {"value": 0.0, "low": -0.359027, "high": 0.359027}


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((294, 36, 59, 57), (209, 19, 32, 50), -0.0721, 0.0529),
        ((2, 12, 3, 17), (4, 1, 2, 25), 0.0430, 0.5269),
        ((11, 6, 1, 3), (9, 4, 5, 1), -0.0973, 0.6475),
    ],
)
def test_the_difference_of_two_gains_is_newcombes(first, second, low, high):
    """Newcombe's examples (Statistics in Medicine 20, 2001, 2885-2893)."""
    found = apart(paired_gain(*first), paired_gain(*second))
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize("cells", [(0, 1, 0, 0), (0, 3, 0, 0), (3, 0, 0, 0), (0, 0, 0, 20)])
def test_a_gain_without_spread_has_a_width(cells):
    found = paired_gain(*cells)
    assert found["high"] - found["low"] > (0.7 if sum(cells) <= 3 else 0.3)


def test_a_gain_of_no_items_is_an_error():
    with pytest.raises(ValueError, match="0 right of 0 items"):
        paired_gain(0, 0, 0, 0)
