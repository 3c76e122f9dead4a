import itertools
import math

import pytest
import torch
from torch import nn

from taylorattr.errors import OptionError, PrecisionWarning
from taylorattr.methods.method import attribute
from tests.methods.relevance.networks import POOLS, D, convolutional, draw, seeded


def one_layer(activation=nn.Tanh):
    return seeded(lambda: nn.Sequential(nn.Linear(4, 5), activation(), nn.Linear(5, 2)))


@pytest.mark.parametrize("components", ["linear_activation", "neuron"])
def test_complete_against_the_mean_over_references(components):
    model = convolutional(*POOLS["k3 s2 padded ceil"])
    x, references = draw(2, 2, 13, 13), draw(3, 2, 13, 13, seed=2)
    result = attribute("deep_shap", model, x, references, target=[0, 2], components=components, orders=4)
    assert (result.gap.abs() < 1e-12 * result.player_scores.abs().sum(1)).all()
    with torch.no_grad():
        mean = model(references)[:, [0, 2]].mean(0)
    torch.testing.assert_close(result.f_baseline, mean)
    assert result.diagnostics["references"] == 3


def test_linear_and_activation_components_are_rescale_averaged():
    model, x, references = one_layer(), draw(3, 4), draw(4, 4, seed=1)
    ours = attribute("deep_shap", model, x, references, target=1).player_scores
    theirs = attribute("deeplift_rescale", model, x, references=references, target=1).player_scores
    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-15)


def brute_force(f, x, b):
    """Shapley values by all orders."""
    n = len(x)
    total = torch.zeros(n, dtype=D)
    for order in itertools.permutations(range(n)):
        now = b.clone()
        for i in order:
            before = f(now)
            now[i] = x[i]
            total[i] += (f(now) - before) / math.factorial(n)
    return total


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
def test_whole_neurons_of_one_hidden_layer_give_the_shapley_values_of_the_network(activation):
    """Eq. (44): a linear readout of neurons shared by 1/|S|."""
    model, x, references = one_layer(activation), draw(2, 4), draw(3, 4, seed=1)
    ours = attribute("deep_shap", model, x, references, target=1, components="neuron").player_scores
    with torch.no_grad():
        expected = torch.stack(
            [sum(brute_force(lambda v: model(v[None])[0, 1], row, r) for r in references) / 3 for row in x]
        )
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)  # midpoints of short chords


LAYERS = {
    "conv1d strided": (lambda: nn.Conv1d(2, 3, 2, stride=2, padding=1), (2, 4)),
    "conv1d dilated": (lambda: nn.Conv1d(2, 4, 2, dilation=2, groups=2), (2, 5)),
    "conv2d": (lambda: nn.Conv2d(1, 2, 2, stride=2, padding=1), (1, 3, 3)),
    "conv2d grouped": (lambda: nn.Conv2d(4, 6, (2, 1), groups=2, dilation=(1, 2), padding=(1, 0)), (4, 3, 2)),
    "conv3d": (lambda: nn.Conv3d(1, 2, (2, 1, 2), stride=(1, 2, 1)), (1, 3, 2, 2)),
    "transposed 1d": (lambda: nn.ConvTranspose1d(2, 3, 3, stride=2, padding=1, output_padding=1), (2, 3)),
    "transposed 2d": (lambda: nn.ConvTranspose2d(2, 4, 2, groups=2, dilation=2, stride=(2, 1)), (2, 2, 2)),
    "transposed 3d": (lambda: nn.ConvTranspose3d(1, 2, (1, 2, 2), stride=2, padding=(0, 1, 0)), (1, 2, 2, 2)),
    "dense": (lambda: nn.Linear(4, 3), (4,)),
    "dense of rows": (lambda: nn.Linear(4, 3), (2, 4)),
    "dense of a grid": (lambda: nn.Linear(3, 2, bias=False), (2, 2, 3)),
}


