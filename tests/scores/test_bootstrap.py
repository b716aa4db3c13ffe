"""Averages as the leaderboard forms them, and bootstrap intervals."""

import math

import pytest

from collectivesft.scores.measure.bootstrap import summarise


def judged(**groups: tuple[int, int]) -> tuple[list[tuple[str, str]], list[bool]]:
    """Items by ``category_subcategory=(right, wrong)``."""
    names, correct = [], []
    for name, (right, wrong) in groups.items():
        category, subcategory = name.split("_")
        names += [(category, subcategory)] * (right + wrong)
        correct += [True] * right + [False] * wrong
    return names, correct


def test_category_is_the_mean_of_its_subcategories_and_macro_of_categories():
    summary = summarise(*judged(a_x=(1, 1), a_y=(3, 0), b_z=(1, 3)))
    assert summary.categories["a"]["value"] == 0.75
    assert summary.categories["a"]["items"] == 5
    assert summary.categories["b"]["value"] == 0.25
    assert summary.macro["value"] == 0.5
    assert summary.micro["value"] == round(5 / 9, 6)
    assert summary.subcategories["a", "y"] == {"items": 3, "value": 1.0, "low": 1.0, "high": 1.0}


def test_intervals_hold_the_value_and_are_the_same_each_time():
    groups = judged(a_x=(60, 40), a_y=(30, 70), b_z=(55, 45))
    summary = summarise(*groups)
    parts = (*summary.categories.values(), *summary.subcategories.values())
    for one in (summary.macro, summary.micro, *parts):
        assert one["low"] < one["value"] < one["high"]
    assert summarise(*groups) == summary


def test_interval_is_as_wide_as_the_binomial_says():
    summary = summarise(*judged(a_x=(500, 500)))
    wanted = 1.96 * math.sqrt(0.25 / 1000)
    assert summary.micro["high"] - 0.5 == pytest.approx(wanted, rel=0.15)
    assert 0.5 - summary.micro["low"] == pytest.approx(wanted, rel=0.15)


def test_order_of_items_does_not_matter():
    groups, correct = judged(a_x=(3, 2), b_y=(1, 4))
    assert summarise(groups[::-1], correct[::-1]) == summarise(groups, correct)


def test_all_right_has_no_width_and_no_items_is_an_error():
    assert summarise(*judged(a_x=(1, 0))).macro == {"value": 1.0, "low": 1.0, "high": 1.0}
    with pytest.raises(ValueError, match="no items"):
        summarise([], [])
