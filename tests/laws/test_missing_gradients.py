"""A gradient that misses part of the model is no result: it is refused, or said.

Kernels whose backward pass gives zero, custom functions with another derivative, values that leave torch,
functions outside torch and step functions return gradients and second derivatives that look like any other
number, often zero.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import taylorattr as ta
from taylorattr.errors import DtypeError, TaylorAttrError, TaylorAttrWarning

x = torch.tensor([[0.7, -0.4, 1.1], [0.2, 0.9, -0.8]], dtype=torch.float64)


class ZeroBackward(torch.autograd.Function):
    """Squares, with a backward pass that gives nothing."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        return z * z

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:  # type: ignore[override]
        return torch.zeros_like(upstream)


class WrongBackward(torch.autograd.Function):
    """Squares, with half of the derivative."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return z * z

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:  # type: ignore[override]
        return upstream * ctx.saved_tensors[0]


class ReversedGradient(torch.autograd.Function):
    """The identity of domain adaptation, whose gradient is reversed."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        return z.clone()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:  # type: ignore[override]
        return -upstream


def of_numpy(z: Tensor) -> Tensor:
    return torch.from_numpy(np.sin(z.detach().numpy()).prod(1))


HIDDEN: dict[str, Callable[[Tensor], Tensor]] = {
    "all of it in numpy": of_numpy,
    "half of it in numpy": lambda z: z[:, 0] ** 2 + of_numpy(z),
    "zero backward": lambda z: ZeroBackward.apply(z).sum(1) + z[:, 0],
    "zero backward, all of it": lambda z: ZeroBackward.apply(z).sum(1),
    "half of the derivative": lambda z: WrongBackward.apply(z).sum(1),
    "reversed gradient": lambda z: (ReversedGradient.apply(z) * z).sum(1),
    "no_grad inside": lambda z: z[:, 0] + torch.no_grad()(lambda v: v.exp().sum(1))(z),
    "detached factor": lambda z: (z * z.exp().detach()).sum(1),
    "data": lambda z: z.sum(1) + z.data.square().sum(1),
    "numbers read": lambda z: torch.stack([row.sum() * row.abs().sum().item() for row in z]),
    "rebuilt tensor": lambda z: (
        torch.tensor([[v**2 for v in row] for row in z.tolist()]).to(z).sum(1) + z[:, 1]
    ),
    "straight-through rounding": lambda z: (z + (z.mul(4).round() / 4 - z).detach()).square().sum(1),
}
"""Functions whose gradient, as torch gives it, is not their derivative."""

STEPS: dict[str, Callable[[Tensor], Tensor]] = {
    "round": lambda z: torch.round(3 * z[:, 0] * z[:, 1] + z[:, 2]),
    "label": lambda z: z.argmax(1).to(z),
    "threshold": lambda z: (z[:, 0] * z[:, 1] > 0).to(z),
    "sign": lambda z: torch.sign(z.sum(1)),
    "one-hot vote": lambda z: F.one_hot(z.argmax(1), 3).to(z)[:, 0] * 2.0,
    "bucketize": lambda z: torch.bucketize(z.sum(1), torch.linspace(-2, 2, 9).to(z)).to(z),
    "a forest": lambda z: torch.from_numpy(np.floor(z.detach().numpy() * 2).sum(1)),
    "integers": lambda z: (z * 4).long().sum(1).to(z),
    "floor": lambda z: torch.floor(z * 2).sum(1),
    "quantised": lambda z: (
        torch.fake_quantize_per_tensor_affine(z.float(), 0.5, 0, 0, 255).sum(1).detach().to(z)
    ),
}
"""Piecewise constant functions."""

CALLS: dict[str, Callable[[Callable[[Tensor], Tensor]], Any]] = {
    "hessian": lambda f: ta.hessian(f, x),
    "hvp": lambda f: ta.hvp(f, x, torch.ones_like(x)),
    "integrated_hessians": lambda f: ta.integrated_hessians(f, x).values,
    "decompose": lambda f: ta.decompose(f, x, order=2).values,
    **{
        name: lambda f, name=name: ta.attribute(name, f, x).player_scores
        for name in (
            "gradient_x_input",
            "integrated_gradients",
            "smooth_grad",
            "lrp_epsilon",
            "deeplift_rescale",
        )
    },
    "expected_gradients": lambda f: ta.attribute("expected_gradients", f, x, x.flip(0) * 0.5).player_scores,
}


