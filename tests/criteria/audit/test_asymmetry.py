"""Shares beyond their sums."""

import numpy as np
import pytest

from taylorattr.criteria.audit.asymmetry import asymmetry, pair_asymmetry, unlike
from taylorattr.criteria.audit.coalitions import full_masks
from taylorattr.criteria.audit.score_tables import effects

PRESENT = full_masks(2)


def pair(first, second):
    """An effect of 1 of two players, shared as told."""
    J, A = np.array([0.0, 0.0, 0.0, 1.0]), np.zeros((2, 4))
    A[:, 3] = first, second
    return J, A


@pytest.mark.parametrize(
    ("shares", "expected"), [((0.5, 0.5), 0), ((1, 0), 1), ((0, 1), 1), ((2, -1), 3), ((0.6, 0.4), 0.2)]
)
def test_pair_asymmetry(shares, expected):
    assert pair_asymmetry(*pair(*shares), PRESENT) == pytest.approx(expected)


def test_effects_given_to_one_member_are_named():
    J, A = pair(1.0, 0.0)
    v, a = J.cumsum(), np.zeros((2, 4))
    found = asymmetry(J, A, v, a + 1, PRESENT, ("left", "right"))
    assert found.wholly == 1
    assert found.pairs == ("left gets the effect of {left, right}, right nothing",)
    assert asymmetry(*pair(0.5, 0.5), v, a + 1, PRESENT, ("left", "right")).wholly == 0


def test_players_the_game_cannot_tell_apart():
    v = np.array([0.0, 1.0, 1.0, 3.0])
    a = np.array([[0.0, 1.0, 0.0, 2.0], [0.0, 0.0, 1.0, 1.0]])
    assert unlike(v, a, PRESENT) == pytest.approx(0.5)  # 2 and 1 at {0, 1}, the largest is 2
    assert unlike(np.array([0.0, 1.0, 2.0, 3.0]), a, PRESENT) is None
    assert unlike(v[:3], a[:, :3], PRESENT[:3]) is None


def test_shapley_shares_are_equal():
    n = 4
    v = np.random.default_rng(0).normal(size=1 << n)
    J = effects(v, n, None)
    sizes = np.maximum(full_masks(n).sum(1), 1)
    A = np.where(full_masks(n).T, J / sizes, 0.0)
    assert pair_asymmetry(J, A, full_masks(n)) == pytest.approx(0, abs=1e-15)
