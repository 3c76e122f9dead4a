import importlib
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings

import taylorattr as ta
from taylorattr.allocation.rule import AllocationRule, Domain
from taylorattr.allocation.symbols import i, indexed, kappa, s
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError, ShapeError
from taylorattr.maths.multi_index import enumerate_up_to
from taylorattr.toys import Polynomial
from tests.allocation.confirm import cases, confirm, row, table
from tests.allocation.networks import TanhNetwork, inside, relu_network

x0, x1 = sp.symbols("x0 x1")
THREE = 3 * x0 + x1**2 + 3 * x0 * x1**2


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_example_of_three_effects():
    # effects 3 | 4 | 12 at (1, 2)
    effects = ta.symbolic_effects(THREE, (x0, x1), (1, 2))
    expected = {
        "integrated_gradients": (7, 12),
        "shapley": (9, 10),
        "occlusion_1": (15, 16),
        "gradient_x_input": (15, 32),
    }
    for rule, scores in expected.items():
        assert tuple(ta.allocate(rule, effects).player_scores[0].tolist()) == scores
    gap = ta.allocate("occlusion_1", effects).gap
    assert gap.item() == 19 - 31


def test_symbolic_effects_are_shared_exactly():
    effects = ta.symbolic_effects(x0**3 * x1**4 / 7, (x0, x1), (sp.Rational(1, 3), sp.sqrt(2)))
    found = ta.allocate("integrated_gradients", effects)
    assert found.diagnostics["exact"] == [str(3 * effects.delta / 7), str(4 * effects.delta / 7)]
    third = ta.symbolic_effects(x0 * x1, (x0, x1), (sp.Rational(1, 3), 1))
    assert ta.allocate("shapley", third).diagnostics["exact"] == ["1/6", "1/6"]
    # a function without a series at the baseline: support-level rules need none
    kink = ta.symbolic_effects(sp.Abs(x0) * x1 + sp.Max(x0, x1), (x0, x1), (-2, 3))
    assert ta.allocate("shapley", kink).gap.item() == 0


@settings(deadline=None, max_examples=20)
@given(cases())
def test_exact_scores_are_the_floating_point_ones(case):
    polynomial, x, b = case
    letters = sp.symbols(f"y0:{len(x)}")
    expression = sum(
        c * sp.prod([a**p for a, p in zip(letters, k, strict=True)]) for k, c in polynomial.items()
    )
    for frame in ("baseline", "input"):
        point, start = ([sp.Rational(v) for v in at] for at in (x, b))
        exact = ta.symbolic_effects(expression, letters, point, start, frame=frame)
        for rule in ("integrated_gradients", "shapley"):
            found = ta.allocate(rule, exact)
            confirm(rule, table(*case, frame=frame), found.player_scores)
            total = sum((sp.Rational(v) for v in found.diagnostics["exact"]), sp.Integer(0))
            assert total == exact.delta


def test_a_batch_is_every_example_by_itself():
    network, x = TanhNetwork(8), inside()
    together = ta.decompose(network, x, order=4)
    apart = [ta.decompose(network, x[e : e + 1], order=4) for e in range(len(x))]
    for rule in ("integrated_gradients", "integrated_hessians", "shapley"):
        whole = ta.allocate(rule, together).player_scores
        assert torch.allclose(
            whole, torch.cat([ta.allocate(rule, a).player_scores for a in apart]), atol=1e-15
        )


def test_a_hundred_thousand_terms_of_a_batch_are_one_matrix_product():
    n, order, batch = 8, 13, 3
    kappas = np.array([k for k in enumerate_up_to(n, order)], dtype=float)
    values, at = gaussian(batch, len(kappas)), torch.zeros(batch, dtype=torch.float64)
    effects = TaylorEffects(
        values=values, order=order, names=tuple(f"x{k}" for k in range(n)), frame="baseline",
        delta=values.sum(1), f_input=values.sum(1), f_baseline=at,
        converged=torch.ones(batch, dtype=torch.bool), reasons=("",) * batch,
    )  # fmt: skip
    assert len(kappas) > 10**5
    expected = {
        "integrated_gradients": kappas / kappas.sum(1, keepdims=True),
        "gradient_x_input": kappas,
        "shapley": (kappas > 0) / (kappas > 0).sum(1, keepdims=True),
    }
    for rule, ratios in expected.items():
        found = ta.allocate(rule, effects).player_scores.numpy()
        # relative to the sum of sizes: 10⁵ terms of both signs cancel
        scale = abs(values.numpy()) @ ratios
        assert (abs(found - values.numpy() @ ratios) <= 1e-13 * scale).all()


