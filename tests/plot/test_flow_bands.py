"""Blocks keep their heights, never overlap, and leave each label its room."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.plot.flow_bands import crossing_order, scale, stacked

HEIGHTS = st.lists(st.floats(0.0, 1e3), min_size=1, max_size=20).map(np.array)


@given(HEIGHTS, HEIGHTS)
def test_labels_and_blocks_keep_apart(left, right):
    pitch, room = 12.0, 300.0
    unit = 1.0 / scale([left, right], pitch, room)
    for heights in (left, right):
        stack = stacked(heights, pitch, room, unit)
        bottoms = stack.tops + stack.heights
        assert (stack.heights == heights).all()
        assert (np.diff(stack.middles) >= pitch * unit * (1 - 1e-9)).all()
        assert (stack.tops[1:] >= bottoms[:-1] * (1 - 1e-9)).all()
        assert stack.tops[0] >= 0 and bottoms[-1] <= room * unit * (1 + 1e-9)


def test_the_fullest_column_takes_all_the_room():
    heights = np.array([5.0, 3.0])
    points = scale([heights], 12.0, 100.0)
    assert float((heights * points + 3.0).sum()) == pytest.approx(100.0)


def test_columns_stand_where_their_flow_comes_from():
    flow = np.array([[0.0, 0.0, 5.0], [0.0, 2.0, 0.0], [1.0, 0.0, 0.0]])
    assert crossing_order(flow).tolist() == [2, 1, 0]