@pytest.mark.parametrize("activation", [torch.tanh, torch.relu], ids=["tanh", "relu"])
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_the_dense_layer_of_its_matrix(name, activation):
    """Windows, groups, strides, dilations, transposition: only where the weights stand."""
    build, shape = LAYERS[name]
    layer = seeded(build)
    n = math.prod(shape)
    with torch.no_grad():
        bias = layer(torch.zeros(1, *shape, dtype=D)).flatten()
        matrix = layer(torch.eye(n, dtype=D).reshape(n, *shape)).flatten(1) - bias
    x, b = draw(2, *shape), draw(2, *shape, seed=5)
    read = torch.linspace(0.5, 1.5, len(bias), dtype=D)
    ours = attribute("deep_shap", lambda x: activation(layer(x)).flatten(1) @ read, x, b, components="neuron")
    theirs = attribute(
        "deep_shap",
        lambda v: activation(torch.addmm(bias, v, matrix)) @ read,
        x.flatten(1),
        b.flatten(1),
        components="neuron",
        orders=2000,
    )
    assert "units_apart" not in ours.diagnostics
    sampled = "sampled_modules" in theirs.diagnostics or "sampled_modules" in ours.diagnostics
    off = (ours.player_scores - theirs.player_scores).abs()
    if sampled:
        error = ours.standard_errors if ours.standard_errors is not None else torch.zeros_like(off)
        other = theirs.standard_errors if theirs.standard_errors is not None else torch.zeros_like(off)
        assert (off <= 6 * (error + other) + 1e-9).all()  # a t of seven degrees of freedom
    else:
        assert (off <= 1e-9).all()  # midpoints of short chords


def test_batch_norm_factors_and_views_belong_to_the_neuron():
    net = seeded(lambda: nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Unflatten(1, (2, 3)), nn.Tanh(), nn.Flatten()))  # fmt: skip  # noqa: E501
    with torch.no_grad():
        net[1].running_var.uniform_(0.5, 2), net[1].running_mean.uniform_(-1, 1)
    x, b = draw(2, 4), draw(1, 4, seed=3)
    model = lambda x: net(x).sum(1)  # noqa: E731
    result = attribute("deep_shap", model, x, b, components="neuron")
    expected = attribute("shapley", model, x, b).player_scores
    torch.testing.assert_close(result.player_scores, expected, rtol=1e-9, atol=1e-12)


def test_prelu_has_a_slope_for_each_neuron_and_other_units_are_named():
    net = seeded(lambda: nn.Sequential(nn.Linear(4, 3), nn.PReLU(3)))
    net[1].weight.data = torch.tensor([0.1, 0.5, 2.0], dtype=D)
    x, b = draw(2, 4), draw(1, 4, seed=3)
    model = lambda x: net(x).sum(1)  # noqa: E731
    result = attribute("deep_shap", model, x, b, components="neuron")
    expected = attribute("shapley", model, x, b).player_scores
    torch.testing.assert_close(result.player_scores, expected, rtol=1e-9, atol=1e-12)
    apart = attribute("deep_shap", lambda x: (x.sin() * x).sum(1), x, b, components="neuron")
    assert apart.diagnostics["units_apart"] == ["sin"]


def test_an_input_that_stands_still_has_the_limit_for_its_multiplier():
    """h = x1 − x2 with both moving alike: Δh = 0, yet x1 and x2 keep their shares ±E[σ′]."""
    w = torch.tensor([[1.0, 0.5], [-1.0, 0.3]], dtype=D)
    read = torch.tensor([[1.0], [1.0]], dtype=D)
    x, b = torch.ones(1, 2, dtype=D), torch.zeros(1, 2, dtype=D)

    def model(x):
        return torch.tanh((x @ w) @ read)[:, 0]

    result = attribute("deep_shap", model, x, b, components="neuron")
    end = 0.8
    steep = (1 + (1 - torch.tanh(torch.tensor(end, dtype=D)) ** 2)) / 2  # S empty or the other input
    slope = torch.tanh(torch.tensor(end, dtype=D)) / end
    expected = torch.stack([steep + 0.5 * slope, -steep + 0.3 * slope])
    torch.testing.assert_close(result.player_scores[0], expected, rtol=1e-9, atol=1e-12)
    assert abs(float(result.gap)) < 1e-14


