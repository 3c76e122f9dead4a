"""Grad-CAM: the feature maps of a layer, weighted by their mean gradients."""

from __future__ import annotations

import itertools
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from taylorattr.analysis.game import blocks
from taylorattr.analysis.layers import (
    Layer,
    activation_and_gradient,
    find_layer,
    last_convolution,
    replaced_output,
)
from taylorattr.analysis.question import Question
from taylorattr.autodiff.gradient import gradient_rows
from taylorattr.errors import OptionError
from taylorattr.methods.method import Scores, method

_MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


@method("grad_cam", family="gradient", explains="layer")
def grad_cam(
    question: Question,
    *,
    layer: Layer | None = None,
    relu: bool = True,
    upsample: Literal["linear", "nearest"] | None = "linear",
) -> Scores:
    """Return L_p = Σ_k α_k A^k_p, α_k = (1/Z) Σ_p ∂y/∂A^k_p, of the positions p of a layer's feature maps A.

    Behind global average pooling Σ_k A^k_p ∂y/∂A^k_p is the same: Gradient×Input of the cells from A = 0, eq.
    (23). With any other head the averaged gradient leaks to positions the output does not use, eq. (24);
    diagnostics say which head was met. The final ReLU is a gate behind the attribution, not part of it.

    Args:
        question: What is asked. Players are the layer's positions and the baseline is A = 0.
        layer: Path or module whose output is A, shape (B, K, positions…); None: the last convolution.
        relu: Whether to clip negative scores, as the authors do; False keeps the sign.
        upsample: How `Attribution.scores` shows the map at the size of the (first) input: ``linear``,
            ``nearest``, or None for the layer's own size.

    Returns:
        Scores of the positions, and the map (B, 1, H, W).

    Raises:
        OptionError: If there is no such layer, it has no positions, it runs several times, or players or
            baselines are given.

    Source: eq. (23), (24); Selvaraju et al. (2017), "Grad-CAM: visual explanations from deep networks", arXiv
    1610.02391.
    """
    if upsample not in ("linear", "nearest", None):
        raise OptionError(f"upsample={upsample!r}; expected 'linear', 'nearest' or None")
    game = question.game
    path, module = _layer(question, layer)
    if question.players is not None:
        raise OptionError("grad_cam's players are the positions of the layer; leave players out")
    if any(bool((b != 0).any()) for b in game.baselines):
        raise OptionError("grad_cam's baseline is feature maps of 0, not an input; leave baselines out")
    maps, gradients = [], []
    for part in blocks(game.batch, gradient_rows(game)):
        inputs = tuple(x[part] for x in game.inputs)
        examples = torch.arange(part.start, part.stop)
        a, g = activation_and_gradient(game.scalar, path, module, inputs, examples)
        _require_maps(path, a)
        maps.append(a)
        gradients.append(g)
    activation, gradient = torch.cat(maps), torch.cat(gradients)
    weights = channel_weights(gradient)
    pooled = torch.allclose(
        gradient, weights.expand_as(gradient), rtol=1e-4, atol=1e-6 * float(weights.abs().max())
    )
    scores = (weights * activation).sum(1)
    if relu:
        scores = scores.relu()
    shape = tuple(scores.shape[1:])
    return Scores(
        players=scores.flatten(1),
        f_baseline=_without_features(question, module),
        names=tuple(f"{path}[{','.join(map(str, at))}]" for at in itertools.product(*map(range, shape))),
        map=resized(scores[:, None], game.inputs[0], upsample),
        diagnostics={
            "layer": path,
            "positions": list(shape),
            "head": "global average pooling or linear in it"
            if pooled
            else "general: averaged gradients leak",
            "relu": relu,
            "baseline": "feature maps at 0",
        },
    )


def channel_weights(gradient: Tensor) -> Tensor:
    """Return α_k = (1/Z) Σ_p ∂y/∂A^k_p of gradients (B, K, positions…), positions kept as size 1."""
    space = tuple(range(2, gradient.ndim))
    return gradient.mean(space, keepdim=True) if space else gradient


def _layer(question: Question, layer: Layer | None) -> tuple[str, nn.Module]:
    if layer is None:
        layer = last_convolution(question.game.scalar)
        if layer is None:
            raise OptionError(
                "the model has no convolution, so no spatial layer is known; pass layer= (a module or its "
                "name) whose output is (B, channels, positions…), or use gradient_x_input"
            )
    return find_layer(question.model, question.game.scalar, layer)


def _require_maps(path: str, activation: Tensor) -> None:
    if activation.ndim < 3:
        raise OptionError(
            f"layer {path!r} gives shape {tuple(activation.shape)}; Grad-CAM needs feature maps "
            "(B, channels, positions…): choose a convolution or what follows one"
        )


def _without_features(question: Question, module: nn.Module) -> Tensor:
    """Return f with the layer's output at 0, shape (B,)."""
    game, found = question.game, []
    for part in blocks(game.batch, gradient_rows(game)):
        inputs = tuple(x[part] for x in game.inputs)
        with torch.no_grad(), replaced_output(module, torch.zeros_like):
            found.append(game.scalar.values(inputs, torch.arange(part.start, part.stop)))
    return torch.cat(found)


def resized(scores: Tensor, x: Tensor, upsample: str | None) -> Tensor:
    """Return the map (B, 1, positions…) at the size of the input's last dimensions, if they are as many."""
    space = scores.ndim - 2
    if upsample is None or x.ndim - 2 < space or space not in _MODES:
        return scores
    mode = "nearest" if upsample == "nearest" else _MODES[space]
    corners = None if upsample == "nearest" else False
    return F.interpolate(scores, size=x.shape[-space:], mode=mode, align_corners=corners)
