"""Inputs, baselines, masks, targets and further arguments in the forms people have them."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import taylorattr as ta
from taylorattr.errors import TaylorAttrError

torch.manual_seed(0)
IMAGE = torch.rand(2, 3, 4, 4, dtype=torch.float64)
CNN = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3)).double().eval()
SEGMENTS = torch.arange(16).reshape(4, 4) // 4
"""A segmentation of the pixels, as image libraries give it."""


def quiet(call: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call()


# --------------------------------------------------------------------------------------------- masks

EXPECTED = ta.Players.from_mask(SEGMENTS.expand(3, 4, 4))

MASKS: dict[str, Callable[[], Any]] = {
    "(H, W)": lambda: SEGMENTS,
    "(1, H, W)": lambda: SEGMENTS[None],
    "(1, 1, H, W)": lambda: SEGMENTS[None, None],
    "(C, H, W)": lambda: SEGMENTS.expand(3, 4, 4),
    "(1, C, H, W)": lambda: SEGMENTS.expand(1, 3, 4, 4),
    "(B, C, H, W), the same for all": lambda: SEGMENTS.expand(2, 3, 4, 4),
    "numpy (H, W)": lambda: SEGMENTS.numpy(),
    "numpy int32": lambda: SEGMENTS.numpy().astype(np.int32),
    "uint8": lambda: SEGMENTS.to(torch.uint8),
    "from_mask (H, W)": lambda: ta.Players.from_mask(SEGMENTS),
    "from_mask (1, 1, H, W)": lambda: ta.Players.from_mask(SEGMENTS[None, None]),
    "from_mask, numpy": lambda: ta.Players.from_mask(SEGMENTS.numpy()),
    "from_mask, rest=fixed": lambda: ta.Players.from_mask(SEGMENTS, rest="fixed"),
    "from_mask, rest=baseline": lambda: ta.Players.from_mask(SEGMENTS, rest="baseline"),
    "from_mask with names": lambda: ta.Players.from_mask(SEGMENTS, names=["a", "b", "c", "d"]),
    "numbers with gaps": lambda: SEGMENTS * 10 + 7,
}
"""One segmentation in the forms it comes in."""

CALLS: dict[str, Callable[[Any], Tensor]] = {
    "harsanyi": lambda p: ta.harsanyi(CNN, IMAGE, target=0, players=p).values,
    "decompose": lambda p: ta.decompose(CNN, IMAGE, target=0, players=p, order=1).values,
    "shapley": lambda p: ta.attribute("shapley", CNN, IMAGE, target=0, players=p).player_scores,
    "occlusion_1": lambda p: ta.attribute("occlusion_1", CNN, IMAGE, target=0, players=p).player_scores,
    "integrated_gradients": lambda p: (
        ta.attribute("integrated_gradients", CNN, IMAGE, target=0, players=p).player_scores
    ),
    "hessian": lambda p: ta.hessian(CNN, IMAGE, target=0, players=p),
}


@pytest.mark.every(3)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("mask", MASKS)
def test_a_segmentation_moves_all_channels(mask: str, call: str) -> None:
    assert torch.allclose(quiet(lambda: CALLS[call](MASKS[mask]())), quiet(lambda: CALLS[call](EXPECTED)))


def test_a_mask_over_channels_spreads_over_pixels() -> None:
    channels = torch.arange(3)[:, None, None]
    found = quiet(lambda: ta.harsanyi(CNN, IMAGE, target=0, players=channels))
    assert torch.equal(
        found.values,
        quiet(lambda: ta.harsanyi(CNN, IMAGE, target=0, players=channels.expand(3, 4, 4))).values,
    )


@pytest.mark.parametrize(
    "mask",
    [SEGMENTS[:3], torch.zeros(5, 4, 4).long(), torch.zeros(4).long()[:3], torch.zeros(2, 2, 3, 4, 4).long()],
)
def test_a_mask_that_does_not_fit_is_not_answered_with_rest(mask: Tensor) -> None:
    for given in (mask, ta.Players.from_mask(mask)):
        with pytest.raises(TaylorAttrError) as caught:
            quiet(lambda g=given: ta.harsanyi(CNN, IMAGE, target=0, players=g))
        assert "rest='fixed'" not in str(caught.value)


def test_a_mask_for_each_example_is_taken_or_refused_in_words() -> None:
    masks = torch.stack([SEGMENTS, SEGMENTS.T]).expand(3, 2, 4, 4).transpose(0, 1)
    alone = [
        quiet(lambda i=i: ta.attribute("shapley", CNN, IMAGE[i : i + 1], target=0, players=masks[i]))
        for i in (0, 1)
    ]
    try:
        found = quiet(lambda: ta.attribute("shapley", CNN, IMAGE, target=0, players=masks))
    except TaylorAttrError as error:
        assert "example" in str(error)
        return
    assert torch.allclose(found.player_scores, torch.cat([a.player_scores for a in alone]))


def test_indices_of_pixels_are_not_taken_for_the_first_channel() -> None:
    pixels = [list(range(0, 8)), list(range(8, 16))]
    with pytest.raises(TaylorAttrError, match=r"mask of shape \(4, 4\)") as caught:
        ta.harsanyi(CNN, IMAGE, target=0, players=pixels)
    assert "rest='fixed'" not in str(caught.value)


def test_a_mask_over_the_leading_dimension_is_told_how_to_spread() -> None:
    tokens = torch.rand(2, 5, 4, dtype=torch.float64)
    with pytest.raises(TaylorAttrError, match=r"pass mask\[\.\.\., None\]"):
        ta.harsanyi(lambda z: z.sum((1, 2)), tokens, players=torch.arange(5))
    found = ta.harsanyi(lambda z: z.sum((1, 2)), tokens, players=torch.arange(5)[..., None])
    assert torch.allclose(found.order_values(1), tokens.sum(2))


# ----------------------------------------------------------------------------------------- baselines

MEANS = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64)

BASELINES: dict[str, Callable[[], Any]] = {
    "(1, C, 1, 1)": lambda: MEANS[None, :, None, None],
    "(C, 1, 1)": lambda: MEANS[:, None, None],
    "(B, C, 1, 1)": lambda: MEANS[None, :, None, None].expand(2, 3, 1, 1),
    "(C, H, W)": lambda: MEANS[:, None, None].expand(3, 4, 4),
    "(1, 1, 1, 1) per channel": lambda: MEANS[None, :, None, None].expand(1, 3, 4, 4),
    "numpy": lambda: MEANS[:, None, None].numpy(),
}


@pytest.mark.parametrize(
    "method", ["integrated_gradients", "deeplift_rescale", "shapley", "occlusion_1", "harsanyi", "decompose"]
)
@pytest.mark.parametrize("baseline", BASELINES)
def test_baselines_broadcast(baseline: str, method: str) -> None:
    def asked(b: Any) -> Tensor:
        if method == "harsanyi":
            return ta.harsanyi(CNN, IMAGE, b, target=0, players=EXPECTED).values
        if method == "decompose":
            return ta.decompose(CNN, IMAGE, b, target=0, players=EXPECTED, order=1).values
        return ta.attribute(method, CNN, IMAGE, b, target=0, players=EXPECTED).player_scores

    full = MEANS[None, :, None, None].expand(1, 3, 4, 4)
    assert torch.allclose(quiet(lambda: asked(BASELINES[baseline]())), quiet(lambda: asked(full)))


# -------------------------------------------------------------------------------- one number per example

T = torch.tensor([1.5, -0.5], dtype=torch.float64)
ROWS = torch.tensor([[0.5, 1.0, -1.0], [2.0, 0.3, 0.7]], dtype=torch.float64)

ONE_NUMBER: dict[str, Callable[[Any, Any], Any]] = {
    "harsanyi": lambda f, x: ta.harsanyi(f, x).values,
    "decompose": lambda f, x: ta.decompose(f, x, order=2).values,
    "degree_by_support": lambda f, x: ta.degree_by_support(f, x, order=2)[0].values,
    "integrated_hessians": lambda f, x: ta.integrated_hessians(f, x).values,
    "hessian": lambda f, x: ta.hessian(f, x),
    **{
        name: lambda f, x, name=name: ta.attribute(name, f, x).player_scores
        for name in (
            "integrated_gradients",
            "gradient_x_input",
            "smooth_grad",
            "shapley",
            "occlusion_1",
            "deeplift_rescale",
            "deeplift_reveal_cancel",
            "lrp_epsilon",
            "deep_taylor",
        )
    },
    "audit": lambda f, x: torch.tensor([ta.audit("shapley", f, x).complete.statistic]),
}


@pytest.mark.parametrize("call", ONE_NUMBER)
def test_an_input_of_one_number_per_example(call: str) -> None:
    found = quiet(lambda: ONE_NUMBER[call](lambda t: t * t.sin(), T))
    expected = quiet(lambda: ONE_NUMBER[call](lambda t: (t * t.sin())[:, 0], T[:, None]))
    assert torch.allclose(found, expected)


@pytest.mark.parametrize("call", ONE_NUMBER)
def test_one_number_per_example_beside_a_table(call: str) -> None:
    found = quiet(lambda: ONE_NUMBER[call](lambda x, t: x.sin().sum(1) * t, (ROWS, T)))
    expected = quiet(lambda: ONE_NUMBER[call](lambda x, t: x.sin().sum(1) * t[:, 0], (ROWS, T[:, None])))
    assert torch.allclose(found, expected)


def test_the_scores_of_one_number_per_example_have_its_shape() -> None:
    found = quiet(lambda: ta.attribute("integrated_gradients", lambda t: t**2, T))
    assert found.scores.shape == T.shape and torch.allclose(found.scores, T**2)
    assert found.names == ("x",) or len(found.names) == 1


@pytest.mark.parametrize("call", ["harsanyi", "decompose", "integrated_gradients", "shapley", "lrp_epsilon"])
def test_a_missing_batch_dimension_is_said(call: str) -> None:
    with pytest.raises(TaylorAttrError, match=r"batch dimension|unsqueeze|\[None\]|x\[0:1\]"):
        quiet(lambda: ONE_NUMBER[call](nn.Linear(3, 1).double().eval(), ROWS[0]))


# ------------------------------------------------------------------------------- further arguments


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1).double()

    def forward(self, e: Tensor, past: Any = None, mask: Tensor | None = None, scale: float = 1.0) -> Tensor:
        e = e if mask is None else e * mask.unsqueeze(-1)
        return self.layer(torch.tanh(e).sum(1)) * scale


TOKENS = torch.randn(2, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
MASK = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]], dtype=torch.float64)

WITH_ARGUMENTS: dict[str, Callable[[Any], Tensor]] = {
    "harsanyi": lambda a: (
        ta.harsanyi(Masked(), TOKENS, players=ta.Players.tokens(TOKENS), additional_forward_args=a).values
    ),
    **{
        name: lambda a, name=name: (
            ta.attribute(
                name, Masked(), TOKENS, players=ta.Players.tokens(TOKENS), additional_forward_args=a
            ).player_scores
        )
        for name in ("integrated_gradients", "shapley", "deeplift_rescale", "lrp_epsilon")
    },
}


@pytest.mark.parametrize("call", WITH_ARGUMENTS)
def test_further_arguments_by_keyword(call: str) -> None:
    torch.manual_seed(0)
    found = quiet(lambda: WITH_ARGUMENTS[call]({"mask": MASK, "scale": 2.0}))
    torch.manual_seed(0)
    expected = quiet(lambda: WITH_ARGUMENTS[call]((None, MASK, 2.0)))
    assert torch.allclose(found, expected)


@pytest.mark.parametrize(
    "method",
    ["integrated_gradients", "gradient_x_input", "deeplift_rescale", "lrp_epsilon", "shapley", "occlusion_1"],
)
@pytest.mark.parametrize("batch", [1, 2, 3, 4, 5])
def test_a_constant_as_long_as_the_batch_is_a_constant(batch: int, method: str) -> None:
    """Edges (2, E), nodes (5, d), class weights (3,): none of them is one entry per example."""
    edges = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    weights, nodes = torch.tensor([1.0, 10.0, 100.0, 1000.0]).double(), torch.arange(5.0).double()

    def model(x: Tensor, w: Tensor, e: Tensor, v: Tensor) -> Tensor:
        return (x.tanh() * w).sum(1) + (x[:, e[0]] * v[e[1]]).sin().sum(1)

    x = torch.randn(batch, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(batch))
    found = quiet(lambda: ta.attribute(method, model, x, additional_forward_args=(weights, edges, nodes)))
    expected = quiet(lambda: ta.attribute(method, lambda z: model(z, weights, edges, nodes), x))
    assert torch.allclose(found.player_scores, expected.player_scores)


def test_a_tensor_that_could_be_either_is_said_by_name() -> None:
    """Both readings run: the message, or the documentation, names the way to say which is meant."""
    x = torch.randn(3, 3, dtype=torch.float64)
    each = torch.tensor([1.0, 2.0, 3.0]).double()
    found = quiet(
        lambda: ta.attribute(
            "integrated_gradients", lambda z, s: (z.sum(1)) * s.reshape(-1), x, additional_forward_args=each
        )
    )
    assert torch.allclose(found.player_scores, x * each[:, None])  # one entry per example, as documented


# ------------------------------------------------------------------------------------ targets and dtypes

FULLY_CONVOLUTIONAL = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1)).double().eval()


@pytest.mark.parametrize(
    "method",
    ["integrated_gradients", "gradient_x_input", "deeplift_rescale", "lrp_epsilon", "occlusion_patch"],
)
@pytest.mark.parametrize("target", [1, [1, 2], torch.tensor([1, 2]), (1,)])
def test_an_int_target_of_an_output_with_trailing_ones(target: Any, method: str) -> None:
    options = {"window": (1, 2, 2)} if method == "occlusion_patch" else {}
    found = quiet(lambda: ta.attribute(method, FULLY_CONVOLUTIONAL, IMAGE, target=target, **options))
    flat = nn.Sequential(FULLY_CONVOLUTIONAL, nn.Flatten())
    expected = quiet(lambda: ta.attribute(method, flat, IMAGE, target=target, **options))
    assert torch.allclose(found.player_scores, expected.player_scores)
