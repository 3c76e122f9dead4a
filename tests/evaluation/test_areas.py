"""Areas of curves against sums written out."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.errors import OptionError, ShapeError
from taylorattr.evaluation import aopc, auc, aup, relative_change

curves = st.lists(st.integers(-50, 50), min_size=2, max_size=9).map(lambda v: torch.tensor([v]).double())


@given(curves)
def test_they_are_their_sums(curve):
    c = [float(v) for v in curve[0]]
    points = len(c)
    assert float(aopc(curve)) == pytest.approx(sum(c[0] - v for v in c) / points)
    assert float(aup(curve)) == sum(abs(c[-1] - v) for v in c[1:])
    assert float(aup(curve, 2, average=True)) == pytest.approx(
        sum((c[-1] - v) ** 2 for v in c[1:]) / (points - 1)
    )
    assert float(auc(curve)) == pytest.approx(sum(a + b for a, b in pairwise(c)) / 2 / (points - 1))


def test_relative_change_is_in_per_cent_of_the_first():
    assert relative_change(torch.tensor([[0.5, 0.25, 0.75]])).tolist() == [[0, 50, 50]]


def test_wrong_arguments():
    with pytest.raises(ShapeError, match="at least 2 points"):
        aopc(torch.ones(3, 1))
    with pytest.raises(OptionError, match="squared errors"):
        aup(torch.ones(3, 2), 3)
