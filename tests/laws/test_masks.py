"""A mask of players in the forms people have it moves what they mean, or is refused in words."""

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
