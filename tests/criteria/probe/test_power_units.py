"""Single units z^m: effects, fitted ratios, and what is read off them."""

import numpy as np
import pytest
import torch

import taylorattr as ta
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
from taylorattr.maths.multi_index import exponents


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
