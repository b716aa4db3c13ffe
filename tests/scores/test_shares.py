"""Small-sample intervals, many tests, power, and floors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectivesft.scores.measure.shares import floors, holm, pass_at_k, smallest_gain, wilson


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


def test_holm_by_hand():
    """0.01 x 4; 0.02 x 3; 0.03 x 2 is not below the one before; 0.04 neither."""
    p = {"a": 0.04, "b": 0.01, "c": 0.03, "d": 0.02}
    found = holm(p)
    assert list(found) == list(p)
    assert found == pytest.approx({"a": 0.06, "b": 0.04, "c": 0.06, "d": 0.06})
    assert holm({"one": 0.7, "two": 0.9}) == {"one": 1.0, "two": 1.0}


def test_the_smallest_gain_on_all_of_cmb_is_about_a_point():
    assert smallest_gain(11_200, 0.2) == pytest.approx(0.0118, abs=2e-4)
    assert smallest_gain(100, 0.2) > 0.1
    with pytest.raises(ValueError, match="0 items"):
        smallest_gain(0)


def test_pass_at_k():
    assert pass_at_k(0, 5, 3) == 0
    assert pass_at_k(1, 2, 1) == 0.5
    assert pass_at_k(1, 4, 2) == pytest.approx(0.5)
    assert pass_at_k(3, 4, 2) == 1
    with pytest.raises(ValueError, match="k 3"):
        pass_at_k(1, 2, 3)


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
