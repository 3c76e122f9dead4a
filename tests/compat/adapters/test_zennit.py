"""zennit's attributors and composites under an audit; skipped without zennit, which needs torchvision."""

import pytest
import torch
from torch import nn

import taylorattr as ta
import taylorattr.compat.adapters  # noqa: F401  registers the names
from taylorattr.errors import MissingExtraError, OptionError
from tests.methods.networks import points, seeded


def network(bias):
    layers = (nn.Linear(4, 8, bias=bias), nn.ReLU(), nn.Linear(8, 6, bias=bias), nn.ReLU())
    return seeded(nn.Sequential(*layers, nn.Linear(6, 2, bias=bias)), seed=1)


X, B = points(1, 4, seed=2), points(1, 4, seed=3) / 3


def test_without_zennit_it_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "zennit.attribution", None)
    with pytest.raises(MissingExtraError, match="needs torchvision: pip install zennit"):
        ta.audit("zennit:EpsilonPlus", network(True), X, target=0)


def test_unknown_names_say_what_there_is():
    with pytest.raises(OptionError, match="known: Gradient, SmoothGrad"):
        ta.audit("zennit:Foo", network(True), X, target=0)


class TestWithZennit:
    @pytest.fixture(autouse=True)
    def zennit(self):
        pytest.importorskip(
            "zennit", reason="zennit, which needs torchvision, is not installed", exc_type=ImportError
        )

    @pytest.mark.parametrize("name", ["EpsilonPlus", "EpsilonAlpha2Beta1", "Gradient"])
    def test_relevance_adds_up_without_biases(self, name):
        settings = {"composite": "EpsilonPlus"} if name == "Gradient" else {}
        report = ta.audit(f"zennit:{name}", network(False), X, target=1, epsilon=1e-12, **settings)
        assert report.complete.status in ("holds", "holds_to") and report.no_leak.holds and not report.misuse

    def test_relevance_is_that_of_lrp_epsilon(self):
        model = network(True)
        report = ta.audit("zennit:EpsilonPlus", model, X, target=1, epsilon=1e-9)
        own = ta.attribute("lrp_epsilon", model, X, target=1, epsilon=1e-9, dtype=torch.float64)
        scores = report.allocation.sum(-1)  # Σ_S A_i(S) = a_i(x)
        torch.testing.assert_close(scores, own.player_scores, rtol=1e-6, atol=1e-9)

    def test_what_biases_keep_is_told(self):
        report = ta.audit("zennit:EpsilonPlus", network(True), X, target=1)
        assert report.complete.status == "fails"
        assert "lets biases keep their part" in report.blame.statement

    def test_a_skip_that_zennit_counts_twice_is_blamed(self):
        class Residual(nn.Module):
            def __init__(self):
                super().__init__()
                self.one, self.two, self.act = nn.Linear(4, 4), nn.Linear(4, 1), nn.ReLU()

            def forward(self, x):
                return self.two(x + self.act(self.one(x)))

        report = ta.audit("zennit:EpsilonPlus", seeded(Residual(), seed=2), X, target=0)
        assert (report.blame.operation, report.blame.kind) == ("add", "residual addition")

    def test_integrated_gradients_use_the_baseline_and_refine(self):
        model = seeded(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)), seed=1)
        report = ta.audit("zennit:IntegratedGradients", model, X, B, target=0, n_iter=200)
        assert report.complete.status == "holds_to" and report.no_leak.holds
        assert report.refinement.cause == "numerical"

    def test_gradients_are_no_attribution(self):
        report = ta.audit("zennit:Gradient", network(True), X, B, target=0)
        assert report.misuse[0].kind == "scores at baseline"
        assert "absolute" not in report.misuse[0].kind

    def test_several_inputs_are_joined(self):
        class Two(nn.Module):
            def __init__(self):
                super().__init__()
                self.one, self.two = nn.Linear(2, 3, bias=False), nn.Linear(5, 1, bias=False)

            def forward(self, x, y):
                return self.two(torch.cat([torch.relu(self.one(x)), y], dim=1))

        model, parts = seeded(Two(), seed=3), (X[:, :2], X[:, 2:])
        report = ta.audit("zennit:EpsilonPlus", model, parts, target=0, epsilon=1e-12)
        assert report.complete.status in ("holds", "holds_to")
        with pytest.raises(OptionError, match="the inputs are several"):
            ta.audit("zennit:Occlusion", model, parts, target=0)

    def test_missing_and_unknown_settings_are_named(self):
        with pytest.raises(OptionError, match="needs low= and high="):
            ta.audit("zennit:EpsilonGammaBox", network(True), X, target=0)
        with pytest.raises(OptionError, match="no setting 'foo'; it has: .*n_iter"):
            ta.audit("zennit:SmoothGrad", network(True), X, target=0, foo=1)
