"""Scores of single activations in closed form, against the methods."""

import numpy as np
import pytest

from taylorattr.criteria.probe.activation_units import ACTIVATIONS, FORMULAS, activation_units, read
from taylorattr.criteria.probe.probe import black_box


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
