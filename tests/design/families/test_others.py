"""OR-twins, free shares, and interaction indices."""

from fractions import Fraction

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.errors import OptionError
from taylorattr.toys import Polynomial
from tests.allocation.networks import relu_network
from tests.design.families.definitions import effects, game, marginal, or_effects, semivalue, shared_out

F = Fraction


def test_or_twins_of_self_dual_rules_are_these_rules():
    for name in ("shapley", "integrated_gradients"):
        twin = ta.design.or_twin(name, name=f"test_{name}_or")
        assert twin.rule.frames == ("input",) and twin.recognised.name == name


def test_or_twin_of_occlusion_counts_what_a_player_does_alone():
    twin = ta.design.or_twin("occlusion_1", name="test_twin")
    v = game(3, 5)
    found = shared_out(twin, or_effects(v, 3), 3)
    assert found == [marginal(v, i, ()) for i in range(3)]


def test_or_twin_of_an_order_gives_an_effect_to_the_last_of_its_players_seen_from_the_input():
    twin = ta.design.or_twin(ta.design.ordered([0, 1, 2], name="test_chain"), name="test_twin")
    v = game(3, 2)
    found = shared_out(twin, or_effects(v, 3), 3)
    # taken away in the order 0, 1, 2: what is lost with each
    assert found == [v[(0, 1, 2)] - v[(1, 2)], v[(1, 2)] - v[(2,)], v[(2,)] - v[()]]


def test_an_or_twin_on_a_network_is_what_its_ratio_says():
    network = relu_network(4)
    x = torch.randn(2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for base in (
        ta.design.semivalue(omega=[2, 1, F(1, 2), F(1, 2)], name="test_base"),
        ta.design.ordered([0, 2, 1, 1], name="test_base"),
    ):
        twin = ta.design.or_twin(base, name="test_twin")
        expected = twin.allocate(ta.harsanyi(network, x, frame="input"))
        np.testing.assert_allclose(twin(network, x).player_scores, expected.player_scores, atol=1e-12)
        sampled = twin(network, x, way="samples", samples=4000)
        assert (
            (sampled.player_scores - expected.player_scores).abs() <= 5 * sampled.standard_errors + 1e-12
        ).all()


def test_a_rule_of_the_input_has_no_twin():
    twin = ta.design.or_twin("occlusion_1", name="test_twin")
    with pytest.raises(OptionError, match="frame 'input' already"):
        ta.design.or_twin(twin)


def xi(n, seed=0):
    table = np.zeros((1 << n, n), dtype=object)
    random = np.random.default_rng(seed)
    for mask in range(1, 1 << n):
        members = [k for k in range(n) if mask >> k & 1]
        parts = [int(v) for v in random.integers(1, 9, len(members))]
        for k, part in zip(members, parts, strict=True):
            table[mask, k] = F(part, sum(parts))
    return table


def test_free_shares_are_read_row_by_row():
    table = xi(3)
    rule = ta.design.sharing(table, name="test_sharing")
    for mask in range(1, 8):
        kappa = [mask >> k & 1 for k in range(3)]
        assert list(rule.ratio(kappa)) == [table[mask, k] if kappa[k] else 0 for k in range(3)]
    assert all(rule.report.verdict(c).holds for c in ("coverage", "no_leak", "complete"))


@pytest.mark.parametrize("n", [4, 11])
def test_free_shares_in_floats_are_complete_without_rounding(n):
    drawn = np.random.default_rng(0).random((1 << n, n)) * (np.arange(1 << n)[:, None] >> np.arange(n) & 1)
    table = drawn / np.maximum(drawn.sum(axis=1, keepdims=True), 1e-300)
    rule = ta.design.sharing(table, name="test_floats")
    assert rule.report.complete.holds
    kappas = np.array([[1] * n, [1, 1] + [0] * (n - 2), [0] * (n - 3) + [2, 1, 1]])
    rows = [(1 << n) - 1, 3, 7 << (n - 3)]
    assert np.allclose(rule.rule.ratios(kappas), table[rows], rtol=0, atol=1e-14)
    assert all(sum(row) == 1 for row in rule.rule.exact_ratios(kappas))


def test_free_shares_that_do_not_add_up_are_refused():
    table = xi(3)
    table[5, 0] += F(1, 10)
    with pytest.raises(OptionError, match="add up to 1"):
        ta.design.sharing(table, name="test_bad")
    with pytest.raises(OptionError, match=r"shape \(4, 3\); expected \(2\*\*n, n\)"):
        ta.design.sharing(np.zeros((4, 3)), name="test_bad")


@pytest.mark.parametrize(
    "index", ["sii", "k_sii", "stii", "fsii", "banzhaf_interaction", "bii", "fbii", "chii"]
)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_interaction_rules_are_the_indices_of_the_effects(index, order):
    network = relu_network(4)
    x = torch.randn(2, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    harsanyi = ta.harsanyi(network, x)
    names = {"k_sii": "k-SII"}
    rule = ta.design.interaction(index, order, name="test_index")
    found = rule(network, x)
    if index == "banzhaf_interaction":
        pytest.importorskip("scipy")
        expected = banzhaf(harsanyi, order)
    else:
        given = harsanyi.index(names.get(index, index.upper()), order=order)
        expected = {tuple(c): given.values[:, k] for k, c in enumerate(given.coalitions) if c}
    for column, who in enumerate(found.names):
        coalition = tuple(harsanyi.names.index(name) for name in who.split(" × "))
        np.testing.assert_allclose(found.player_scores[:, column], expected[coalition], atol=1e-12)
    assert len(found.names) == sum(1 for c in expected if 0 < len(c) <= order)


def banzhaf(harsanyi, order):
    """Σ_{T⊇S} 2^{−(t−s)} J(T)."""
    sets = [tuple(c) for c in harsanyi.coalitions]
    return {
        s: sum(
            harsanyi.values[:, k] / 2.0 ** (len(t) - len(s)) for k, t in enumerate(sets) if set(s) <= set(t)
        )
        for s in sets
        if 0 < len(s) <= order
    }


def test_interaction_rules_of_no_kind():
    with pytest.raises(OptionError, match="no interaction index is called 'sti'"):
        ta.design.interaction("sti")
    with pytest.raises(OptionError, match="order=0"):
        ta.design.interaction("sii", 0)


def test_semivalue_oracle_agrees_with_itself():
    # the oracle of these tests: Shapley by marginal contributions is Σ J/s
    v = game(3, 4)
    j = effects(v, 3)
    shapley = [sum(effect / len(s) for s, effect in j.items() if i in s) for i in range(3)]
    assert shapley == semivalue(v, 3, [F(1, 3), F(1, 6), F(1, 3)])


def test_or_twin_of_a_measure_counts_from_the_input():
    twin = ta.design.or_twin(ta.design.measure("beta:2,1", name="test_base"), name="test_twin")
    f = Polynomial({(2, 0): 1, (1, 1): 3})
    x = torch.tensor([[2.0, -1.0]], dtype=torch.float64)
    found = twin(f, x)
    assert found.frame == "input" and found.diagnostics["way"] == "path"
    # at x − αx with density 2α: ∫ 2α(1 − α) dα = ⅓ of the gradient at x, which is homogeneous of degree 1
    expected = [[2 * (2 * 2 - 3) / 3, -1 * 3 * 2 / 3]]
    np.testing.assert_allclose(found.player_scores, expected, rtol=1e-12)
    np.testing.assert_allclose(twin(f, x, way="terms").player_scores, expected, rtol=1e-12)
