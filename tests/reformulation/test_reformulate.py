"""Laws that hold for every method: the same scores twice, and a wrong ratio is noticed."""

from dataclasses import replace

import pytest
import torch

import taylorattr as ta
from taylorattr.allocation.rule import RULES
from taylorattr.allocation.symbols import Indicator, kappa
from taylorattr.errors import DtypeError, OptionError
from taylorattr.reformulation.reformulate import OF_FAMILY, WITH_A_CONTEXT
from taylorattr.toys import Polynomial
from tests.allocation.networks import WIDTHS
from tests.reformulation.networks import LAYERS, TanhNetwork, at, references, reformulated, relu_network

TERMS = ("gradient_x_input", "integrated_gradients", "expected_gradients")
COALITIONS = ("occlusion_1", "occlusion_patch", "prediction_difference", "shapley")


def test_every_method_has_an_answer():
    assert {entry.family for entry in ta.METHODS.values()} <= OF_FAMILY.keys()
    assert WITH_A_CONTEXT.keys() <= ta.METHODS.keys()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", TERMS)
def test_smooth_networks_within_the_bound(name, width):
    network, x = TanhNetwork(width), at()
    sizes = []
    for order in (2, 4, 6):
        found = reformulated(name, network, x, order)
        assert found.explained.all(), found
        sizes.append(float(found.difference.abs().max()))
        # not vacuous: what is allowed is no more than 100 times what is there
        assert float(found.allowed.max()) <= 100 * sizes[-1] + 1e-11
    assert sizes[-1] < 0.02 * sizes[0]


@pytest.mark.parametrize("width", WIDTHS)
def test_smooth_networks_with_noise(width):
    found = reformulated("smooth_grad", TanhNetwork(width), at(), 5)
    assert found.explained.all(), found
    assert float(found.difference.abs().max()) < 2e-2


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", COALITIONS)
@pytest.mark.parametrize("network", [TanhNetwork, lambda width: relu_network(3, width)])
def test_sums_of_coalitions_are_exact_for_any_network(name, width, network):
    found = reformulated(name, network(width), at())
    assert float(found.difference.abs().max()) <= 1e-12
    assert found.explained.all()


@pytest.mark.parametrize("width", (4, 16))
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("network", [TanhNetwork, lambda width: relu_network(3, width)])
def test_layers_chained_are_the_method(name, width, network):
    found = reformulated(name, network(width), at())
    assert float(found.relative_difference.max()) <= 1e-9
    assert found.explained.all()
    assert found.layers is not None and len(found.layers.layers) >= 3


POLYNOMIAL = {
    (0, 0, 0): 1,
    (1, 0, 0): 3,
    (2, 0, 0): 1,
    (1, 2, 0): 3,
    (1, 1, 1): -2,
    (0, 0, 3): 1,
    (0, 1, 0): -1,
}


@pytest.mark.parametrize("name", [*TERMS, *COALITIONS])
def test_polynomials_are_exact(name):
    found = reformulated(name, Polynomial(POLYNOMIAL), at())
    assert float(found.relative_difference.max()) <= 1e-10
    assert found.explained.all()


def test_polynomials_under_noise_are_exact():
    for stdev in (0.3, 2.0):
        found = ta.reformulate("smooth_grad", Polynomial(POLYNOMIAL), at(), stdev=stdev, mode="exact")
        assert float(found.relative_difference.max()) <= 1e-10
        assert found.explained.all()
        assert float(found.errors["truncation"].max()) == 0


