"""Rows with something wrong at any depth, for the tests of all parsers."""

import copy

from hypothesis import strategies as st

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 30) | st.text(max_size=8) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@st.composite
def damaged(draw, rows: list):
    """One of the rows with one value, at any depth, replaced or removed."""
    row = copy.deepcopy(draw(st.sampled_from(rows)))
    here = row
    while isinstance(here, (dict, list)) and here:
        keys = sorted(here) if isinstance(here, dict) else range(len(here))
        key = draw(st.sampled_from(list(keys)))
        action = draw(st.sampled_from(["descend", "replace", "remove"]))
        if action == "descend" and isinstance(here[key], (dict, list)):
            here = here[key]
            continue
        if action == "remove":
            del here[key]
        else:
            here[key] = draw(VALUES)
        return row
    return draw(VALUES)
