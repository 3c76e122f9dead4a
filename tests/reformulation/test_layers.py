"""Back-propagation methods: units, formal shares, and where no ratio exists."""

from dataclasses import replace

import pytest
import torch

import taylorattr as ta
from taylorattr.allocation.symbols import Indicator, kappa
from tests.allocation.units import case as unit_case
from tests.reformulation.networks import TanhNetwork, at, references


class Square(torch.nn.Module):
    """(x1² + x2)² as a square of a sum, less the same expanded: a network that computes 0 by cancellation."""

    def __init__(self, cancelled):
        super().__init__()
        self.cancelled = cancelled

    def forward(self, x):
        whole = (x[:, 0] ** 2 + x[:, 1]) ** 2
        if not self.cancelled:
            return whole
        a, b, c = x[:, 0] ** 4, x[:, 1] ** 2, (x[:, 0] ** 2 + x[:, 1]) ** 2
        del c
        mixed = ((x[:, 0] + x[:, 1]) ** 3 + (x[:, 1] - x[:, 0]) ** 3 - 2 * x[:, 1] ** 3) / 6  # x1² x2
        return whole - a - b - 2 * mixed


def test_formal_shares_with_realised_ratios():
    found = ta.reformulate("deeplift_rescale", Square(False).eval(), torch.tensor([[1.0, 2.0]]).double())
    assert found.formal is not None and found.explained.all()
    # eq. (47): the square of a sum gives x1² x2 in halves
    assert found.formal.ratios[found.formal.row((2, 1))].tolist() == pytest.approx([0.5, 0.5])
    assert "(0.5)" in str(found) and any("belong to this network" in r for r in found.remarks)


def test_where_no_ratio_exists():
    found = ta.reformulate("deeplift_rescale", Square(True).eval(), torch.tensor([[1.0, 2.0]]).double())
    assert found.explained.all()
    assert float(found.direct.f_input) == pytest.approx(0)
    assert found.formal is not None and (2, 1) in found.formal.without_ratio
    # Rescale returns ∓x1² x2/3 for a function that is 0
    assert found.direct.player_scores[0].tolist() == pytest.approx([-2 / 3, 2 / 3])
    assert any("no ratio exists, eq. (47): (2, 1)" in r for r in found.remarks)


def test_several_examples_have_no_formal_shares():
    found = ta.reformulate("deeplift_rescale", TanhNetwork(4), at())
    assert found.formal is None
    assert any("come with one example" in remark for remark in found.remarks)


def test_relevance_methods_have_none_at_all():
    found = ta.reformulate("lrp_epsilon", TanhNetwork(4), at(batch=1))
    assert found.formal is None
    assert any("no power series of the inputs, eq. (48)" in remark for remark in found.remarks)


def test_each_layer_says_what_it_hands_down():
    network = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)
    ).double()
    found = ta.reformulate("deep_shap", network.eval(), at(), references(), components="neuron")
    assert found.explained.all() and found.layers is not None
    units = [layer for layer in found.layers.layers if layer.kind == "unit"]
    assert len(units) == 2 and all(layer.ratio for layer in units)
    for layer in found.layers.layers:
        torch.testing.assert_close(layer.relevance_in, layer.relevance_out, rtol=1e-9, atol=1e-12)
    assert "w = " in str(found)


RULES = {
    "lrp_epsilon": ("lrp_epsilon", "u c epsilon"),
    "lrp_alpha_beta": ("lrp_alpha_beta/bias", "u c"),
    "deep_taylor": ("deep_taylor", "u"),
    "deeplift_rescale": ("deeplift_rescale", ""),
    "deeplift_reveal_cancel": ("deeplift_reveal_cancel", "u"),
    "deep_shap": ("deep_shap/linear_activation", ""),
}


@pytest.mark.parametrize("name", RULES)
def test_the_units_follow_the_rule_and_no_other(name):
    """The layers sum a unit's terms in closed form: on one unit Σ w·I, and not with a wrong entry."""
    rule, quantities = RULES[name]
    differences = name in ("deeplift_rescale", "deeplift_reveal_cancel", "deep_shap")
    # one example, for the reference set of deep_shap; inside the radius of convergence
    unit = unit_case(torch.nn.Tanh(), 4, seed=6, bias=0.3, baseline=differences, rows=1, reach=0.9)
    given = {"u": unit.u, "c": 0.3, "epsilon": 1e-6}
    context = {quantity: given[quantity] for quantity in quantities.split()}
    args = (unit.b,) if differences else ()
    found = ta.reformulate(name, unit.unit, unit.x, *args, order=5)
    assert found.explained.all() and found.layers is not None
    right = ta.RULES[rule]
    entry = Indicator(kappa[0] >= 1) * Indicator(kappa[1] >= 1)
    wrong = replace(right, symbolic=right.symbolic * (1 + entry / 100))
    size = float(found.layers.scores.abs().max())
    for chosen, same in ((right, True), (wrong, False)):
        allocated = ta.allocate(chosen, unit.effects(5), context).player_scores
        assert (float((allocated - found.layers.scores).abs().max()) <= 1e-12 * size) is same
