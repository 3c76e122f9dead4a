"""A bound larger than all scores together is true and explains nothing; the page says so."""

import pytest
import torch

import taylorattr as ta
from taylorattr.toys import mlp


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("scale", "wide"), [(0.2, False), (40.0, True)])
def test_a_diverging_series_is_not_called_explained(scale, wide):
    model = mlp((3, 8, 1), "tanh", seed=0).double()
    x = scale * torch.tensor([[1.0, -0.7, 0.4]], dtype=torch.float64)
    found = ta.reformulate("integrated_gradients", model, x, order=3)
    assert bool(found.explained.all())
    assert bool(found.wide.any()) is wide
    assert ("explains nothing" in found.summary()) is wide
