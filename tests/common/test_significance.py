"""P values of many tests, and the gain that a test can find."""

import pytest

from collectivesft.common.significance import holm, power_words, smallest_gain


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


def test_a_plan_names_the_smallest_gain_of_its_questions():
    assert power_words(11_200).startswith(
        "11,200 questions: a paired test finds a gain of 1.2 points with 80 % power"
    )
    assert "a gain of 11.7 points" in power_words(112)