def silent(call: Callable[[], Any]) -> bool:
    """Whether a call gives numbers without a word of the package."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            call()
        except TaylorAttrError:
            return False
    return not any(issubclass(w.category, TaylorAttrWarning) for w in said)


GRADIENTS = (
    "gradient_x_input",
    "integrated_gradients",
    "smooth_grad",
    "expected_gradients",
    "hessian",
    "hvp",
)
"""What believes torch's gradient; the rest has laws of its own."""


@pytest.mark.parametrize("call", GRADIENTS)
@pytest.mark.parametrize("model", HIDDEN)
def test_a_gradient_that_is_not_the_derivative_is_refused_or_said(model: str, call: str) -> None:
    function = HIDDEN[model]
    if call in ("hessian", "hvp") and model in (
        "detached factor",
        "data",
        "reversed gradient",
        "half of the derivative",
        "zero backward",
        "zero backward, all of it",
        "straight-through rounding",
        "no_grad inside",
    ):
        pytest.skip("the Taylor walk differentiates the operations themselves")
    assert not silent(lambda: CALLS[call](function))


@pytest.mark.parametrize("call", [c for c in CALLS if c not in ("lrp_epsilon", "deeplift_rescale")])
@pytest.mark.parametrize("model", STEPS)
def test_derivatives_of_a_step_function_are_not_silent_zeros(model: str, call: str) -> None:
    assert not silent(lambda: CALLS[call](STEPS[model]))


HONEST: dict[str, Callable[[Tensor], Tensor]] = {
    "smooth": lambda z: (z.sin() * z.exp()).sum(1),
    "relu": lambda z: F.relu(z @ torch.ones(3, 4).to(z) - 0.3).sum(1) ** 2,
    "on the kink": lambda z: F.relu(z - x[:1]).sum(1) + z.sum(1),
    "steep": lambda z: torch.tanh(1e4 * (z.sum(1) - 0.3)) + z[:, 0],
    "large offset": lambda z: z.sum(1) + 1e6,
    "float32 inside": lambda z: z.float().sin().sum(1).to(z),
    "dead": lambda z: F.relu(-10 - z.abs()).sum(1) + z[:, 0] * 0 + 1,
    "constant": lambda z: z.sum(1) * 0 + 2,
    "tiny": lambda z: z.sum(1) * 1e-12,
    "huge": lambda z: z.sum(1) * 1e12,
    "a guard": lambda z: z.sum(1) if bool(torch.isfinite(z).all()) else z.sum(1) * 0,
}
"""Functions whose gradient is what it should be, in places where a difference quotient is easily fooled."""


@pytest.mark.parametrize("call", ["gradient_x_input", "integrated_gradients", "smooth_grad"])
@pytest.mark.parametrize("model", HONEST)
def test_an_honest_gradient_is_believed(model: str, call: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert bool(torch.isfinite(CALLS[call](HONEST[model])).all())


@pytest.mark.parametrize("call", ["gradient_x_input", "integrated_gradients", "smooth_grad"])
def test_a_missing_half_is_seen_in_single_precision(call: str) -> None:
    x = torch.rand(4, 3, generator=torch.Generator().manual_seed(0))
    with pytest.raises(DtypeError, match="is not its derivative"):
        ta.attribute(call, lambda z: (z.detach() * z).sum(1), x)


@pytest.mark.parametrize("frequency", [300.0, 3000.0, 1e4])
def test_single_precision_that_cannot_resolve_a_step_asks_double(frequency: float) -> None:
    x = torch.rand(4, 3, generator=torch.Generator().manual_seed(0))
    scores = ta.attribute(
        "gradient_x_input", lambda z: torch.sin(frequency * z).sum(1), x, dtype=torch.float32
    ).scores
    expected = x * frequency * torch.cos(frequency * x)
    assert torch.allclose(scores, expected.to(scores), atol=1e-6 * frequency)