def test_few_moving_inputs_are_enumerated_however_wide_the_layer():
    model = seeded(lambda: nn.Sequential(nn.Linear(40, 6), nn.Tanh(), nn.Linear(6, 1)))
    x = draw(2, 40)
    b = x[:1].clone()
    b[:, :7] += draw(1, 7, seed=3)
    result = attribute("deep_shap", model, x[:1], b, components="neuron")
    assert result.standard_errors is None and "orders" not in result.diagnostics
    small = lambda v: model(torch.cat([v, x[:1, 7:].expand(len(v), -1)], 1))  # noqa: E731
    expected = attribute("shapley", small, x[:1, :7], b[:, :7]).player_scores
    torch.testing.assert_close(result.player_scores[:, :7], expected, rtol=1e-9, atol=1e-12)
    assert (result.player_scores[:, 7:] == 0).all()


def test_standard_errors_cover_the_exact_scores_and_shrink_to_a_tolerance():
    model = seeded(lambda: nn.Sequential(nn.Linear(14, 8), nn.ReLU(), nn.Linear(8, 1)))
    x, b = draw(3, 14), draw(2, 14, seed=3)
    exact = sum(attribute("shapley", model, x, row[None]).player_scores for row in b) / 2
    few = attribute("deep_shap", model, x, b, components="neuron", orders=32)
    assert few.standard_errors is not None and few.standard_errors.shape == (3, 14)
    ratio = (few.player_scores - exact).abs() / few.standard_errors.clamp(min=1e-12)
    assert ratio.max() < 12 and 0.2 < ratio.median() < 2  # t of seven degrees of freedom, 42 of them
    close = attribute("deep_shap", model, x, b, components="neuron", orders=32, tol=2e-3)
    assert close.diagnostics["orders"] > 32
    limit = 2e-3 * close.player_scores.abs().sum(1, keepdim=True)
    assert (close.standard_errors <= limit).all()
    with pytest.warns(PrecisionWarning, match="after 4096 orders"):
        attribute("deep_shap", model, x[:1], b[:1], components="neuron", orders=4096, tol=1e-9)


def test_a_unit_that_cannot_reach_its_kink_is_exact():
    model = seeded(lambda: nn.Sequential(nn.Linear(20, 3), nn.ReLU()))
    model[0].bias.data.fill_(100.0)
    result = attribute("deep_shap", model, draw(2, 20), draw(1, 20), target=0, components="neuron")
    assert result.standard_errors is None
    torch.testing.assert_close(
        result.player_scores,
        (draw(2, 20) - draw(1, 20)) * model[0].weight[0].detach(),
        rtol=1e-12,
        atol=1e-14,
    )


def test_the_balance_has_every_operation_for_each_example_and_reference():
    model = convolutional(*POOLS["k3 s1"])
    result = attribute(
        "deep_shap", model, draw(2, 2, 13, 13), draw(3, 2, 13, 13, seed=2), target=0, balance=True
    )
    balance = result.diagnostics["balance"]
    assert len(balance) == 2 and all(len(of_references) == 3 for of_references in balance)
    for ledger in balance[0]:
        size = max(abs(entry["incoming"]) for entry in ledger)
        assert all(abs(entry["remainder"]) <= 1e-12 * size for entry in ledger)


def test_wide_neurons_are_sampled_stay_complete_and_come_near():
    model = seeded(lambda: nn.Sequential(nn.Linear(13, 6), nn.ReLU(), nn.Linear(6, 1)))
    x, b = draw(2, 13), draw(1, 13, seed=3)
    few = attribute("deep_shap", model, x, b, components="neuron", orders=4)
    many = attribute("deep_shap", model, x, b, components="neuron", orders=4000)
    assert (few.gap.abs() < 1e-13 * few.player_scores.abs().sum(1)).all()
    assert few.diagnostics["sampled_modules"] == ["1"] and few.diagnostics["orders"] == 4
    assert few.diagnostics["walks"] == 2
    exact = attribute("shapley", model, x, b).player_scores
    spread = (few.player_scores - exact).abs().max()
    assert (many.player_scores - exact).abs().max() < max(0.1 * spread, 0.02 * exact.abs().max())
    again = attribute("deep_shap", model, x, b, components="neuron", orders=4)
    assert torch.equal(again.player_scores, few.player_scores)


@pytest.mark.parametrize(
    ("options", "match"),
    [({"components": "layer"}, "components='layer'"), ({"orders": 3}, "orders=3"), ({"tol": 0.0}, "tol=0.0")],
)
def test_bad_options_are_refused(options, match):
    with pytest.raises(OptionError, match=match):
        attribute("deep_shap", one_layer(), draw(2, 4), draw(2, 4), target=0, **options)
