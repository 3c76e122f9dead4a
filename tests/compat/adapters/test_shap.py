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


def smooth():
    return network(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))


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


def test_gradient_explainer_is_sampled_and_not_accused():
    # its own rows are in single precision, the audited copy is not
    report = ta.audit("shap:GradientExplainer", smooth(), inputs(), torch.zeros(1, 4), target=1, nsamples=50)
    assert report.noise["repeats"] >= 8 and report.exit_status in (0, 3) and report.no_leak.holds


def test_a_reference_that_is_the_input_does_not_lead():
    # at x there is nothing to see: no draw differs there, no sum breaks there
    x = inputs()
    references = torch.cat([x, torch.zeros(1, 4)])
    sampled = ta.audit("shap:GradientExplainer", smooth(), x, references, target=1, nsamples=20)
    assert sampled.noise["repeats"] >= 8 and sampled.complete.status != "fails"

    class Reused(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.act = nn.Linear(4, 4), nn.Linear(4, 2), nn.ReLU()

        def forward(self, x):
            return self.two(self.act(self.act(self.one(x)) - 0.1))

    torch.manual_seed(0)
    broken = ta.audit("shap:DeepExplainer", Reused().eval(), x, references, target=1)
    assert broken.complete.status == "fails" and broken.blame.found == "context"
    assert "act" in broken.blame.operation


def test_an_unknown_explainer_is_named():
    with pytest.raises(OptionError, match="KernelExplainer"):
        ta.audit("shap:TreeExplainer", network(nn.Linear(4, 1)), inputs(), target=0)
