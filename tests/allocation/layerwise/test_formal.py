"""Eq. (45)-(47): formal shares add up to every effect, leak nothing, and belong to the network."""

import numpy as np
import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.allocation.layerwise.formal import FormalAllocation, formal_allocation
from taylorattr.errors import BudgetError, MissingRuleError, OptionError
from tests.allocation.units import Polynomial, Power

METHODS = [
    ("deeplift_rescale", {}),
    ("deeplift_reveal_cancel", {}),
    ("deep_shap", {}),
    ("deep_shap", {"components": "neuron"}),
]
pytestmark = [
    pytest.mark.filterwarnings("ignore::taylorattr.errors.PrecisionWarning"),
    pytest.mark.filterwarnings("ignore::taylorattr.errors.TrainingModeWarning"),
]


def network(activation, widths=(3, 4, 3, 1), seed=0):
    torch.manual_seed(seed)
    layers = []
    for before, after in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(before, after), activation]
    return nn.Sequential(*layers[:-1]).double().eval()


def points(n=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda: torch.randn(1, n, generator=generator, dtype=torch.float64)  # noqa: E731
    return draw(), 0.3 * draw()


class SquareOfSquare(nn.Module):
    """(x1² + x2)² as it stands."""

    def forward(self, x):
        return torch.square(torch.square(x[:, 0]) + x[:, 1])


class SumOfPowers(nn.Module):
    """The same polynomial as one layer of powers of linear forms."""

    def forward(self, x):
        a, b = x[:, 0], x[:, 1]
        mixed = (torch.pow(a + b, 3) - torch.pow(a - b, 3) - 2 * torch.pow(b, 3)) / 3
        return torch.pow(a, 4) + mixed + torch.square(b)


class Difference(nn.Module):
    """Computes 0."""

    def __init__(self):
        super().__init__()
        self.first, self.second = SquareOfSquare(), SumOfPowers()

    def forward(self, x):
        return self.first(x) - self.second(x)


@pytest.mark.parametrize(("method", "options"), METHODS)
@pytest.mark.parametrize("activation", [nn.Tanh(), nn.Softplus(), nn.GELU(), Power(2), Polynomial(1.0, 0.5)])
def test_shares_are_complete_and_leak_nothing(method, options, activation):
    model, (x, b) = network(activation), points()
    found = formal_allocation(method, model, x, b, order=4, **options)
    effects = ta.decompose(model, x, b, order=4).values[0].numpy()
    size = np.abs(effects).max()
    np.testing.assert_allclose(found.effects, effects, atol=1e-12 * size, rtol=0)
    np.testing.assert_allclose(found.shares.sum(1), effects, atol=1e-12 * size, rtol=0)
    assert np.abs(found.shares.numpy()[found.multi_indices == 0]).max() <= 1e-12 * size


@pytest.mark.parametrize(("method", "options"), METHODS)
def test_shares_of_a_polynomial_network_add_up_to_the_methods_scores(method, options):
    """Squares of squares have order 4: nothing is truncated."""
    model, (x, b) = network(Power(2)), points()
    found = formal_allocation(method, model, x, b, order=4, **options)
    direct = ta.attribute(method, model, x, b, dtype=torch.float64, **options).player_scores[0].numpy()
    np.testing.assert_allclose(found.scores, direct, atol=1e-10 * np.abs(direct).max(), rtol=0)


@pytest.mark.parametrize(
    ("method", "options", "rule"),
    [("deeplift_rescale", {}, "deeplift_rescale"), ("deep_shap", {"components": "neuron"}, "deep_shap")],
)
def test_one_hidden_layer_realises_the_ratio_of_the_unit(method, options, rule):
    """Eq. (44)."""
    model, (x, b) = network(nn.Tanh(), (3, 5, 1)), points()
    found = formal_allocation(method, model, x, b, order=4, **options)
    expected = ta.RULES[rule].ratios(found.multi_indices)
    exists = np.isfinite(found.ratios.numpy())
    assert exists.all()
    np.testing.assert_allclose(found.ratios, expected, atol=1e-8)


def test_two_hidden_layers_realise_ratios_of_their_own():
    model, (x, b) = network(Power(2)), points()
    found = formal_allocation("deeplift_rescale", model, x, b, order=4)
    expected = ta.RULES["deeplift_rescale"].ratios(found.multi_indices)
    assert np.nanmax(np.abs(found.ratios.numpy() - expected)) > 0.05


def test_two_realisations_of_one_function_share_a_term_differently():
    """Eq. (47): (½, ½) against (⅔, ⅓)."""
    x = torch.tensor([[1.5, 0.7]], dtype=torch.float64)
    first = formal_allocation("deeplift_rescale", SquareOfSquare(), x)
    second = formal_allocation("deeplift_rescale", SumOfPowers(), x)
    row = first.row((2, 1))
    np.testing.assert_allclose(first.effects, second.effects, atol=1e-12)
    np.testing.assert_allclose(first.ratios[row], [1 / 2, 1 / 2], rtol=1e-12)
    np.testing.assert_allclose(second.ratios[row], [2 / 3, 1 / 3], rtol=1e-12)


def test_a_network_that_computes_zero_gets_scores_and_has_no_ratio():
    """Eq. (47): ∓x1²x2/3, realised by Rescale itself."""
    x = torch.tensor([[1.5, 0.7]], dtype=torch.float64)
    found = formal_allocation("deeplift_rescale", Difference(), x)
    third = 1.5**2 * 0.7 / 3
    np.testing.assert_allclose(found.shares[found.row((2, 1))], [-third, third], rtol=1e-12)
    assert found.without_ratio == [(2, 1)]
    assert bool(found.ratios[found.row((2, 1))].isnan().all())
    direct = ta.attribute("deeplift_rescale", Difference(), x, dtype=torch.float64).player_scores[0]
    np.testing.assert_allclose(found.scores, direct.numpy(), atol=1e-12)


def test_the_summary_and_the_file(tmp_path):
    x = torch.tensor([[1.5, 0.7]], dtype=torch.float64)
    found = formal_allocation("deeplift_rescale", SumOfPowers(), x)
    assert "I(x0^2·x1) = 3.15: x0 +2.1 (0.667), x1 +1.05 (0.333)" in repr(found)
    assert "1 terms cancel" in repr(formal_allocation("deeplift_rescale", Difference(), x))
    found.save(tmp_path / "formal.npz")
    torch.testing.assert_close(FormalAllocation.load(tmp_path / "formal.npz").shares, found.shares)


def test_the_summary_begins_with_what_is_handed_out_most():
    """34 terms of which eight are shown: by the largest share of each, not in the order of the table."""
    found = formal_allocation("deeplift_rescale", network(nn.Tanh()), *points())
    largest = sorted(found.shares.abs().amax(1).tolist(), reverse=True)[:8]
    lines = repr(found).splitlines()[1:9]
    shown = [max(abs(float(part.split()[1])) for part in line.split(": ")[1].split(", ")) for line in lines]
    np.testing.assert_allclose(shown, largest, rtol=1e-3)  # four digits are printed


def test_players_of_several_elements():
    model, (x, b) = network(nn.Tanh()), points()
    found = formal_allocation("deeplift_rescale", model, x, b, order=3, players=[[0, 2], [1]])
    effects = ta.decompose(model, x, b, order=3, players=[[0, 2], [1]]).values[0].numpy()
    np.testing.assert_allclose(found.shares.sum(1), effects, atol=1e-12)
    assert found.shares.shape == (9, 2)


def test_what_has_no_power_series_is_refused():
    x = torch.ones(1, 2).double()
    with pytest.raises(OptionError, match="no power series of the inputs"):
        formal_allocation("lrp_alpha_beta", network(nn.Tanh()), x)
    with pytest.raises(MissingRuleError, match="amax.*not analytic"):
        formal_allocation("deeplift_rescale", lambda t: t.amax(1), x)
    with pytest.raises(OptionError, match="stands on its kink"):
        formal_allocation("deeplift_rescale", lambda t: torch.relu(t.sum(1)), x)
    with pytest.raises(OptionError, match="one at a time"):
        formal_allocation("deeplift_rescale", lambda t: t.sum(1), x.expand(2, 2))
    with pytest.raises(OptionError, match="integer ≥ 1"):
        formal_allocation("deeplift_rescale", lambda t: t.sum(1), x, order=0)
    with pytest.raises(BudgetError, match="terms, more than"):
        formal_allocation("deeplift_rescale", lambda t: t.sum(1), torch.ones(1, 30).double(), order=6)
    with pytest.raises(OptionError, match="not in the table"):
        formal_allocation("deeplift_rescale", SquareOfSquare(), x).row((9, 9))
