"""∫∇f along straight paths of a piecewise linear model, exactly: one gradient for each piece.

Every value of the captured program is carried as its values at breakpoints 0 = α_0 < … < α_m = 1, straight
between them. Affine operations act on each breakpoint; a kink adds the places where one of its gates
switches, and is an affine operation on each piece from there on. So all values are exact, and one backward
pass through the walk, each piece weighted by its length, gives the integral: behind a kink the pieces it made
are added up again, so early layers are evaluated and differentiated at few breakpoints only, and a kink that
none follows needs no new breakpoints at all. Residual sums, branches and masks work as they stand.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from taylorattr.autodiff.paths.bends import CUTS, bend_of, bent, bent_last
from taylorattr.autodiff.paths.grid import Lines, PathGrid, Steps
from taylorattr.autodiff.paths.kinks import RULES, STEPS
from taylorattr.autodiff.paths.operations import NotPiecewiseLinearError, affine
from taylorattr.program.affine import is_affine
from taylorattr.program.arguments import leaves, operands, results
from taylorattr.program.operations import operation_of
from taylorattr.program.program import Node, Program
from taylorattr.program.walk import walk

FOLLOWED = frozenset(RULES) | frozenset(CUTS)
"""Kinks that are followed as they are; others are written out by their formula where they have one."""

Rows = tuple[Tensor, ...]
"""One tensor (B, …) per input tensor."""


def integrated_gradient(program: Program, starts: Rows, ends: Rows, limit: int) -> tuple[Rows, Tensor]:
    """Return ∫₀¹ ∇f(b + α(x − b)) dα on the way from each start to its end, and the number of pieces.

    Args:
        program: The model captured at batch size 1, in the dtype of the points.
        starts: b, one tensor (B, …) per input.
        ends: x, likewise.
        limit: Largest number of breakpoints of all B together.

    Returns:
        Tensors shaped like the starts, and the pieces of each, int64 (B,).

    Raises:
        NotPiecewiseLinearError: If the program is not piecewise linear in a known way, or jumps.
        TooManyPiecesError: If there are more breakpoints.
    """
    batch = len(starts[0])
    algebra = _PathAlgebra(PathGrid(batch, starts[0].device, limit), _no_kink_follows(program))
    grid = algebra.grid
    # rows 0, 1 are the ends of the first path, 2, 3 of the second, …; each has a batch of one, as captured
    inputs = [
        torch.stack([b, x], dim=1).reshape(-1, 1, *b.shape[1:]).requires_grad_()
        for b, x in zip(starts, ends, strict=True)
    ]
    with torch.enable_grad():
        result = walk(program, [Lines(rows, 0) for rows in inputs], algebra)
        pieces = torch.bincount(grid.owners, minlength=batch) - 1
        if not isinstance(result, Lines):
            return tuple(torch.zeros_like(b) for b in starts), pieces
        values = grid.current(result)
        weights = grid.lengths.to(values.dtype).reshape(values.shape)
        gradients = torch.autograd.grad(values, inputs, weights, materialize_grads=True)
    # a path is one piece at the inputs, whose derivative is that of its first row
    return tuple(g[0::2].reshape(b.shape) for g, b in zip(gradients, starts, strict=True)), pieces


class _PathAlgebra:
    """What a walk does at each operation: values are `Lines` and `Steps` on one grid.

    Args:
        grid: The breakpoints, cut finer by every kink.
        last: Numbers of the values behind which no kink follows; see `_no_kink_follows`.
    """

    def __init__(self, grid: PathGrid, last: set[int]) -> None:
        self.grid = grid
        self._last = last

    def apply(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run an operation on all breakpoints; a kink adds its own first."""
        # of masks and indices alone: constant on each piece, whatever the operation
        if not any(True for _ in leaves(Lines, (args, kwargs))):
            return affine(self.grid, node, args, kwargs, Steps)
        bend = bend_of(node, args, kwargs)
        if bend is not None:
            final = results(node)[0] in self._last
            return (bent_last if final else bent)(self.grid, args[0], bend)
        rule = RULES.get(node.name)
        if rule is not None:
            return rule(self.grid, node, args, kwargs)
        if not is_affine(Lines, node, args, kwargs):
            row = operation_of(node)
            does = "jumps" if row is not None and row.breaks == "jump" else "is not affine between kinks"
            raise NotPiecewiseLinearError(f"{node.op} {does}")
        return affine(self.grid, node, args, kwargs, Lines)


def _no_kink_follows(program: Program) -> set[int]:
    """Return the numbers of values behind which every operation has the same derivative on the whole path."""
    choosing = [node for node in program.nodes if node.name in RULES]
    if any(n.name in STEPS or len(results(n)) > 1 for n in choosing):
        return set()  # what follows a mask or an index depends on the piece
    followed: set[int] = set()
    for node in reversed(program.nodes):
        if node.name in RULES or node.name in CUTS or any(number in followed for number in results(node)):
            followed.update(operands(node))
    return {number for node in program.nodes for number in results(node)} - followed
