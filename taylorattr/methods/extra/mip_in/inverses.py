"""One inverse g_l per layer: what sends a signal S_l at the layer's output back to its input.

Linear layers and convolutions have inverses with weights of their own, fitted to g_l ← argmin Σ_n ‖X_{l−1}ⁿ −
g_l(S_lⁿ)‖²; all others have none to fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from taylorattr.methods.extra.mip_in.layers import ChainLayer, run

Pool: TypeAlias = Literal["switch", "upsample"]
"""Where a max-pool's signal goes: to the place of this example's maximum, or to all of the window."""

LEARNING_RATE, BATCH = 1e-2, 128
"""Of Adam; the rate falls to 0 along a cosine."""

FEWEST_STEPS, PLATEAU_EPOCHS, PLATEAU = 700, 5, 1e-3
"""After that many steps training stops where the loss of an epoch was less than a thousandth better than the
best before, in five epochs in a row. Before, the rate is high and such a plateau is one of the noise."""

_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


@dataclass(frozen=True)
class FittedInverse:
    """Weights of g_l.

    Attributes:
        weight: Shape (m, n) of a linear layer m → n, its column k the attribution of output k; of a
            convolution (outputs, inputs per group, kernel…).
        bias: Shape of one example of X_{l−1}, or (inputs, 1, …) of a convolution; None without.
    """

    weight: Tensor
    bias: Tensor | None = None


def weight_shapes(layer: ChainLayer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shapes of weight and bias of a layer's inverse."""
    if layer.kind == "linear":
        return (*layer.before, *layer.after), layer.before
    weight = layer.constants[layer.arguments["weight"].index]
    channels = weight.shape[1] * layer.arguments["groups"]
    return tuple(weight.shape), (channels, *[1] * (weight.dim() - 2))


def back(layer: ChainLayer, inverse: FittedInverse, s: Tensor, *, affine: bool = False) -> Tensor:
    """Return g_l(S_l).

    Args:
        layer: A linear layer or a convolution.
        inverse: Its weights.
        s: Shape (N, …) of X_l.
        affine: Whether the bias is added; else g_l(S_l) − g_l(0), the linear part.

    Returns:
        Shape (N, …) of X_{l−1}.
    """
    linear = layer.kind == "linear"
    result = s @ inverse.weight.mT if linear else _transposed(layer, inverse.weight, s)
    return result if inverse.bias is None or not affine else result + inverse.bias


def _transposed(layer: ChainLayer, weight: Tensor, s: Tensor) -> Tensor:
    """Return the transposed convolution in the geometry of a layer, of exactly the size of its input."""
    a = layer.arguments
    stride, padding, dilation = a["stride"], a["padding"], a["dilation"]
    # a stride that does not divide leaves the input's last places unread: output_padding restores them
    rest = [
        size - ((out - 1) * st - 2 * pad + dil * (k - 1) + 1)
        for size, out, st, pad, dil, k in zip(
            layer.before[1:], layer.after[1:], stride, padding, dilation, weight.shape[2:], strict=True
        )
    ]
    return _TRANSPOSED[len(stride)](s, weight, None, stride, padding, rest, a["groups"], dilation)


def fit_linear(signals: Tensor, targets: Tensor, ridge: float, bias: bool) -> FittedInverse:
    """Return argmin_W Σ_n ‖x_n − W s_n‖² + λ‖W‖², λ = ridge · mean(S²) · N, in one solve in float64.

    Of the two forms of the solution, (SᵀS + λ1)⁻¹SᵀX and Sᵀ(SSᵀ + λ1)⁻¹X, the one with the smaller matrix is
    solved. With a bias, means are taken off first, and the bias is not shrunk.

    Args:
        signals: S, shape (N, n).
        targets: X, shape (N, m).
        ridge: λ in units of mean(S²)·N.
        bias: Whether to fit one.
    """
    s, x = signals.double(), targets.double()
    mean_s, mean_x = (s.mean(0), x.mean(0)) if bias else (s.new_zeros(s.shape[1]), x.new_zeros(x.shape[1]))
    s, x = s - mean_s, x - mean_x
    penalty = ridge * float(s.square().mean()) * len(s)
    if penalty == 0:  # a signal that is 0 everywhere says nothing
        weight = s.new_zeros(x.shape[1], s.shape[1])
    elif s.shape[1] <= len(s):
        gram = s.mT @ s
        gram.diagonal().add_(penalty)
        weight = torch.linalg.solve(gram, s.mT @ x).mT
    else:
        gram = s @ s.mT
        gram.diagonal().add_(penalty)
        weight = torch.linalg.solve(gram, x).mT @ s
    offset = (mean_x - weight @ mean_s).to(targets.dtype) if bias else None
    return FittedInverse(weight.to(signals.dtype).contiguous(), offset)


