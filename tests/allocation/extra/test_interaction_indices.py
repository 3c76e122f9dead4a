import math

import numpy as np
import pytest

import taylorattr as ta
from taylorattr.allocation.extra.interaction_indices import interaction_rule
from taylorattr.errors import OptionError
from taylorattr.maths.interaction_indices import INDICES
from tests.allocation.confirm import off_by_one_percent
from tests.allocation.extra.games import close, difference, others, relu_game, subsets

N = 5
NAMES = {
    "sii": "SII",
    "k_sii": "k-SII",
    "stii": "STII",
    "fsii": "FSII",
    "bii": "BII",
    "fbii": "FBII",
    "chii": "CHII",
}


OTHER_NAMES = {
    "Shapley interaction index": "sii",
    "n-SII": "k_sii",
    "n-Shapley values": "k_sii",
    "STI": "stii",
    "Shapley-Taylor": "stii",
    "Faith-Shap": "fsii",
    "Faith-SII": "fsii",
    "Banzhaf": "bii",
    "Faith-Banzhaf": "fbii",
    "Faith-BII": "fbii",
    "chaining": "chii",
}
"""Names of papers and of other libraries."""


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_a_name_of_other_works_leads_to_the_index(name):
    with pytest.raises(OptionError, match=f"did you mean '{OTHER_NAMES[name]}'"):
        interaction_rule(name, 2)


@pytest.fixture(scope="module")
def game():
    return relu_game(N)


def averaged(value, order, weight):
    """Σ_{T⊆N∖S} weight(|S|, |T|) Δ_S v(T), as defined."""
    chosen = [S for S in subsets(range(N)) if 1 <= len(S) <= order]
    return [
        sum(weight(len(S), len(T)) * difference(value, S, T) for T in subsets(others(N, S))) for S in chosen
    ]


@pytest.mark.parametrize("order", [1, 2, 3])
def test_means_of_differences_on_a_relu_network(game, order):
    effects, value = game
    rest = lambda s, t: math.factorial(N - t - s) * math.factorial(t) / math.factorial(N - s + 1)  # noqa: E731
    close(ta.allocate("sii", effects, {"k": order}), averaged(value, order, rest))
    coin = averaged(value, order, lambda s, t: 2.0 ** (s - N))
    close(ta.allocate("banzhaf_interaction", effects, {"k": order}), coin)


@pytest.mark.parametrize("order", [1, 2, 3, N])
@pytest.mark.parametrize("name", NAMES)
def test_indices_of_effects_on_a_relu_network(game, name, order):
    effects, _ = game
    index = effects.index(NAMES[name], order)
    found = ta.allocate(interaction_rule(name, order), effects)
    close(found, index.values[0, 1:])
    assert found.names == tuple(" × ".join(effects.names[j] for j in c) for c in index.coalitions if c)
    if name in ("k_sii", "stii", "fsii"):
        assert float(found.relative_gap) < 1e-10


def test_faith_sii_is_the_faithful_fit(game):
    # the quadratic with the least error in the Shapley kernel that is exact at ∅ and N
    effects, value = game
    chosen = [S for S in subsets(range(N)) if len(S) <= 2]
    masks = list(subsets(range(N)))
    design = np.array([[float(set(S) <= set(T)) for S in chosen] for T in masks])
    sizes = np.array([len(T) for T in masks])
    inner = (sizes > 0) & (sizes < N)
    kernel = np.where(inner, 0.0, 1e12)
    kernel[inner] = [(N - 1) / (math.comb(N, s) * s * (N - s)) for s in sizes[inner]]
    root = np.sqrt(kernel)[:, None]
    outputs = np.array([value(T) for T in masks])
    fit = np.linalg.lstsq(design * root, outputs * root[:, 0], rcond=None)[0]
    found = ta.allocate("fsii", effects).player_scores[0].numpy()
    # the ends are held by a weight of 1e12 only
    np.testing.assert_allclose(found, fit[1:], rtol=0, atol=1e-6 * np.abs(fit).max())


@pytest.mark.parametrize("name", NAMES)
def test_coefficients_are_exact(name):
    for order in (1, 2, 3):
        rule = interaction_rule(name, order)
        receivers = [S for S in subsets(range(4)) if 1 <= len(S) <= order]
        for T in subsets(range(4)):
            if not T:
                continue
            found = rule.ratio([2 * (j in T) for j in range(4)])
            coefficient = INDICES[NAMES[name]]
            expected = [coefficient(len(S), len(T), order) if set(S) <= set(T) else 0 for S in receivers]
            assert list(found) == expected


def test_an_order_is_a_whole_number_of_players(game):
    for order in (0, 1.5):
        with pytest.raises(
            OptionError, match=f"lies outside: k = {order}; expected a whole number, at least 1"
        ):
            ta.allocate("stii", game[0], {"k": order})


def test_a_wrong_entry_is_caught(game):
    effects, _ = game
    wrong = off_by_one_percent("k_sii", (1,) * N)
    with pytest.raises(AssertionError):
        close(ta.allocate(wrong, effects), effects.index("k-SII", 2).values[0, 1:])
