"""Eq. (43): the component decides whether Deep SHAP shares by 1/s or by κ_i/m."""

from fractions import Fraction

import pytest
import torch
from torch import nn

import taylorattr as ta
from tests.allocation.units import Polynomial, Power, assert_same, case

pytestmark = pytest.mark.filterwarnings("ignore:deep_shap averages over a reference set")


@pytest.mark.parametrize("n", [2, 3, 6])
@pytest.mark.parametrize("activation", [Power(3), nn.ReLU(), nn.Tanh(), nn.Sigmoid()])
def test_a_neuron_as_component_shares_equally_whatever_its_activation(n, activation):
    unit = case(activation, n, seed=n, bias=0.6, baseline=True)
    direct = unit.scores("deep_shap", components="neuron")
    for frame in ("baseline", "input"):
        effects = ta.harsanyi(unit.unit, unit.x, unit.b, frame=frame)
        assert_same(ta.allocate("deep_shap", effects), direct)


def test_the_terms_of_a_coalition_are_shared_alike():
    assert ta.RULES["deep_shap"].ratio([3, 1, 0]).tolist() == [Fraction(1, 2), Fraction(1, 2), 0]
    unit = case(Power(3), 3, seed=2, bias=0.6, baseline=True)
    direct = unit.scores("deep_shap", components="neuron")
    assert_same(ta.allocate("deep_shap", unit.effects(3)), direct)


@pytest.mark.parametrize("activation", [Power(3), Polynomial(0.5, -1.0, 0.3)])
def test_the_mean_over_references_of_linear_and_activation_components(activation):
    unit = case(activation, 3, seed=1, bias=0.6)
    unit.b = torch.randn(4, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    direct = unit.scores("deep_shap")
    effects = [ta.decompose(unit.unit, unit.x, row[None], order=3) for row in unit.b]
    assert_same(ta.allocate("deep_shap/linear_activation", effects), direct)


def test_one_hidden_layer_of_neurons_is_shapley_of_the_network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1)).double().eval()
    x, b = torch.randn(2, 4).double(), torch.randn(1, 4).double()
    direct = ta.attribute("deep_shap", model, x, b, components="neuron").player_scores
    assert_same(ta.allocate("deep_shap", ta.harsanyi(model, x, b)), direct)


def test_a_maximum_is_shared_by_sorted_increments():
    """Values 1, 4, 6 against 0: increments 1/3, then 3/2, then 2."""
    x = torch.tensor([[4.0, 1.0, 6.0]], dtype=torch.float64)
    allocated = ta.allocate("deep_shap", ta.harsanyi(lambda t: t.amax(1), x))
    increments = torch.tensor([[1 / 3 + 3 / 2, 1 / 3, 1 / 3 + 3 / 2 + 2]], dtype=torch.float64)
    torch.testing.assert_close(allocated.player_scores, increments)
    direct = ta.attribute("deep_shap", lambda t: t.amax(1), x, torch.zeros(1, 3).double())
    torch.testing.assert_close(direct.player_scores, increments)


def test_the_two_components_differ():
    unit = case(Power(3), 3, seed=5)
    effects = unit.effects(3)
    with pytest.raises(AssertionError, match="off by"):
        assert_same(
            ta.allocate("deep_shap/linear_activation", effects), unit.scores("deep_shap", components="neuron")
        )
