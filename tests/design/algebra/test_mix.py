"""Mixtures, restrictions, transport and means over names."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.errors import BudgetError, OptionError
from taylorattr.maths.frames import binomial
from taylorattr.toys import Polynomial, mlp

F = Fraction
KAPPAS = [k for k in itertools.product(range(4), repeat=3) if 0 < sum(k) <= 4]
PLAIN = ["integrated_gradients", "shapley", "occlusion_1", "gradient_x_input"]
SLOW_TO_MOVE = ("occlusion_1", "gradient_x_input")
"""Their ratios in the other frame are sums that sympy simplifies for seconds."""


def table(rule):
    return [list(rule.ratio(kappa)) for kappa in KAPPAS]


def network(seed=0, size=3):
    return torch.nn.Sequential(
        mlp((size, 6, 1), "tanh", seed=seed, dtype=torch.float64), torch.nn.Flatten(0)
    ).eval()


def test_a_mixture_is_the_mean_of_ratios():
    weights = [F(1, 2), F(1, 3), F(-1, 4), F(2, 5)]
    mixture = ta.design.mix(PLAIN, weights, name="test_mixture")
    parts = [ta.design.attributor(name) for name in PLAIN]
    for kappa in KAPPAS:
        expected = sum(c * part.ratio(kappa) for c, part in zip(weights, parts, strict=True))
        assert list(mixture.ratio(kappa)) == list(expected)


def test_a_mixture_of_complete_rules_is_known_complete():
    parts = ["integrated_gradients", ta.design.degree_tilted(2, name="test_tilt")]
    whole = ta.design.mix(parts, [F(3, 2), F(-1, 2)], name="test_whole")
    assert whole.report.complete.holds and not whole.unproved
    assert any("complete" in words and "(71)" in words or "algebra" in words for words in whole.guarantees)
    part = ta.design.mix(parts, [F(1, 2), F(1, 4)], name="test_part")
    assert part.report.complete.status == "fails"
    with_occlusion = ta.design.mix(["shapley", "occlusion_1"], [F(1, 2), F(1, 2)], name="test_part")
    assert with_occlusion.report.complete.status == "fails" and with_occlusion.report.no_leak.holds


def test_scores_of_a_mixture_are_the_mixture_of_scores():
    model, x = network(), torch.tensor([[0.5, -1.0, 2.0], [1.0, 0.25, -0.5]], dtype=torch.float64)
    mixture = ta.design.mix(["integrated_gradients", "shapley"], [F(1, 4), F(3, 4)], name="test_mixture")
    expected = 0.25 * ta.attribute("integrated_gradients", model, x).player_scores
    expected = expected + 0.75 * ta.attribute("shapley", model, x).player_scores
    torch.testing.assert_close(mixture(model, x).player_scores, expected, rtol=1e-12, atol=1e-14)


def test_parts_of_a_mixture_keep_their_own_quantities():
    places = [ta.design.measure(f"beta:{a},1", name=f"test_b{a}") for a in (2, 3, 4)]
    inner = ta.design.mix(places[:2], [F(1, 2), F(1, 2)], name="test_inner")
    outer = ta.design.mix([inner, places[2]], [F(1, 2), F(1, 2)], name="test_outer")
    turned = ta.design.mix([places[2], inner], [F(1, 2), F(1, 2)], name="test_turned")
    for kappa in KAPPAS:
        expected = places[0].ratio(kappa) / 4 + places[1].ratio(kappa) / 4 + places[2].ratio(kappa) / 2
        assert list(outer.ratio(kappa)) == list(expected) == list(turned.ratio(kappa))


def test_mixtures_that_come_to_a_known_rule_are_recognised():
    both = ta.design.mix(["occlusion_1", "shapley"], [0, 1], name="test_mixture")
    assert (both.recognised.name, both.recognised.proved) == ("shapley", True)
    halves = ta.design.mix(["shapley", "shapley"], [F(1, 3), F(2, 3)], name="test_mixture")
    assert halves.recognised.name == "shapley"


def test_what_cannot_be_mixed():
    with pytest.raises(OptionError, match="2 rules and 1 weights"):
        ta.design.mix(["shapley", "occlusion_1"], [1])
    with pytest.raises(OptionError, match="0 rules"):
        ta.design.mix([], [])
    with pytest.raises(OptionError, match="one frame for all.*transport"):
        ta.design.mix(["occlusion_1", "occlusion_1/input"], [F(1, 2), F(1, 2)])
    with pytest.raises(OptionError, match="weights of a mixture"):
        ta.design.mix(["shapley"], ["all"])


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow if n in SLOW_TO_MOVE else ()) for n in [*PLAIN, "test_owen"]],
)
def test_transport_is_equation_9a_and_comes_back(name):
    if name == "test_owen":
        ta.design.owen([1, 1, 2], name="test_owen")
    base = ta.design.attributor(name)
    moved = ta.design.transport(base, name="test_moved")
    assert moved.rule.frames[0] == "input"
    for kappa in KAPPAS[:12]:
        below = [mu for mu in itertools.product(*(range(k + 1) for k in kappa)) if any(mu)]
        expected = sum((-1) ** (sum(mu) + 1) * binomial(kappa, mu) * base.ratio(mu) for mu in below)
        assert list(moved.ratio(kappa)) == list(expected)
    back = ta.design.transport(moved, name="test_back")
    assert table(back)[:12] == table(base)[:12]


def test_transported_rules_have_the_names_of_that_frame():
    assert (
        ta.design.transport("gradient_x_input", name="test_moved").recognised.name == "gradient_x_input/input"
    )
    assert ta.design.transport("occlusion_1", name="test_moved").recognised.name == "occlusion_1/input"
    assert ta.design.transport("shapley", name="test_moved").recognised.name == "shapley"


@pytest.mark.slow
def test_transported_rules_give_the_same_scores():
    f = Polynomial({(2, 1): 1, (1, 3): -2, (0, 1): 1})
    x, b = torch.tensor([[1.5, -1.0]], dtype=torch.float64), torch.tensor([[0.5, 1.0]], dtype=torch.float64)
    for base in ("gradient_x_input", ta.design.degree_tilted(2, name="test_tilt")):
        moved = ta.design.transport(base, name="test_moved")
        here = ta.design.attributor(base)(f, x, b, way="terms")
        there = moved(f, x, b, way="terms")
        assert there.frame == "input"
        torch.testing.assert_close(here.player_scores, there.player_scores, rtol=1e-11, atol=1e-12)


def test_restrictions_cut_ratios():
    for base in ("integrated_gradients", "shapley"):
        whole = ta.design.attributor(base)
        for limit, options in ((2, {"order": 2}), (2, {"size": 2}), (1, {"size": 1})):
            cut = ta.design.restrict(base, **options, name="test_cut")
            for kappa in KAPPAS:
                size = sum(kappa) if "order" in options else sum(k > 0 for k in kappa)
                assert list(cut.ratio(kappa)) == (list(whole.ratio(kappa)) if size <= limit else [0, 0, 0])
            assert cut.report.complete.status == "fails" and cut.report.no_leak.holds


def test_restricted_scores_are_sums_over_the_effects_that_are_kept():
    model = network(2, 4)
    x = torch.tensor([[0.5, -1.0, 2.0, 0.75]], dtype=torch.float64)
    harsanyi = ta.harsanyi(model, x)
    small = ta.design.restrict("shapley", size=2, name="test_small")(model, x)
    kept = [(c, float(harsanyi.values[0, k])) for k, c in enumerate(harsanyi.coalitions) if 0 < len(c) <= 2]
    expected = [sum(v / len(c) for c, v in kept if i in c) for i in range(4)]
    np.testing.assert_allclose(small.player_scores[0], expected, atol=1e-13)
    measured = ta.design.restrict("integrated_gradients", size=1, name="test_alone")(model, x)
    alone = [float(harsanyi.values[0, k]) for k, c in enumerate(harsanyi.coalitions) if len(c) == 1]
    # IG of f_{i} is ψ_i, eq. (20)
    np.testing.assert_allclose(measured.player_scores[0], alone, atol=1e-5)
    first = ta.design.restrict("integrated_gradients", order=1, name="test_first")(model, x)
    b = torch.zeros(1, 4, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(model(b).sum(), b)
    np.testing.assert_allclose(first.player_scores, gradient * x, atol=1e-13)


def test_limits():
    for options, message in (
        ({}, "restrict takes"),
        ({"order": 1, "size": 1}, "restrict takes"),
        ({"order": 0}, "limit of 0"),
        ({"size": True}, "limit of True"),
    ):
        with pytest.raises(OptionError, match=message):
            ta.design.restrict("shapley", **options)


def test_means_over_names_are_sums_over_permutations():
    base = ta.design.owen([1, 1, 2], name="test_groups")
    mean = ta.design.symmetrise(base, name="test_mean")
    for kappa in KAPPAS:
        total = [F(0)] * 3
        for seat in itertools.permutations(range(3)):
            row = base.ratio([kappa[k] for k in seat])
            for place, player in enumerate(seat):
                total[player] += row[place] / 6
        assert list(mean.ratio(kappa)) == total
    assert mean.report.complete.holds


def test_a_rule_that_treats_players_alike_is_its_own_mean():
    mean = ta.design.symmetrise("integrated_gradients", name="test_mean")
    assert mean.recognised.name == "integrated_gradients" and mean.recognised.proved


def test_too_many_names():
    mean = ta.design.symmetrise(ta.design.ordered(list(range(9)), name="test_chain"), name="test_mean")
    with pytest.raises(BudgetError, match="9 players has 9! parts"):
        mean.ratio((1,) * 9)


def test_attributes_of_one_name_with_other_values_keep_apart():
    first = ta.design.weighted_shapley([1, 2, 3], name="test_first")
    second = ta.design.weighted_shapley([3, 1, 1], name="test_second")
    kappas = np.array([[1, 1, 0], [0, 2, 1], [1, 1, 1]])
    for more in ([], [ta.design.rule("test_equal", lambda S: [1 / len(S)] * len(S))]):
        parts = [first, second, *more]
        mixed = ta.design.mix(parts, [1 / len(parts)] * len(parts), name="test_both")
        expected = sum(part.rule.exact_ratios(kappas) for part in parts) / len(parts)
        context = mixed.attributes.context(["a", "b", "c"], "test_both")
        assert (mixed.rule.exact_ratios(kappas, context) == expected).all()
        assert mixed.report.complete.holds


def test_attributes_named_in_another_order_are_brought_together():
    first = ta.design.weighted_shapley({"a": 1, "b": 2, "c": 3}, name="test_first")
    second = ta.design.ordered({"c": 0, "a": 1, "b": 1}, name="test_second")
    mixed = ta.design.mix([first, second], [0.5, 0.5], name="test_both")
    network = mlp((3, 6, 1), "tanh", dtype=torch.float64)
    x = torch.tensor([[0.4, -0.3, 0.8]], dtype=torch.float64)
    players = ta.Players.elements(x, names=("b", "c", "a"))
    each = [part(network, x, players=players).player_scores for part in (first, second)]
    found = mixed(network, x, players=players, way="coalitions").player_scores
    assert torch.allclose(found, sum(each) / 2, rtol=0, atol=1e-15)


def test_rules_that_know_other_players_are_not_mixed():
    first = ta.design.weighted_shapley({"a": 1, "b": 2}, name="test_first")
    second = ta.design.ordered({"a": 1, "c": 1}, name="test_second")
    with pytest.raises(OptionError, match="knows other players"):
        ta.design.mix([first, second], [0.5, 0.5], name="test_both")
