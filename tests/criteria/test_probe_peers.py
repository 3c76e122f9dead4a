"""Attributions of another library are recognised."""

import numpy as np
import pytest

from taylorattr.allocation import RULES
from taylorattr.criteria import probe

captum = pytest.importorskip("captum.attr")


def against_baseline(cls, **settings):
    return lambda f, x, b: cls(f).attribute(x, baselines=b, **settings)


@pytest.mark.parametrize(
    ("box", "name", "error"),
    [
        # the quadrature of 50 Gauss nodes reads 3e-9, the enumeration accumulates in float32
        (against_baseline(captum.IntegratedGradients), "integrated_gradients", 1e-8),
        (against_baseline(captum.FeatureAblation), "occlusion_1", 1e-9),
        (against_baseline(captum.ShapleyValues), "shapley", 5e-7),
    ],
    ids=["IntegratedGradients", "FeatureAblation", "ShapleyValues"],
)
def test_ratios_and_name(box, name, error):
    found = probe(box)
    assert found.name == name
    expected = RULES[name].ratios(found.multi_indices.numpy())
    assert np.abs(found.ratios.numpy() - expected).max() < error


def test_input_times_gradient_multiplies_by_x():
    found = probe(lambda f, x, b: captum.InputXGradient(f).attribute(x.requires_grad_()))
    assert (found.name, found.kind) == ("gradient_x_input/plain_x", "X")


def test_deep_lift_is_rescale_where_it_has_a_rule():
    found = probe(against_baseline(captum.DeepLift))
    assert (found.name, found.seen_on) == ("deeplift_rescale", "activations")
    assert "deeplift_rescale" in found.activations["Tanh"]
    assert found.activations["GELU"] == ("gradient_x_input",)
    assert found.complete.status == "conditional"
    assert "not SELU, GELU, SiLU, Mish, Hardtanh, Hardswish" in found.complete.condition


def test_gradient_shap_is_a_sampled_path():
    box = against_baseline(captum.GradientShap, n_samples=20, stdevs=0.0)
    found = probe(box, order=3)
    assert found.name == "integrated_gradients" and 0 < found.noise < 0.5
    truth = RULES["integrated_gradients"].ratios(found.multi_indices.numpy())
    assert (np.abs(found.ratios.numpy() - truth) <= 1e-6 + 8 * found.standard_errors.numpy()).all()


def test_lrp_refuses_functions_and_is_named_by_the_activations_it_knows():
    found = probe(lambda f, x, b: captum.LRP(f).attribute(x))
    assert found.name == "lrp_epsilon"
    assert any("monomials: refused" in line for line in found.evidence)


def test_a_coarse_quadrature_shows_its_factor():
    box = against_baseline(captum.IntegratedGradients, n_steps=2, method="gausslegendre")
    found = probe(box, n_players=2, order=5)
    # eq. (19): two Gauss nodes are exact up to order 4 and give 5·Q(5) = 35/36
    assert not found.name and found.nearest == "integrated_gradients"
    assert 4 * found.degree_factor["4"] == pytest.approx(1, abs=1e-9)
    assert 5 * found.degree_factor["5"] == pytest.approx(35 / 36, abs=1e-9)
    assert {sum(kappa) for kappa, *_ in found.misfits} == {5}
