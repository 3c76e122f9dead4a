"""The weighted sum in front of a unit, as a matrix product of windows and weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from taylorattr.methods.relevance import linear_map
from taylorattr.methods.relevance.site import Site

Rearranged = Callable[[Tensor], Tensor]
"""A tensor -> the same entries in another layout, some several times, with zeros for padding."""


@dataclass(frozen=True)
class NeuronLayer:
    """y = windows(x)·weight group by group, then an affine map entry by entry, then the unit.

    Attributes:
        index: Number of the layer's input.
        windows: Input -> (G, P, K): what each of P places reads; linear.
        weight: Shape (G, K, O).
        neurons: Anything shaped like the layer's result -> (G, P, O); a rearrangement.
        shape: Shape of the layer's result.
        gain: Slope of the affine map between layer and unit (BatchNorm, a factor), in that shape.
    """

    index: int
    windows: Rearranged
    weight: Tensor
    neurons: Rearranged
    shape: torch.Size
    gain: Tensor


_VIEWS = frozenset("view _unsafe_view reshape squeeze unsqueeze flatten unflatten".split())
"""Operations that keep the entries in their order."""

_SHIFTS = frozenset({"add", "sub", "rsub", "neg"})
"""Sums with a constant, and the change of sign."""


def layer_before(site: Site) -> NeuronLayer | None:
    """Return the dense layer or convolution whose result reaches one unit alone, None where there is none.

    Views, constant shifts and factors and evaluated BatchNorm may stand between.

    Args:
        site: An elementwise operation of one value.
    """
    index = site.operands[0]
    gain = torch.ones_like(site.x[0])
    while (node := site.makers.get(index)) is not None and len(site.readers[index]) == 1:
        inner = Site(node, site.values, site.reference, site.active, site.readers, site.makers, site.learned)
        if len(inner.operands) != 1 or inner.switches:
            return None
        kind = inner.kind
        if kind == "weights":
            form = _form(inner)
            return NeuronLayer(inner.operands[0], *form, inner.y.shape, gain) if form is not None else None
        entrywise = inner.name in _VIEWS or kind in ("scale", "batch_norm") or inner.name in _SHIFTS
        if not entrywise or inner.x[0].numel() != inner.y.numel():
            return None
        # what stands between is diagonal: its transposed map multiplies by its slopes
        (pulled,) = linear_map.pull(inner, gain)
        assert pulled is not None
        gain, index = pulled, inner.operands[0]
    return None


def _form(site: Site) -> tuple[Rearranged, Tensor, Rearranged] | None:
    """Return windows, weight and neurons of a layer as `NeuronLayer` has them; None for other operations."""
    a = site.named
    if site.name == "convolution":
        return _convolution(a, site.x[0], site.y)
    if site.name == "linear":
        return _flat, a["weight"].mT[None], _flat
    names = {"addmm": ("mat1", "mat2"), "baddbmm": ("batch1", "batch2")}.get(site.name, ("self", "mat2"))
    if site.name not in ("mm", "bmm", "addmm", "baddbmm"):
        return None
    left, right = names
    scale = a.get("alpha", 1)
    if site.is_operand(left):
        return _grouped, _grouped(a[right]) * scale, _grouped
    return _flipped, _flipped(a[left]) * scale, _flipped


def _flat(t: Tensor) -> Tensor:
    """Return (…, K) as one group of places (1, P, K)."""
    return t.reshape(1, -1, t.shape[-1])


def _grouped(t: Tensor) -> Tensor:
    """Return a matrix as one group, a batch of matrices as a group each."""
    return t if t.dim() == 3 else t[None]


def _flipped(t: Tensor) -> Tensor:
    """Return the same transposed: of W @ x the columns of x are the places."""
    return _grouped(t).mT


def _convolution(a: dict[str, Any], x: Tensor, y: Tensor) -> tuple[Rearranged, Tensor, Rearranged]:
    """Return the form of a convolution of any rank, stride, padding, dilation and groups.

    A transposed one is a plain one with the kernel reversed, of the input spread out by the stride.

    Returns:
        The windows, the weight and the neurons of `NeuronLayer`.
    """
    n, groups = x.dim() - 2, a["groups"]
    stride, padding, dilation = (_each(a[key], n) for key in ("stride", "padding", "dilation"))
    kernel = tuple(a["weight"].shape[2:])
    weight = a["weight"]
    before = after = padding
    step = stride
    if a["transposed"]:
        extra = _each(a["output_padding"], n)
        weight = weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1).flip(*range(2, 2 + n))
        before = [d * (k - 1) - p for d, k, p in zip(dilation, kernel, padding, strict=True)]
        after = [p + e for p, e in zip(before, extra, strict=True)]
        step = [1] * n
    outputs = weight.shape[0] // groups

    def windows(t: Tensor) -> Tensor:
        if a["transposed"]:
            t = _spread(t, stride)
        t = F.pad(t, [size for d in reversed(range(n)) for size in (before[d], after[d])])
        for d in range(n):
            span = dilation[d] * (kernel[d] - 1) + 1
            t = t.unfold(2 + d, span, step[d])[..., :: dilation[d]]
        t = t.unflatten(1, (groups, -1))  # (B, G, C, *out, *kernel)
        order = (1, 0, *range(3, 3 + n), 2, *range(3 + n, 3 + 2 * n))
        return t.permute(order).flatten(2 + n).flatten(1, 1 + n)

    def neurons(t: Tensor) -> Tensor:
        return t.unflatten(1, (groups, outputs)).movedim(2, -1).transpose(0, 1).flatten(1, -2)

    return windows, weight.unflatten(0, (groups, outputs)).flatten(2).mT, neurons


def _each(value: Any, n: int) -> list[int]:
    """Return a setting as one number per spatial dimension."""
    return list(value) * n if len(value) == 1 else list(value)


def _spread(t: Tensor, stride: list[int]) -> Tensor:
    """Return an input (B, C, …) with stride − 1 zeros between neighbouring entries."""
    for at, s in enumerate(stride, 2):
        if s > 1:
            zeros = t.new_zeros(()).expand(*t.shape[: at + 1], s - 1, *t.shape[at + 1 :])
            wide = torch.cat([t.unsqueeze(at + 1), zeros], at + 1)
            t = wide.flatten(at, at + 1).narrow(at, 0, (t.shape[at] - 1) * s + 1)
    return t
