"""shap's explainers under an audit."""

import pytest
import torch
from torch import nn

import taylorattr as ta
import taylorattr.compat.adapters  # noqa: F401  registers the names
from taylorattr.errors import OptionError

pytest.importorskip("shap", reason="shap is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")


def network(*layers):
    torch.manual_seed(0)
    return nn.Sequential(*layers).eval()


def inputs(batch=1):
    return torch.randn(batch, 4, generator=torch.Generator().manual_seed(1))


def test_deep_explainer_is_complete_where_its_rules_are_right():
    model = network(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    report = ta.audit("shap:DeepExplainer", model, inputs(), torch.zeros(2, 4), target=1)
    assert [v.status for v in report.verdicts] == ["holds", "holds", "holds"]


def test_kernel_explainer_gives_the_shapley_values_of_the_players():
    model = network(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1))
    players = ta.Players([[0, 1], [2], [3]])
    report = ta.audit("shap:KernelExplainer", model, inputs(), target=0, players=players, repeats=3)
    assert report.complete.status in ("holds", "holds_to")
    exact = ta.attribute("shapley", model, inputs(), target=0, players=players, dtype=torch.float64)
    torch.testing.assert_close(report.allocation.sum(-1), exact.player_scores, rtol=1e-5, atol=1e-7)


def test_an_unknown_explainer_is_named():
    with pytest.raises(OptionError, match="KernelExplainer"):
        ta.audit("shap:TreeExplainer", network(nn.Linear(4, 1)), inputs(), target=0)
