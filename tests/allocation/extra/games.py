"""Games v(T) as direct computations see them, and their effects as the package does."""

import itertools

import numpy as np
import torch

import taylorattr as ta
from tests.allocation.networks import relu_network


def relu_game(n, seed=0):
    """A ReLU network, an input, its effects, and v(T) as a function of a tuple of players."""
    network = relu_network(n, seed=seed)
    x = torch.randn(1, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    effects = ta.harsanyi(network, x)

    def value(present):
        masked = torch.zeros_like(x)
        masked[:, list(present)] = x[:, list(present)]
        with torch.no_grad():
            return float(network(masked))

    return effects, value


def subsets(players):
    players = tuple(players)
    return itertools.chain.from_iterable(itertools.combinations(players, s) for s in range(len(players) + 1))


def others(n, chosen):
    return [j for j in range(n) if j not in chosen]


def difference(value, chosen, present):
    """Δ_S v(T) = Σ_{L⊆S} (−1)^{|S|−|L|} v(T∪L)."""
    return sum((-1) ** (len(chosen) - len(part)) * value((*present, *part)) for part in subsets(chosen))


def close(found, expected):
    """Agree to 1e-10 of the largest score: 2ⁿ model outputs of size 1 are added up."""
    expected = np.asarray(expected, dtype=np.float64)
    scores, largest = found.player_scores[0].numpy(), np.abs(expected).max()
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-10 * largest)