def test_what_is_not_a_table_of_effects_is_refused():
    for what in (relu_network(4), torch.ones(3), [relu_network(4)]):
        with pytest.raises(
            OptionError, match="shapley shares effects, and was given .*; pass what decompose"
        ):
            ta.allocate("shapley", what)


def test_a_context_may_differ_between_examples():
    f, points = {(2, 1): 1, (0, 2): -3}, [(1, 2), (3, -1), (2, 2)]
    effects = ta.decompose(Polynomial(f), torch.cat([row(x) for x in points]), order=3)
    context = {"sigma": [0.5, 1.0], "Delta": torch.cat([row(x) for x in points])}
    found = ta.allocate("smooth_grad", effects, context).player_scores
    for e, x in enumerate(points):
        alone = ta.allocate("smooth_grad", table(f, x, (0, 0)), {"sigma": [0.5, 1.0], "Delta": x})
        assert torch.allclose(found[e], alone.player_scores[0], rtol=1e-13)
    with pytest.raises(
        OptionError, match=r"smooth_grad holds for polynomials.*; example 1 lies outside: Δ_2"
    ):
        wrong = context | {"Delta": torch.tensor([[1.0, 2.0], [3.0, 0.0], [2.0, 2.0]])}
        ta.allocate("smooth_grad", effects, wrong)


@pytest.mark.parametrize("cells", [1, 20, 1 << 22])
def test_blocks_of_any_size_give_the_same(cells, monkeypatch):
    effects = ta.decompose(TanhNetwork(4), inside(), order=4)
    coalitions = ta.harsanyi(relu_network(4), gaussian(2, 4))
    truncated = ta.harsanyi(relu_network(4), gaussian(2, 4), max_order=2)
    expected = [
        ta.allocate("integrated_gradients", effects).player_scores,
        ta.allocate("shapley", coalitions).player_scores,
        ta.allocate("shapley", truncated).player_scores,
    ]
    monkeypatch.setattr(importlib.import_module("taylorattr.allocation.allocate"), "CELLS", cells)
    found = [
        ta.allocate("integrated_gradients", effects).player_scores,
        ta.allocate("shapley", coalitions).player_scores,
        ta.allocate("shapley", truncated).player_scores,
    ]
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-13, atol=1e-15)


def test_a_truncated_table_of_coalitions_says_so():
    effects = ta.harsanyi(relu_network(5), gaussian(1, 5), max_order=2)
    found = ta.allocate("occlusion_1", effects)
    assert found.diagnostics["coalitions_up_to"] == 2
    by_hand = sum(
        effects.values[0, c].item() * np.array([j in members for j in range(5)])
        for c, members in enumerate(effects.coalitions)
        if members
    )
    assert np.allclose(found.player_scores[0].numpy(), by_hand, rtol=1e-12)
    summed = ta.decompose(TanhNetwork(4), inside(), order=3).interactions
    assert ta.allocate("shapley", summed).diagnostics["terms_up_to"] == 3


def test_many_players_whose_coalitions_do_not_fit_a_machine_word():
    def pairs(x):
        return x[:, 0] * x[:, 69] + 2 * x[:, 68]

    effects = ta.harsanyi(pairs, torch.ones(1, 70).double(), max_order=2)
    scores = ta.allocate("shapley", effects).player_scores[0]
    assert {j: v for j, v in enumerate(scores.tolist()) if v} == {0: 0.5, 68: 2.0, 69: 0.5}


def test_terms_are_needed_where_terms_are_told_apart():
    effects = ta.harsanyi(relu_network(3), gaussian(1, 3))
    with pytest.raises(OptionError, match="tells terms of one support apart.*pass Taylor effects: decompose"):
        ta.allocate("integrated_gradients", effects)


