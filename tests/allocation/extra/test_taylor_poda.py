import numpy as np
import pytest

import taylorattr as ta
from taylorattr.allocation.extra.taylor_poda import taylor_poda
from taylorattr.errors import OptionError, ShapeError
from tests.allocation.confirm import off_by_one_percent
from tests.allocation.extra.games import close, relu_game

N = 4
MEMBERS = np.arange(1 << N)[:, None] >> np.arange(N) & 1


def coefficients(seed=0):
    drawn = np.random.default_rng(seed).random((1 << N, N)) * MEMBERS
    drawn[1:] /= drawn[1:].sum(1, keepdims=True)
    return drawn


@pytest.fixture(scope="module")
def game():
    return relu_game(N)


def by_postulates(effects, value, xi):
    """Occlusion-1 minus Σ_{S∋i, s>1} (1 − ξ_{i,S}) J(S), with J(S) of the values."""
    everyone, scores = tuple(range(N)), []
    for i in range(N):
        score = value(everyone) - value(tuple(j for j in everyone if j != i))
        for mask in range(1, 1 << N):
            if mask >> i & 1 and MEMBERS[mask].sum() > 1:
                parts = [part for part in range(mask + 1) if part & mask == part]
                signs = [(-1) ** int(MEMBERS[mask].sum() - MEMBERS[part].sum()) for part in parts]
                outputs = [value(tuple(np.flatnonzero(MEMBERS[part]))) for part in parts]
                score -= (1 - xi[mask, i]) * np.dot(signs, outputs)
        scores.append(score)
    return scores


def test_any_shares_on_a_relu_network(game):
    effects, value = game
    xi = coefficients()
    found = ta.allocate("taylor_poda", effects, {"xi": xi})
    close(found, by_postulates(effects, value, xi))
    close(ta.allocate(taylor_poda(xi), effects), by_postulates(effects, value, xi))
    assert float(found.relative_gap) < 1e-12


def test_equal_shares_are_shapley(game):
    equal = MEMBERS / np.maximum(MEMBERS.sum(1, keepdims=True), 1)
    found = ta.allocate(taylor_poda(equal), game[0])
    close(found, ta.allocate("shapley", game[0]).player_scores[0])


def test_shares_that_do_not_add_up_are_refused(game):
    xi = coefficients()
    xi[6] *= 1.5
    with pytest.raises(OptionError, match="members of coalition number 6 have coefficients adding up to 1.5"):
        ta.allocate("taylor_poda", game[0], {"xi": xi})
    with pytest.raises(ShapeError, match=r"context 'xi' has shape \(8, 4\); expected shape \(16, 4\)"):
        ta.allocate("taylor_poda", game[0], {"xi": xi[:8]})


def test_a_wrong_entry_is_caught(game):
    effects, value = game
    xi = coefficients()
    with pytest.raises(AssertionError):
        wrong = off_by_one_percent(taylor_poda(xi), (1,) * N)
        close(ta.allocate(wrong, effects), by_postulates(effects, value, xi))
