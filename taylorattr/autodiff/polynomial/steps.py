"""The primitive steps a captured program is lowered to.

Four kinds are enough: linear (with a context from degree 0 for masks and winners), elementwise
(scalar series), bilinear (elementwise and matrix products) and frozen (degree 0 only). All act on
blocks (C, E, *value); see `ring`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial.ring import Block
from taylorattr.autodiff.polynomial.series import SeriesFunction

Shape: TypeAlias = tuple[int, ...]
"""Shape of one value, without coefficients and examples."""


@dataclass(slots=True, kw_only=True)
class Step:
    """One primitive operation.

    Attributes:
        inputs: Slots read.
        out: Slot written.
        shapes: Value shapes of the inputs.
        shape: Value shape of the output.
        label: Operation, module and line, for messages.
    """

    inputs: tuple[int, ...]
    out: int
    shapes: tuple[Shape, ...]
    shape: Shape
    label: str = ""


@dataclass(slots=True, kw_only=True)
class Linear(Step):
    """y = L(x_1, x_2, …) + c, where L and c may depend on degree 0 through a context.

    Attributes:
        value: (blocks of degree 0, context) -> degree 0 of y.
        push: (blocks of one degree d ≥ 1, context) -> block of y: L without the constant.
        pull: (block of y, context) -> blocks of the inputs: the transpose of L. None: by autograd.
        context: blocks of degree 0 -> what L needs to know of them.
        accepts_missing: Whether push takes None for missing blocks; otherwise zeros are filled in.
    """

    value: Callable[[Sequence[Tensor], Any], Tensor]
    push: Callable[[Sequence[Any], Any], Tensor]
    pull: Callable[[Block, Any], Sequence[Tensor | None]] | None = None
    context: Callable[[Sequence[Tensor]], Any] | None = None
    accepts_missing: bool = False


@dataclass(slots=True, kw_only=True)
class Elementwise(Step):
    """y = φ(x), entry by entry.

    Attributes:
        series: u_0, order -> [f_0, …].
    """

    series: SeriesFunction


@dataclass(slots=True, kw_only=True)
class Multiply(Step):
    """y = x_1·x_2, entry by entry with broadcasting; both values have the rank of y."""


@dataclass(slots=True, kw_only=True)
class Matmul(Step):
    """y = x_1 @ x_2 for batches of matrices, values (P, i, k) and (P, k, l)."""


@dataclass(slots=True, kw_only=True)
class Frozen(Step):
    """y = ψ(x_1, …) at degree 0, without derivatives: comparisons, indices, shifts.

    Attributes:
        value: blocks of degree 0 -> degree 0 of y.
    """

    value: Callable[[Sequence[Tensor]], Tensor]


def filled(present: Sequence[Tensor | None], shapes: Sequence[Shape]) -> list[Tensor]:
    """Return the blocks with zeros for the missing ones (at least one is present)."""
    some = next(block for block in present if block is not None)
    lead = some.shape[:2]
    zero = some.new_zeros(())
    return [
        zero.expand(*lead, *shape) if block is None else block
        for block, shape in zip(present, shapes, strict=True)
    ]


def pull_by_autograd(step: Linear, block: Block, context: Any) -> list[Tensor | None]:
    """Return the transpose of a linear step applied to a block, from autograd on the step itself."""
    with torch.enable_grad():
        zero = block.new_zeros(())
        points = [zero.expand(*block.shape[:2], *shape).detach().requires_grad_() for shape in step.shapes]
        image = step.push(points, context)
        if not image.requires_grad:
            return [None] * len(points)
        image = image.expand(block.shape) if image.shape != block.shape else image
        return list(torch.autograd.grad(image, points, block, allow_unused=True))
