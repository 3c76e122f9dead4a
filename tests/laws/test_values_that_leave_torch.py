"""A value that leaves torch comes back as a constant: no method may share out what it lost without a word.

The same function is written with torch alone and with a detour. Whoever walks a recording refuses the detour,
naming it; scores that are returned are those of the function.
"""

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import taylorattr as ta
from taylorattr.errors import TaylorAttrError


class OverNumpy(torch.autograd.Function):
    """tanh with the right derivative, computed outside torch."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.from_numpy(np.tanh(x.detach().numpy()))

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        return upstream * (1 - torch.tanh(x) ** 2)


DETOURS: dict[str, Callable[[Tensor], Tensor]] = {
    "autograd.Function over numpy": OverNumpy.apply,
    "detach().numpy()": lambda h: torch.from_numpy(np.tanh(h.detach().numpy())),
    "tolist()": lambda h: torch.tensor(h.tanh().tolist(), dtype=h.dtype),
    "item() of every entry": lambda h: torch.tensor(
        [[v.tanh().item() for v in row] for row in h], dtype=h.dtype
    ),
    "float() of every entry": lambda h: torch.tensor(
        [[float(v.tanh()) for v in row] for row in h], dtype=h.dtype
    ),
    "np.asarray": lambda h: torch.as_tensor(np.tanh(np.asarray(h.detach()))),
    "a numpy function of a tensor": lambda h: torch.as_tensor(np.tanh(h.detach())),
    "pickle": lambda h: pickle.loads(pickle.dumps(h.detach())).tanh(),
    "memory of an array": lambda h: (
        torch.frombuffer(bytearray(h.detach().contiguous().numpy().tobytes()), dtype=h.dtype)
        .reshape(h.shape)
        .tanh()
    ),
}
"""tanh, by ways that torch does not see."""

METHODS = (
    "lrp_epsilon",
    "lrp_alpha_beta",
    "deep_taylor",
    "deeplift_rescale",
    "deeplift_reveal_cancel",
    "deep_shap",
    "shapley",
    "occlusion_1",
)
"""Those that walk a recording, and some that need forwards only."""


class Model(nn.Module):
    """Two branches, one of them through a function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.plain, self.other = nn.Linear(3, 4, bias=False), nn.Linear(3, 4, bias=False)
        self.head, self.function = nn.Linear(4, 1, bias=False), function
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.plain(x) + self.function(self.other(x)))


def scores(method: str, function: Callable[[Tensor], Tensor]) -> Tensor:
    x = torch.tensor([[0.5, -1.0, 0.7], [1.2, 0.3, -0.4]], dtype=torch.float64)
    averaging = method == "deep_shap"
    baselines = torch.linspace(-0.5, 0.5, 6, dtype=torch.float64).reshape(2, 3) if averaging else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ta.attribute(method, Model(function), x, baselines, target=0).player_scores


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("detour", DETOURS)
def test_a_detour_is_refused_or_gives_the_same_scores(detour: str, method: str) -> None:
    expected = scores(method, torch.tanh)
    try:
        found = scores(method, DETOURS[detour])
    except TaylorAttrError as error:
        assert "another branch" not in str(error), f"the wrong reason: {error}"
        return
    worst = float((found - expected).abs().max() / expected.abs().max())
    assert worst <= 1e-6, f"scores are off by {worst:.0%} of the largest, without a word"


@pytest.mark.parametrize("method", ["lrp_epsilon", "lrp_alpha_beta", "deep_taylor"])
def test_a_number_read_from_a_value_is_not_a_constant(method: str) -> None:
    def scaled(h: Tensor) -> Tensor:  # each row by a number of its own, read into Python
        return torch.stack([row * row.abs().max().item() for row in h])

    with pytest.raises(TaylorAttrError, match="item|number|escaped|leaves"):
        scores(method, scaled)


@pytest.mark.parametrize("method", METHODS)
def test_branches_and_constants_stay_allowed(method: str) -> None:
    table = torch.from_numpy(np.linspace(0.5, 1.0, 4))

    def guarded(h: Tensor) -> Tensor:
        if torch.isnan(h).any():  # a guard reads a value too
            raise ValueError("NaN")
        return h.tanh() * table.to(h)

    assert torch.equal(scores(method, guarded), scores(method, lambda h: h.tanh() * table.to(h)))


def test_a_state_that_numpy_wrote_is_no_constant() -> None:
    class Remembers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.zeros(3, dtype=torch.float64))

        def forward(self, x: Tensor) -> Tensor:
            self.mean = torch.from_numpy(x.detach().numpy().mean(0))
            return (x * self.mean).sum(1)

    x = torch.tensor([[0.5, -1.0, 0.7]], dtype=torch.float64)
    with pytest.raises(TaylorAttrError, match="escaped"):
        ta.attribute("lrp_epsilon", Remembers(), x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_rounded_number_and_a_label_hold_nearby(dtype: torch.dtype) -> None:
    """They leave torch, but they are constants around x: nothing is lost."""

    def model(x: Tensor) -> Tensor:
        best = int(x.detach().numpy().sum(0).argmax())
        return x[:, best] * round(float(x.max())) + (x * torch.tensor([1.0, 2.0, 3.0], dtype=x.dtype)).sum(1)

    x = torch.tensor([[0.5, -1.0, 1.8]], dtype=dtype)
    result = ta.attribute("lrp_epsilon", model, x, epsilon=0.0, dtype=dtype)
    assert result.player_scores[0].tolist() == pytest.approx([0.5, -2.0, 9.0], rel=1e-6)