def test_the_wrong_frame_is_refused_with_the_right_rule():
    effects = table({(1, 2): 1}, (1, 2), (0, 0), frame="input")
    with pytest.raises(
        OptionError, match=r"shares effects in frame 'baseline'.*use the rule 'gradient_x_input/inp"
    ):
        ta.allocate("gradient_x_input", effects)
    with pytest.raises(OptionError, match="compute them with frame='baseline'$"):
        ta.allocate("power_path", effects, {"p": [1, 1]})
    truncated = ta.harsanyi(relu_network(3), gaussian(1, 3), max_order=2, frame="input")
    with pytest.raises(OptionError, match="occlusion_1 shares effects in frame 'baseline'"):
        ta.allocate("occlusion_1", truncated)


def test_references_only_where_the_rule_has_them():
    effects = table({(1, 2): 1}, (1, 2), (0, 0))
    with pytest.raises(OptionError, match="2 tables of effects; it has one baseline: pass one table"):
        ta.allocate("integrated_gradients", [effects, effects])
    with pytest.raises(OptionError, match="0 tables of effects; pass at least one"):
        ta.allocate("expected_gradients", [])
    with pytest.raises(ShapeError, match="1 contexts for 2 tables"):
        ta.allocate("expected_gradients", [effects, effects], [{}])
    with pytest.raises(OptionError, match="one table of effects and 2 contexts"):
        ta.allocate("expected_gradients", effects, [{}, {}])
    found = ta.allocate("expected_gradients", [effects, effects], [{}, {}])
    assert found.diagnostics["references"] == 2 and found.player_scores.tolist() == [[4 / 3, 8 / 3]]


def shares_constant():
    half = indexed("half")
    return AllocationRule(
        name="with_constant",
        symbolic=kappa[i] / s,
        constant=half[i] / 2,
        kind="X",
        frame="baseline",
        granularity="term",
        domain=Domain("a test"),
        source="none",
        proof="",
        needs={"half": ta.RULES["smooth_grad"].needs["sigma"]},
    )


def test_a_constant_is_shared_too_in_both_arithmetics():
    # f = 5 + x0 x1: I(0) = 5
    context = {"half": [Fraction(1, 3), 1]}
    exact = ta.symbolic_effects(5 + x0 * x1, (x0, x1), (1, 2))
    found = ta.allocate(shares_constant(), exact, context)
    assert found.diagnostics["exact"] == ["11/6", "7/2"]
    numeric = ta.allocate(
        shares_constant(), table({(0, 0): 5, (1, 1): 1}, (1, 2), (0, 0)), {"half": [1 / 3, 1.0]}
    )
    assert torch.allclose(numeric.player_scores, torch.tensor([[11 / 6, 3.5]]).double())
    assert torch.allclose(found.player_scores, numeric.player_scores)


def test_a_series_that_is_not_known_to_converge_is_reported():
    effects = ta.symbolic_effects(sp.exp(x0 * x1), (x0, x1), (1, 1), order=3)
    notes = ta.allocate("integrated_gradients", effects).diagnostics
    assert notes["series_not_known_to_converge"] == ["convergence was not examined"] and notes["order"] == 3
    # Δ_i ∂_i f(x) needs no series
    seen_from_x = ta.symbolic_effects(sp.exp(x0 * x1), (x0, x1), (1, 1), order=3, frame="input")
    assert (
        "series_not_known_to_converge" not in ta.allocate("gradient_x_input/input", seen_from_x).diagnostics
    )


def test_no_examples_give_no_scores():
    network = TanhNetwork(4)
    effects = ta.decompose(network, inside(), order=2)
    empty = type(effects)(
        values=effects.values[:0], order=2, names=effects.names, frame="baseline", reasons=(),
        delta=effects.delta[:0], f_input=effects.f_input[:0], f_baseline=effects.f_baseline[:0],
        converged=effects.converged[:0],
    )  # fmt: skip
    assert ta.allocate("integrated_gradients", empty).player_scores.shape == (0, 3)
