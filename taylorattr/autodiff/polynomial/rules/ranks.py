"""Entries picked by their rank at degree 0: median, k-th value, mode, running extremes, both extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial.builder import Builder, Slot, rule
from taylorattr.autodiff.polynomial.rules.kinks import amax, amin, gathered


def _picked(
    b: Builder, x: Slot, dim: int, keepdim: bool, pick: Callable[[Tensor, int], Tensor]
) -> tuple[Slot, Slot]:
    """Return the entry whose index ``pick(point, dim)`` gives, with the dimension kept, and that index."""
    if not x.ndim:
        return _picked(b, b("unsqueeze", x, 0), 0, False, pick)
    index = b.frozen_op(lambda point: pick(point, dim), (x,), {})
    values = gathered(b, x, index, dim)
    if keepdim:
        return values, index
    return b("squeeze.dim", values, dim), b("squeeze.dim", index, dim)


def _declare(name: str, op: Callable[..., Any]) -> None:
    """Register the rules of an operation along a dimension and, but for the mode, over all entries."""

    def pick(point: Tensor, dim: int) -> Tensor:
        return op(point, dim, True)[1]

    @rule(f"{name}.dim" if name != "mode" else name)
    def along(b: Builder, x: Slot, dim: int = -1, keepdim: bool = False) -> tuple[Slot, Slot]:
        return _picked(b, x, dim, keepdim, pick)

    if name != "mode":

        @rule(name)
        def overall(b: Builder, x: Slot) -> Slot:
            return _picked(b, b("reshape", x, [-1]), 0, False, pick)[0]


for _name, _op in (("median", torch.median), ("nanmedian", torch.nanmedian), ("mode", torch.mode)):
    _declare(_name, _op)


@rule("kthvalue")
def kthvalue(b: Builder, x: Slot, k: int, dim: int = -1, keepdim: bool = False) -> tuple[Slot, Slot]:
    """The k-th smallest entry along a dimension and its index."""
    return _picked(b, x, dim, keepdim, lambda point, at: torch.kthvalue(point, k, at, True)[1])


@rule("aminmax")
def aminmax(b: Builder, x: Slot, *, dim: int | None = None, keepdim: bool = False) -> tuple[Slot, Slot]:
    """Smallest and largest entry."""
    dims = [] if dim is None else [dim]
    return amin(b, x, dims, keepdim), amax(b, x, dims, keepdim)


@rule("cummax")
def cummax(b: Builder, x: Slot, dim: int) -> tuple[Slot, Slot]:
    """Running maximum and its index."""
    index = b.frozen_op(lambda point: torch.cummax(point, dim)[1], (x,), {})
    return gathered(b, x, index, dim), index


@rule("cummin")
def cummin(b: Builder, x: Slot, dim: int) -> tuple[Slot, Slot]:
    """Running minimum and its index."""
    index = b.frozen_op(lambda point: torch.cummin(point, dim)[1], (x,), {})
    return gathered(b, x, index, dim), index
