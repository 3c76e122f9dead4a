import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import taylorattr as ta
from taylorattr.allocation.extra.semivalues import semivalue, weighted_shap
from tests.allocation.confirm import off_by_one_percent
from tests.allocation.extra.games import close, others, relu_game, subsets

N = 5


def marginal(value, p):
    """Σ_{T∌i} p_{|T|} (v(T∪i) − v(T)), as defined."""
    return [sum(p[len(T)] * (value((*T, i)) - value(T)) for T in subsets(others(N, [i]))) for i in range(N)]


@pytest.fixture(scope="module")
def game():
    return relu_game(N)


def test_any_weights_on_a_relu_network(game):
    effects, value = game
    p = np.random.default_rng(0).normal(size=N)
    close(ta.allocate("semivalue", effects, {"p": p}), marginal(value, p))
    close(ta.allocate(semivalue(p), effects), marginal(value, p))


def test_banzhaf_and_weighted_shap_on_a_relu_network(game):
    effects, value = game
    close(ta.allocate("semivalue/banzhaf", effects), marginal(value, [2.0 ** (1 - N)] * N))
    assert np.allclose(
        ta.allocate("semivalue/banzhaf", effects).player_scores, effects.index("Banzhaf").values[:, 1:]
    )
    omega = np.linspace(2, 0.1, N)
    p = [omega[t] / (N * math.comb(N - 1, t)) for t in range(N)]
    close(ta.allocate(weighted_shap(omega), effects), marginal(value, p))


def test_banzhaf_has_the_same_shares_seen_from_the_input(game):
    effects, value = game
    close(ta.allocate("semivalue/banzhaf", effects.in_frame("input")), marginal(value, [2.0 ** (1 - N)] * N))


def test_seen_from_the_input_the_sizes_run_backwards(game):
    effects, value = game
    p = np.random.default_rng(1).normal(size=N)
    backwards = replace(semivalue(p[::-1]), frame="input")
    close(ta.allocate(backwards, effects.in_frame("input")), marginal(value, p))
    as_they_are = ta.allocate(replace(semivalue(p), frame="input"), effects.in_frame("input"))
    assert not np.allclose(as_they_are.player_scores, marginal(value, p))


def test_named_members_are_exact():
    kappa = (2, 0, 1, 1)
    shapley = [Fraction(math.factorial(t) * math.factorial(3 - t), 24) for t in range(4)]
    named = {
        "shapley": semivalue(shapley),
        "semivalue/banzhaf": semivalue([Fraction(1, 8)] * 4),
        "occlusion_1": semivalue([0, 0, 0, 1]),
    }
    for name, rule in named.items():
        assert list(rule.ratio(kappa)) == list(ta.RULES[name].ratio(kappa))
    assert list(weighted_shap([1] * 4).ratio(kappa)) == list(ta.RULES["shapley"].ratio(kappa))


def test_independent_effects_are_kept_whole_iff_the_mean_weight_is_one():
    assert weighted_shap([3, 0, 0]).ratio((2, 0, 0))[0] == 1
    assert weighted_shap([1, 1, 0]).ratio((2, 0, 0))[0] == Fraction(2, 3)


def test_a_wrong_entry_is_caught(game):
    effects, value = game
    wrong = off_by_one_percent("semivalue/banzhaf", (1,) * N)
    with pytest.raises(AssertionError):
        close(ta.allocate(wrong, effects), marginal(value, [2.0 ** (1 - N)] * N))