def fit_convolution(
    layer: ChainLayer,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    signals: Tensor,
    targets: Tensor,
    *,
    steps: int,
    bias: bool,
    generator: torch.Generator,
    tick: Callable[[], object],
) -> FittedInverse:
    """Return the transposed convolution that Adam finds for Σ_n ‖x_n − g(s_n)‖².

    Args:
        layer: A convolution.
        shapes: Of weight and bias.
        signals: S_l, shape (N, …).
        targets: X_{l−1}, shape (N, …).
        steps: Of the optimiser at least; whole epochs are run.
        bias: Whether to train one, per channel.
        generator: Of the first weights and of the order of the examples.
        tick: Called after every step.
    """
    like = {"dtype": signals.dtype, "device": signals.device}
    bound = torch.Size(shapes[0][1:]).numel() ** -0.5
    drawn = torch.rand(shapes[0], generator=generator, dtype=torch.float64)
    weight = ((2 * drawn - 1) * bound).to(**like).requires_grad_()
    offset = torch.zeros(shapes[1], **like).requires_grad_() if bias else None
    epoch_steps = -(-len(signals) // BATCH)
    epochs = -(-steps // epoch_steps)
    optimiser = torch.optim.Adam([weight] if offset is None else [weight, offset], lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * epoch_steps)
    best, flat = float("inf"), 0
    with torch.enable_grad():
        for epoch in range(epochs):
            total = 0.0
            for rows in torch.randperm(len(signals), generator=generator).split(BATCH):
                place = rows.to(signals.device)
                guess = back(layer, FittedInverse(weight, offset), signals[place], affine=True)
                loss = F.mse_loss(guess, targets[place])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                total += float(loss.detach()) * len(rows)
                tick()
            flat = 0 if total < (1 - PLATEAU) * best else flat + 1
            best = min(best, total)
            if flat >= PLATEAU_EPOCHS and (epoch + 1) * epoch_steps >= FEWEST_STEPS:
                break
    return FittedInverse(weight.detach(), None if offset is None else offset.detach())


def unpool(layer: ChainLayer, s: Tensor, switches: Tensor | None) -> Tensor:
    """Return a max-pool's signal at the size of its input.

    Args:
        layer: The max-pool.
        s: Shape (N, C, …) of its result.
        switches: Place of each maximum in its plane; signals that meet at one place add up. None: nearest
            upsampling.
    """
    if switches is None:
        return F.interpolate(s, size=layer.before[1:], mode="nearest")
    planes = s.new_zeros(len(s), layer.before[0], torch.Size(layer.before[1:]).numel())
    planes.scatter_add_(2, switches.flatten(2), s.flatten(2))
    return planes.reshape(len(s), *layer.before)


def spread(layer: ChainLayer, s: Tensor) -> Tensor:
    """Return an average pool's signal over its windows: Pᵀs / Pᵀ1 for the pool P.

    Where windows do not overlap this is nearest upsampling, and pooling it gives s again; where they do, each
    place has the mean of its windows, each weighted by its share in that window; a place in no window has 0.
    """
    with torch.enable_grad():
        x = s.new_zeros(len(s), *layer.before).requires_grad_()
        y = run(layer, x)
        (sums,) = torch.autograd.grad(y, x, s, retain_graph=True)
        (counts,) = torch.autograd.grad(y, x, torch.ones_like(s))
    return torch.where(counts > 0, sums / counts.clamp_min(torch.finfo(s.dtype).tiny), 0.0)


def rearranged_back(layer: ChainLayer, s: Tensor) -> Tensor:
    """Return a signal in the order before a rearrangement; what padding had added is cut off."""
    if layer.reshapes:
        return s.reshape(len(s), *layer.before)
    with torch.enable_grad():
        x = s.new_zeros(len(s), *layer.before).requires_grad_()
        (result,) = torch.autograd.grad(run(layer, x), x, s)
    return result
