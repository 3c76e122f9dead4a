"""Functions of one value that are affine between cuts, along paths: ReLU and its relatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from taylorattr.autodiff.paths.grid import Carried, Lines, PathGrid
from taylorattr.autodiff.paths.operations import NotPiecewiseLinearError
from taylorattr.program.arguments import leaves, named
from taylorattr.program.operations import implementations
from taylorattr.program.program import Node

_GAP_ROUNDINGS = 64
"""Roundings of the largest of cut and values by which pieces of a continuous function may miss each other."""


@dataclass(frozen=True)
class Bend:
    """A function of one value, elementwise, affine between cuts.

    Attributes:
        cuts: Where its slope changes: numbers, or constant tensors that broadcast.
        function: Tensor -> tensor.
        name: The operation, for messages.
    """

    cuts: list[Any]
    function: Callable[[Tensor], Tensor]
    name: str = "a function of one value"

    def slope(self, at: Tensor) -> Tensor:
        """Return the derivative at points that are no cuts, by autograd."""
        with torch.enable_grad():
            at = at.detach().requires_grad_()
            return torch.autograd.grad(self.function(at).sum(), at)[0]

    def require_continuous(self, like: Tensor) -> None:
        """Make sure that the pieces meet at every cut.

        Some entries of the table are continuous for some of their settings only (``threshold`` puts a number
        of the user's choice below its cut), so the function itself is asked: at each cut and at its two
        neighbours among floating-point numbers.

        Args:
            like: Rows of the value, whose shape and dtype decide what the function sees.

        Raises:
            NotPiecewiseLinearError: If it jumps.
        """
        for cut in self.cuts:
            at = torch.as_tensor(cut, dtype=like.dtype, device=like.device).expand(1, *like.shape[1:])
            infinity = torch.full_like(at, torch.inf)
            with torch.no_grad():
                here = self.function(at)
                sides = [self.function(torch.nextafter(at, end)) for end in (infinity, -infinity)]
            scale = torch.stack([at, here, *sides]).abs().amax(0)
            precision = torch.finfo(like.dtype)
            # beside a cut at 0 the neighbours are subnormal, and a share of them would be 0
            near = _GAP_ROUNDINGS * (precision.eps * scale + precision.tiny)
            meets = [(side - here).abs() <= near for side in sides]
            # an infinite bound is never crossed, and NaN there is no jump
            if not bool((meets[0] & meets[1] | at.isinf()).all()):
                raise NotPiecewiseLinearError(f"{self.name} jumps")


class Gate(Bend):
    """ReLU."""

    def __init__(self) -> None:
        super().__init__([0.0], torch.relu, "relu")

    def slope(self, at: Tensor) -> Tensor:
        """Return whether the gate is open, which is its slope; cheaper than asking autograd."""
        return at > 0

    def require_continuous(self, like: Tensor) -> None:
        """Nothing to ask: ReLU is 0 on both sides of its cut."""


def bent(grid: PathGrid, line: Lines, bend: Bend) -> Lines:
    """Return a bent function of a value; the grid is cut where its slope changes.

    The derivative is asked in the middle of each piece: at a breakpoint the function may have two.

    Raises:
        NotPiecewiseLinearError: If it jumps where the value passes a cut.
    """
    row, _, weight = grid.passings(grid.current(line), bend.cuts)
    if len(row):
        bend.require_continuous(line.rows)
    grid.cut(row, weight)
    rows = grid.current(line)
    with torch.no_grad():
        values = bend.function(rows)
        slope = bend.slope(grid.middles(rows))
    return Lines(_Straight.apply(rows, values, slope), grid.version)  # type: ignore[arg-type]


def bent_last(grid: PathGrid, line: Lines, bend: Bend) -> Lines:
    """Return a bent function of a value that no other kink follows, without cutting the grid.

    What follows has the same derivative all along a piece, so the mean slope on the piece is enough: where a
    bend lies inside, that of the chord.

    Raises:
        NotPiecewiseLinearError: If it jumps where the value passes a cut.
    """
    rows = grid.current(line)
    row, unit, _ = grid.passings(rows, bend.cuts)
    if len(row):  # the chord across a jump would swallow it
        bend.require_continuous(rows)
    with torch.no_grad():
        values = bend.function(rows)
        slope = bend.slope(grid.middles(rows)).to(rows.dtype)
        x, y = (end.reshape(len(rows), -1) for end in (rows, values))
        chord = (y[row + 1, unit] - y[row, unit]) / (x[row + 1, unit] - x[row, unit])
        slope.view(len(rows), -1)[row, unit] = chord
    return Lines(_Straight.apply(rows, values, slope), grid.version)  # type: ignore[arg-type]


class _Straight(torch.autograd.Function):
    """Values at breakpoints with the slope of each piece.

    Autograd's own derivative is that at the breakpoint, where the bend lies; row r needs that of piece r.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, values: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return values

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        (slope,) = ctx.saved_tensors
        return upstream[0] * slope, None, None


def _bounds(a: dict[str, Any]) -> list[Any]:
    """Return the bounds of a clamp, under either pair of names, that are set."""
    return [a[name] for name in ("min", "max", "min_val", "max_val") if a.get(name) is not None]


CUTS: dict[str, Callable[[dict[str, Any]], list[Any]]] = implementations("integration by pieces", {
    **dict.fromkeys(["leaky_relu", "abs", "_prelu_kernel"], lambda a: [0.0]),
    **dict.fromkeys(["hardtanh", "clamp", "clamp_min", "clamp_max"], _bounds),
    "threshold": lambda a: [a["threshold"]],
    "softshrink": lambda a: [-a["lambd"], a["lambd"]],
    "relu": lambda a: [0.0],
    "hardsigmoid": lambda a: [-3.0, 3.0],
})  # fmt: skip
"""Name of an elementwise function of one value -> (its arguments by name -> where its slope changes)."""


def bend_of(node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Bend | None:
    """Return the function of one value that an operation is, None if it is no such function.

    Args:
        node: The operation.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
    """
    line, *rest = args
    if not isinstance(line, Lines) or any(True for _ in leaves(Carried, (rest, kwargs))):
        return None
    if node.name not in CUTS:
        return None
    if node.name == "relu":
        return Gate()
    cuts = CUTS[node.name](named(node.op, args, kwargs))
    if node.name == "hardsigmoid":  # torch's own derivative of it is rounded to float32
        return Bend(cuts, lambda x: (x + 3).clamp(0, 6) / 6, str(node.op))
    return Bend(cuts, lambda x: node.op(x, *rest, **kwargs), str(node.op))
