"""Shares of a maximum against the game itself: Σ_{S∋i} J(S)/|S|."""

import pytest
import torch

import taylorattr as ta
from taylorattr.allocation.layerwise.maximum_game import equal_shares


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_shares_are_those_of_the_coalition_effects(k):
    generator = torch.Generator().manual_seed(k)
    x, b = (torch.randn(5, k, generator=generator, dtype=torch.float64) for _ in range(2))
    effects = ta.harsanyi(lambda t: t.amax(1), x, b)
    expected = ta.allocate("deep_shap", effects).player_scores
    torch.testing.assert_close(equal_shares(x, b) * (x - b), expected)


def test_integers_with_ties():
    """Equal candidates and unchanged ones."""
    x = torch.tensor([[1.0, 1.0, 2.0, 0.0], [3.0, 3.0, 3.0, 3.0]], dtype=torch.float64)
    b = torch.tensor([[2.0, 1.0, 0.0, 0.0], [0.0, 3.0, 1.0, 0.0]], dtype=torch.float64)
    expected = ta.allocate("deep_shap", ta.harsanyi(lambda t: t.amax(1), x, b)).player_scores
    torch.testing.assert_close(equal_shares(x, b) * (x - b), expected)


def test_a_candidate_that_is_not_there_gets_nothing():
    x = torch.tensor([[2.0, -torch.inf]], dtype=torch.float64)
    b = torch.tensor([[0.0, -torch.inf]], dtype=torch.float64)
    assert equal_shares(x, b).tolist() == [[1.0, 0.0]]
