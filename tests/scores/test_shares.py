"""Small-sample intervals, and floors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectivesft.scores.measure.shares import floors, wilson


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
