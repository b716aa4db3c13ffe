"""Averages as the leaderboard forms them, and bootstrap intervals."""

import math

import pytest

from collectivesft.scores.measure.bootstrap import summarise
from collectivesft.scores.measure.shares import wilson


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
    assert summary.subcategories["a", "y"] == {"items": 3, **wilson(3, 3)}


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


def test_items_that_share_a_stem_are_drawn_together():
    """200 items in pairs that are both right or both wrong tell as much as 100 items."""
    groups, correct = judged(a_x=(100, 100), b_y=(300, 300))
    stems = [f"case {n // 2}" if n < 200 else f"item {n}" for n in range(800)]
    apart, together = summarise(groups, correct), summarise(groups, correct, stems)

    def width(part: dict) -> float:
        return part["high"] - part["low"]

    of = ("a", "x")
    ratio = width(together.subcategories[of]) / width(apart.subcategories[of])
    assert ratio == pytest.approx(2**0.5, rel=0.12)
    assert together.subcategories["b", "y"] == apart.subcategories["b", "y"]
    assert together.macro["value"] == apart.macro["value"]
    assert width(together.macro) > width(apart.macro)
    unique = [str(n) for n in range(800)]
    assert summarise(groups, correct, unique) == apart
    turned = summarise(groups[::-1], correct[::-1], stems[::-1])
    assert turned == together


def test_order_of_items_does_not_matter():
    groups, correct = judged(a_x=(3, 2), b_y=(1, 4))
    assert summarise(groups[::-1], correct[::-1]) == summarise(groups, correct)


def test_all_right_or_wrong_has_wilsons_width_and_no_items_is_an_error():
    assert summarise(*judged(a_x=(1, 0))).macro == wilson(1, 1)
    wrong = summarise(*judged(a_x=(0, 50), b_y=(0, 50)))
    assert wrong.macro == wrong.micro == wilson(0, 100)
    assert wrong.categories["a"] == {"items": 50, **wilson(0, 50)}
    with pytest.raises(ValueError, match="no items"):
        summarise([], [])
