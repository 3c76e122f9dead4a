"""Chosen are the strongest, and the fewest of them that hold a share."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.graphs.selection import Selection

SIZES = st.lists(st.integers(0, 9), max_size=12).map(lambda v: np.array(v, dtype=float))


@given(SIZES, st.integers(0, 12), st.floats(0, 10))
def test_strongest_first_and_nothing_stronger_is_left_out(sizes, top, threshold):
    chosen = Selection(top=top, threshold=threshold).of(sizes, "edges")
    assert len(chosen) == min(top, ((sizes > 0) & (sizes >= threshold)).sum())
    assert (np.diff(sizes[chosen]) <= 0).all()
    others = np.delete(sizes, chosen)
    assert not len(chosen) or not len(others) or others.max() <= sizes[chosen].min()


@given(SIZES, st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_the_fewest_that_hold_a_share(sizes, share):
    chosen = Selection(min_share=share).of(sizes, "edges")
    assert sizes[chosen].sum() >= share * sizes.sum()
    assert not len(chosen) or sizes[chosen[:-1]].sum() < share * sizes.sum()