WRONG = {
    "gradient_x_input": "gradient_x_input",
    "integrated_gradients": "integrated_gradients",
    "expected_gradients": "expected_gradients",
    "occlusion_1": "occlusion_1",
    "occlusion_patch": "occlusion_patch/windows",
    "prediction_difference": "prediction_difference",
    "shapley": "shapley",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_entry_is_not_explained(name, monkeypatch):
    right = RULES[WRONG[name]]
    entry = Indicator(kappa[0] >= 1) * Indicator(kappa[1] >= 1)
    wrong = replace(right, symbolic=right.symbolic * (1 + entry / 100))
    monkeypatch.setitem(RULES._entries, WRONG[name], wrong)
    found = reformulated(name, TanhNetwork(16), at(), 6)
    assert not found.explained.all()
    assert "NOT EXPLAINED" in str(found)


def test_a_wrong_entry_under_noise_is_not_explained(monkeypatch):
    right = RULES["smooth_grad"]
    entry = Indicator(kappa[0] >= 1) * Indicator(kappa[1] >= 1)
    monkeypatch.setitem(
        RULES._entries, "smooth_grad", replace(right, symbolic=right.symbolic * (1 + entry / 100))
    )
    found = ta.reformulate("smooth_grad", Polynomial(POLYNOMIAL), at(), stdev=0.3, mode="exact")
    assert not found.explained.all()


def test_the_mean_over_references():
    rows = references()
    network, x = TanhNetwork(8), at()
    for name in ("integrated_gradients", "gradient_x_input", "occlusion_1", "shapley"):
        found = ta.reformulate(name, network, x, references=rows, order=5)
        each = [ta.reformulate(name, network, x, row[None], order=5) for row in rows]
        assert found.explained.all()
        mean = torch.stack([r.allocated.player_scores for r in each]).mean(0)
        torch.testing.assert_close(found.allocated.player_scores, mean, rtol=0, atol=1e-14)
        torch.testing.assert_close(found.matrix(1).sum(0), mean[1], rtol=0, atol=1e-14)
        torch.testing.assert_close(found.matrix(1, reference=2), each[2].matrix(1), rtol=0, atol=1e-14)


def test_expected_gradients_is_the_mean_of_integrated_gradients():
    network, x = TanhNetwork(8), at()
    sampled = ta.reformulate("expected_gradients", network, x, references(), order=5)
    assert sampled.explained.all()  # within the standard errors of the samples
    full = ta.reformulate("expected_gradients", network, x, references(), order=5, mode="full")
    assert full.explained.all()
    # the spread of the references is common to both and explains nothing
    assert "sampling" in sampled.errors and "sampling" not in full.errors
    mean = ta.reformulate("integrated_gradients", network, x, references=references(), order=5)
    torch.testing.assert_close(full.allocated.player_scores, mean.allocated.player_scores)


class Two(torch.nn.Module):
    """Two inputs of different shape, two outputs, an extra argument."""

    def forward(self, a, b, scale):
        y = torch.tanh(a.sum(1) * 0.3 + (b * 0.2).flatten(1).prod(1)) * scale
        return torch.stack([y, y**2 + a[:, 0]], 1)


@pytest.mark.every(4)
@pytest.mark.parametrize("target", [1, [1, 0], torch.tensor([1, 0]), lambda out: out.sum(1)])
@pytest.mark.parametrize("name", ["integrated_gradients", "gradient_x_input", "occlusion_1", "shapley"])
def test_several_inputs_targets_and_arguments(name, target):
    a, b = at(2), at(2).reshape(2, 2, 1)
    scale = torch.tensor([1.0, 0.5]).double()
    players = ta.Players([[0, 2], [1, 3]], names=("left", "right"))
    for grouped in (None, players):
        found = ta.reformulate(
            name, Two().eval(), (a, b), target=target, additional_forward_args=(scale,), order=6,
            players=grouped,
        )  # fmt: skip
        assert found.explained.all()
        assert found.names == (found.names if grouped is None else ("left", "right"))


def test_elements_outside_the_players():
    network, x = TanhNetwork(8), at()
    for rest in ("fixed", "baseline"):
        players = ta.Players([[0], [2]], names=("a", "c"), rest=rest)
        for name in ("integrated_gradients", "gradient_x_input", "smooth_grad", "shapley"):
            options = {"stdev": 0.01, "n_samples": 4000} if name == "smooth_grad" else {}
            found = ta.reformulate(name, network, x, players=players, order=5, **options)
            assert found.explained.all(), found


def test_single_precision_models():
    network, x = TanhNetwork(8).float(), at().float()
    for name in ("integrated_gradients", "shapley", "deeplift_rescale"):
        found = reformulated(name, network, x, 6)
        assert found.explained.all() and found.direct.player_scores.dtype == torch.float64


def test_numbers_and_one_row_as_baselines():
    network, x = TanhNetwork(8), at()
    for baselines in (0.1, torch.full((1, 3), 0.1), torch.full((2, 3), 0.1)):
        assert ta.reformulate("integrated_gradients", network, x, baselines, order=5).explained.all()
        assert ta.reformulate("deeplift_rescale", network, x, baselines).explained.all()


class Tokens(torch.nn.Module):
    """Token ids -> a product of embeddings."""

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(5, 1).double()
        torch.nn.init.constant_(self.table.weight, 0.5)
        with torch.no_grad():
            self.table.weight += torch.arange(5.0)[:, None]

    def forward(self, ids):
        return self.table(ids)[..., 0].prod(1)


def test_integer_inputs():
    ids = torch.tensor([[1, 2, 3], [4, 0, 1]])
    zeros = torch.zeros_like(ids)
    for name in ("occlusion_1", "occlusion_patch", "shapley"):
        assert ta.reformulate(name, Tokens().eval(), ids, zeros).explained.all()
    found = ta.reformulate(
        "prediction_difference", Tokens().eval(), ids, torch.tensor([[0, 0, 0], [1, 1, 1]])
    )
    assert found.explained.all()
    with pytest.raises(DtypeError):
        ta.reformulate("integrated_gradients", Tokens().eval(), ids, zeros)
    with pytest.raises(
        OptionError, match="integer inputs no Taylor effects to stand for them.*group the inputs"
    ):
        ta.reformulate("shapley", Tokens().eval(), ids, zeros, max_players=2)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("integrated_gradients", {"order": 0}, "order=0; expected a whole number"),
        ("integrated_gradients", {"frame": "x"}, "frame='x'; expected 'baseline', 'input'"),
        ("integrated_gradients", {"multiply_by": "none"}, "shares nothing out"),
        ("gradient_x_input", {"multiply_by": "none"}, "shares nothing out"),
        ("smooth_grad", {"multiply_by": "input"}, "is not a sum of effects"),
        ("deeplift_rescale", {"frame": "input"}, "expanded at each unit"),
        ("prediction_difference", {"frame": "input"}, "no ratio in frame 'input'"),
        ("prediction_difference", {"form": "log_odds"}, "no sum of effects of f nor of logit f"),
        ("lrp_epsilon", {"composite": "EpsilonPlus"}, "composite='EpsilonPlus' has no ratios of units"),
        ("deeplift_rescale", {"references": torch.zeros(2, 3)}, "one baseline at a time"),
        ("shapley", {"orders": 3}, "has no option 'orders'"),
    ],
)
def test_what_cannot_be_asked(name, options, message):
    model = torch.nn.Sequential(TanhNetwork(4), torch.nn.Sigmoid()).eval()
    baselines = references() if name == "prediction_difference" else None
    with pytest.raises(OptionError, match=message):
        ta.reformulate(name, model, at(), baselines, **options)
