"""Long examples lose the tokens that the recipe says, turn by turn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectivesft.sft.batches.truncate import truncate


def kept(mask: str, cutoff: int, truncation: str) -> str:
    """Tokens that are kept, as their places in ``mask``: q question, a answer."""
    found = truncate(np.array([letter == "a" for letter in mask], np.uint8), cutoff, truncation)
    return "".join(letter if keep else "." for letter, keep in zip(mask, found, strict=True))


@pytest.mark.parametrize(
    ("mask", "cutoff", "wanted"),
    [
        ("qqqqqqqqaa", 6, "qqqq....aa"),  # a short answer stays whole
        ("qqaaaaaaaa", 6, "qqaaaa...."),  # a short question stays whole
        ("qqqqqqaaaaaa", 6, "qqq...aaa..."),  # both in proportion
        ("qqqqaa", 6, "qqqqaa"),
        ("qqaaqqqqqqaa", 9, "qqaaqqq...aa"),  # the first turn takes what it needs
        ("qqaaaaqqaa", 5, "qqaaa....."),  # nothing is left for the second
        ("qqaaq", 4, "qqaa."),
    ],
)
def test_the_question_is_cut_first(mask, cutoff, wanted):
    assert kept(mask, cutoff, "question_first") == wanted


def test_the_end_is_cut():
    assert kept("qqqqqqqqaa", 6, "end") == "qqqqqq...."


@given(st.lists(st.integers(0, 1), min_size=1, max_size=60), st.integers(1, 60))
def test_no_more_than_the_cutoff_stay_and_short_examples_stay_whole(mask, cutoff):
    for truncation in ("end", "question_first"):
        found = truncate(np.array(mask, np.uint8), cutoff, truncation)
        assert found.sum() <= cutoff
        if len(mask) <= cutoff:
            assert found.all()
