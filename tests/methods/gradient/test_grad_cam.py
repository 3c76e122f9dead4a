"""Grad-CAM against its definition, the effects of the feature maps' cells, and captum."""

import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr import toys
from taylorattr.errors import OptionError
from tests.methods.networks import Pooled, Residual, points, seeded


class GlobalAverage(nn.Module):
    """Two convolutions, global average pooling, a head of the pooled features."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1), nn.Tanh(), nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True)
        )
        self.head = head

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


def linear_head():
    return seeded(GlobalAverage(nn.Linear(4, 3)))


def quadratic_head():
    model = GlobalAverage(nn.Identity())
    model.head = toys.Polynomial({(1, 0, 0, 0): 2, (0, 2, 0, 0): 1, (1, 0, 1, 0): -1, (0, 0, 1, 2): 3})
    return seeded(model)


def by_hand(model, layer, rest, x, target):
    """L_p = Σ_k α_k A_p^k from the definition."""
    activation = layer(x).detach().requires_grad_()
    output = rest(activation)
    output = output if output.ndim == 1 else output[torch.arange(len(x)), target]
    (gradient,) = torch.autograd.grad(output.sum(), activation)
    alpha = gradient.mean((2, 3))
    return torch.einsum("bk,bkhw->bhw", alpha, activation.detach())


def test_it_is_its_definition_signed_and_with_the_relu():
    model, x, target = seeded(Pooled()), points(3, 1, 7, 7), [0, 3, 1]
    expected = by_hand(model, model.features, lambda a: model.head(a.flatten(1)), x, target)
    signed = ta.attribute("grad_cam", model, x, target=target, layer="features.4", relu=False)
    gated = ta.attribute("grad_cam", model, x, target=target, layer="features.4")
    torch.testing.assert_close(signed.player_scores, expected.flatten(1), rtol=0, atol=1e-13)
    torch.testing.assert_close(gated.player_scores, expected.relu().flatten(1), rtol=0, atol=1e-13)
    assert signed.diagnostics["head"].startswith("general")
    assert signed.names[5] == "features.4[1,2]"


@pytest.mark.parametrize("which", ["module", "name"])
def test_a_layer_is_found_by_module_or_name_and_the_model_left_alone(which):
    model, x = linear_head(), points(2, 2, 6, 6)
    layer = model.features[2] if which == "module" else "features.2"
    result = ta.attribute("grad_cam", model, x, target=1, layer=layer)
    assert result.diagnostics["layer"] == "features.2"
    assert all(not module._forward_hooks for module in model.modules())
    assert torch.equal(
        result.scores, ta.attribute("grad_cam", model, x, target=1).scores
    )  # the last convolution


def test_a_linear_head_behind_average_pooling_conserves_the_output_eq_23():
    model, x = linear_head(), points(2, 2, 6, 6)
    result = ta.attribute("grad_cam", model, x, target=[2, 0], layer="features", relu=False)
    torch.testing.assert_close(result.f_baseline, model.head.bias.detach()[[2, 0]], rtol=0, atol=1e-14)
    assert float(result.gap.abs().max()) < 1e-13
    assert result.diagnostics["head"].startswith("global average pooling")


def test_behind_average_pooling_each_term_of_the_cells_counts_as_often_as_its_degree_eq_23():
    model, x = quadratic_head(), points(1, 2, 5, 5)
    result = ta.attribute("grad_cam", model, x, layer="features", relu=False)
    cells = model.features(x).detach()
    positions = cells.shape[2] * cells.shape[3]
    pooled = cells.mean((2, 3))[0]
    # Σ_p L_p = Σ_κ |κ| I(κ): summed over cells the terms are those of the pooled features
    terms = model.head.effects(pooled.tolist())
    assert abs(float(result.player_scores.sum()) - sum(sum(k) * float(v) for k, v in terms.items())) < 1e-12
    # and position by position it is Gradient×Input of the cells
    leaf = cells.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model.head(leaf.mean((2, 3))).sum(), leaf)
    torch.testing.assert_close(
        result.player_scores[0], (leaf * gradient).sum(1).reshape(positions).detach(), rtol=0, atol=1e-13
    )


def test_a_general_head_leaks_to_positions_it_does_not_use_eq_24():
    layer = nn.Conv1d(1, 1, 1, bias=False).double()
    nn.init.ones_(layer.weight)
    model = nn.Sequential(layer, nn.Flatten()).eval()
    x = torch.tensor([[[3.0, 5.0]]], dtype=torch.float64)
    result = ta.attribute("grad_cam", model, x, target=0, layer="0", relu=False)
    # y = A_1, Z = 2: position 2 gets A_2/Z
    torch.testing.assert_close(result.player_scores, torch.tensor([[1.5, 2.5]], dtype=torch.float64))


def test_the_map_has_the_size_of_the_input():
    model, x = linear_head(), points(2, 2, 6, 8)
    result = ta.attribute("grad_cam", model, x, target=1, layer="features", relu=False)
    assert result.scores.shape == (2, 1, 6, 8)
    raw = ta.attribute("grad_cam", model, x, target=1, layer="features", relu=False, upsample=None)
    assert raw.scores.shape == (2, 1, 4, 6)
    torch.testing.assert_close(raw.scores.flatten(1), raw.player_scores)
    expected = nn.functional.interpolate(raw.scores, size=(6, 8), mode="bilinear", align_corners=False)
    torch.testing.assert_close(result.scores, expected)


def test_captum_parity():
    captum = pytest.importorskip("captum.attr")
    model, x = seeded(Pooled()), points(3, 1, 7, 7)
    theirs = captum.LayerGradCam(model, model.features[3]).attribute(x, target=[1, 0, 2])
    ours = ta.attribute(
        "grad_cam", model, x, target=[1, 0, 2], layer=model.features[3], relu=False, upsample=None
    )
    torch.testing.assert_close(ours.scores, theirs.detach(), rtol=1e-10, atol=1e-13)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x):
        return self.layer(self.layer(x)).mean((1, 2, 3))


@pytest.mark.parametrize(
    "model, options, message",
    [
        (linear_head, {"layer": "feature.2"}, "no layer 'feature.2'; did you mean 'features.2'"),
        (linear_head, {"layer": nn.Conv2d(2, 2, 1)}, "no part of this model"),
        (linear_head, {"layer": "head"}, "needs feature maps"),
        (linear_head, {"upsample": "cubic"}, "'linear', 'nearest' or None"),
        (linear_head, {"baselines": 1.0}, "baseline is feature maps of 0"),
        (linear_head, {"players": torch.zeros(2, 6, 6, dtype=torch.int64)}, "positions of the layer"),
    ],
)
def test_wrong_requests_say_what_to_do(model, options, message):
    with pytest.raises(OptionError, match=message):
        ta.attribute("grad_cam", model(), points(1, 2, 6, 6), target=0, **options)


def test_a_model_without_positions_and_a_layer_run_twice_are_refused():
    with pytest.raises(OptionError, match="no convolution"):
        ta.attribute("grad_cam", toys.mlp((4, 8, 2)), torch.ones(1, 4), target=0)
    with pytest.raises(OptionError, match="runs 2 times"):
        ta.attribute("grad_cam", seeded(Twice()), points(1, 1, 5, 5))


def test_a_failing_layer_leaves_no_hook_behind():
    model = seeded(Residual())
    with pytest.raises(OptionError):
        ta.attribute("grad_cam", model, points(1, 1, 6, 6), target=0, layer="head")
    assert all(not module._forward_hooks for module in model.modules())
