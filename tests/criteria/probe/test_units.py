"""Single units: their effects, the fit of ratios, and the scores of known methods in closed form."""

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.criteria.probe.activation_units import ACTIVATIONS, FORMULAS, activation_units, read
from taylorattr.criteria.probe.monomials import Monomial, ratios, scores, settings
from taylorattr.criteria.probe.power_units import (
    PowerActivation,
    Unit,
    alpha_of,
    epsilon_of,
    fitted,
    responses,
    unit_effects,
)
from taylorattr.criteria.probe.probe import black_box
from taylorattr.criteria.probe.rule_from_monomials import classify
from taylorattr.maths.multi_index import enumerate_up_to, exponents


def test_effects_of_a_power_unit_are_its_taylor_effects():
    u = np.array([0.7, -1.3, 0.4])
    unit = Unit(u, None, PowerActivation(3))
    effects = ta.decompose(unit, torch.ones(1, 3, dtype=torch.float64), order=3)
    kappas = exponents(3, 3).astype(int)
    place = [effects.multi_indices.tolist().index(k.tolist()) for k in kappas]
    expected = effects.values[0, place].numpy()
    assert unit_effects(u[None], kappas, 3)[0] == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("method", ["shapley", "occlusion_1", "integrated_gradients"])
def test_ratios_of_rules_of_the_exponents_are_fitted(method):
    for group in responses(black_box(method), 2, 3, np.random.default_rng(1)):
        table, residual = fitted(group)
        # condition up to 1e3 at order 3
        assert np.abs(table - ta.RULES[method].ratios(group.kappas)).max() < 1e-10
        assert residual < 1e-12


def test_the_residual_of_a_rule_by_shares_of_u_is_large():
    answers = responses(black_box("deep_taylor"), 3, 2, np.random.default_rng(1))
    assert max(fitted(group)[1] for group in answers) > 7e-3


def test_alpha_and_epsilon_are_read_off():
    random = np.random.default_rng(2)
    assert alpha_of(responses(black_box("lrp_alpha_beta", alpha=3.0), 3, 2, random)) == pytest.approx(
        3, abs=1e-4
    )
    assert epsilon_of(responses(black_box("lrp_epsilon", epsilon=0.2), 3, 1, random)) == pytest.approx(0.2)
    assert alpha_of(responses(black_box("shapley"), 3, 2, random)) is None


@pytest.mark.parametrize(
    ("formula", "method", "options"),
    [
        ("gradient_x_input", "gradient_x_input", {}),
        ("occlusion_1", "occlusion_1", {}),
        ("deeplift_rescale", "deeplift_rescale", {}),
        ("deeplift_reveal_cancel", "deeplift_reveal_cancel", {}),
        ("deep_shap", "shapley", {}),
        ("lrp_epsilon", "lrp_epsilon", {"epsilon": 0.0}),
        ("lrp_alpha_beta", "lrp_alpha_beta", {"bias": "ignore", "epsilon": 0.0}),
        ("lrp_alpha_beta/bias", "lrp_alpha_beta", {"epsilon": 0.0}),
        ("deep_taylor", "deep_taylor", {}),
        ("deep_taylor/w2", "deep_taylor", {"first": "w2"}),
    ],
)
@pytest.mark.parametrize("activation", ["ReLU", "Tanh", "Softplus"])
def test_closed_forms_agree_with_the_methods(formula, method, options, activation):
    for unit in activation_units(activation, 3, np.random.default_rng(4)):
        given = read(black_box(method, **options), unit)[0]
        assert FORMULAS[formula](unit) == pytest.approx(given, abs=1e-12)


def test_the_relu_units_switch_both_ways_and_stay():
    units = activation_units("ReLU", 3, np.random.default_rng(0))
    assert {(unit.c > 0, unit.z > 0) for unit in units} == {
        (True, True), (False, True), (True, False), (False, False),
    }  # fmt: skip
    assert all(
        abs(unit.z) > 0.05
        for name in ACTIVATIONS
        for unit in activation_units(name, 3, np.random.default_rng(1))
    )


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_settings_are_generic(n):
    one, two, three = settings(n, np.random.default_rng(n))
    assert (np.sign(one.delta) == np.sign(two.delta)).all()
    assert (np.sign(one.delta) != np.sign(three.delta)).sum() == 1
    for where in (one, two, three):
        sizes = np.sort(np.abs(where.delta))
        assert (np.diff(sizes) > 0.01).all() and (np.abs(sizes - 1) > 0.01).all()
        assert (where.baseline != 0).all()
    assert not np.allclose(np.abs(one.delta), np.abs(two.delta))


def test_a_monomial_is_one_effect():
    (where, *_) = settings(3, np.random.default_rng(0))
    f = Monomial((2, 0, 1), where.baseline, 1.5)
    x, b = (torch.from_numpy(v)[None] for v in (where.x, where.baseline))
    effects = ta.decompose(f, x, b, order=4)
    live = {
        tuple(k): float(v) for k, v in zip(effects.multi_indices.tolist(), effects.values[0], strict=True)
    }
    own = live.pop((2, 0, 1))
    assert own == pytest.approx(1.5 * where.delta[0] ** 2 * where.delta[2], rel=1e-12)
    assert all(abs(v) < 1e-12 for v in live.values())


def test_kinds():
    where = settings(3, np.random.default_rng(0))
    kappas = enumerate_up_to(3, 4).astype(int)
    slack = np.full((3, len(kappas), 3), 1e-9)

    def kind(name, **context):
        read_off = [
            ta.RULES[name].ratios(kappas, {k: getattr(s, v) for k, v in context.items()}) for s in where
        ]
        return classify(np.stack(read_off), slack, kappas, where)[0]

    assert kind("integrated_gradients") == "U"
    assert kind("shapley") == "S"
    assert kind("deeplift_reveal_cancel", u="delta") == "G"
    assert kind("lrp_alpha_beta", u="delta") == "X"
    assert kind("gradient_x_input/plain_x", x="x", Delta="delta") == "X"


def test_a_wrong_number_of_scores_is_told():
    (where, *_) = settings(2, np.random.default_rng(0))
    with pytest.raises(ta.errors.ShapeError, match=r"gave 3 numbers, shape \(3,\), for 2 players"):
        scores(lambda f, x, b: torch.zeros(3), Monomial((1, 0), where.baseline), where.x, where.baseline)
    with pytest.raises(ta.errors.NonFiniteError, match="nan"):
        ratios(lambda f, x, b: torch.full((2,), float("nan")), np.array([[1, 0]]), where)
