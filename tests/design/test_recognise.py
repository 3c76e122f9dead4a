"""A formula κ_i g_i/Σκ_j g_j is computed along the path that it is, whatever g is written as."""

import pytest
import torch

import taylorattr as ta
from taylorattr import toys

design = ta.design
X = torch.tensor([[0.3, -0.4, 0.2]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("ratio", "exponents"),
    [
        ("kappa[i]*g[i]/total(kappa[j]*g[j])", [1, 2, 3]),
        ("kappa[i]*g[i]**2/total(kappa[j]*g[j]**2)", [1, 4, 9]),
        ("kappa[i]*(1 + g[i])/(m + total(kappa[j]*g[j]))", [2, 3, 4]),
        ("kappa[i]/g[i]/total(kappa[j]/g[j])", [6, 3, 2]),
    ],
)
def test_it_is_the_power_path_of_its_weights(ratio, exponents):
    network = toys.mlp((3, 8, 1), "tanh", dtype=torch.float64)
    rule = design.rule("own_path", ratio, attributes={"g": [1, 2, 3]})
    found = rule(network, X)
    assert found.diagnostics["way"] == "path"
    reference = design.power_path(exponents, "known_path")(network, X)
    assert torch.allclose(found.player_scores, reference.player_scores, rtol=0, atol=1e-8)
    by_terms = rule(network, X, way="terms").player_scores
    assert torch.allclose(found.player_scores, by_terms, rtol=0, atol=1e-5)  # order 6 at |x| ≤ 0.4


def test_other_ratios_are_no_paths():
    rule = design.rule("own", "kappa[i]**2*g[i]/total(kappa[j]**2*g[j])", attributes={"g": [1, 2, 3]})
    assert [way.name for way in rule.ways] == ["terms"]


@pytest.mark.filterwarnings("ignore::taylorattr.errors.PrecisionWarning")
@pytest.mark.parametrize("weights", [[1, -2, 3], [0, 1, 2], [2, 0, 1]])
def test_weights_that_are_not_positive_are_no_path(weights):
    rule = design.rule("own", "kappa[i]*g[i]/total(kappa[j]*g[j])", attributes={"g": weights})
    found = rule(toys.mlp((3, 8, 1), "tanh", dtype=torch.float64), X)
    assert found.diagnostics["way"] == "terms"
    assert "positive" in found.diagnostics["passed_over"][0]
