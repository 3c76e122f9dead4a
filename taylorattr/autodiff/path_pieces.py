"""Where a piecewise linear model changes slope on the straight way from b to x, exactly.

Every value of the captured program is carried as its values at breakpoints 0 = α_0 < … < α_m = 1, linear
between them. Affine operations act on each breakpoint; a kink (ReLU and its relatives) adds the places where
one of its gates switches. Values computed before are interpolated to the new breakpoints when they are used
again, so residual sums and branches work as they stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from taylorattr.errors import TaylorAttrError
from taylorattr.program.affine import is_affine
from taylorattr.program.arguments import leaves, map_leaves
from taylorattr.program.program import Node, Program
from taylorattr.program.walk import Forward, walk


class NotPiecewiseLinearError(TaylorAttrError):
    """The program has an operation that is neither affine nor a known kink, or too many pieces."""


@dataclass
class Lines:
    """A value on the breakpoints of one version of the grid, shape (R, …)."""

    rows: Tensor
    version: int


@dataclass
class _Refinement:
    """New row r lies between rows left[r] and right[r] of the grid before, at weight[r]."""

    left: Tensor
    right: Tensor
    weight: Tensor


def breakpoints(
    program: Program, starts: tuple[Tensor, ...], ends: tuple[Tensor, ...], limit: int
) -> tuple[Tensor, Tensor]:
    """Return the breakpoints of f on the ways from each start to its end.

    Args:
        program: The model captured at batch size 1, in the dtype of the points.
        starts: b, one tensor (B, …) per input.
        ends: x, likewise.
        limit: Largest number of breakpoints of all B together.

    Returns:
        Places α in [0, 1], float64 (R,), and the row of starts each belongs to, int64 (R,); sorted by row and
        place, 0 and 1 included.

    Raises:
        NotPiecewiseLinearError: If the program is not piecewise linear in a known way, or has more pieces.
    """
    algebra = _PathAlgebra(len(starts[0]), starts[0].device, limit)
    inputs = []
    for b, x in zip(starts, ends, strict=True):
        rows = torch.stack([b, x], dim=1).reshape(-1, 1, *b.shape[1:])
        inputs.append(Lines(rows, 0))
    with torch.no_grad():
        walk(program, inputs, algebra)
    return algebra.alphas, algebra.owners


class _PathAlgebra(Forward):
    def __init__(self, batch: int, device: torch.device, limit: int) -> None:
        ends = torch.tensor([0.0, 1.0], dtype=torch.float64, device=device)
        self.alphas = ends.repeat(batch)
        self.owners = torch.arange(batch, device=device).repeat_interleave(2)
        self.limit = limit
        self._refinements: list[_Refinement] = []

    def apply(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run an operation on all breakpoints; a kink adds its own first."""
        name = node.op.overloadpacket.__name__
        cuts = _cuts(name, args)
        if cuts is not None:
            self._split(self._current(args[0]), cuts)
            rest = args[1:]
            if any(True for _ in leaves(Lines, (rest, kwargs))):
                raise NotPiecewiseLinearError(f"{node.op} with moving parameters")
            return Lines(node.op(self._current(args[0]), *rest, **kwargs), self._version)
        if not is_affine(Lines, node, args, kwargs):
            raise NotPiecewiseLinearError(f"{node.op} is not affine")
        active = [self._current(line) for line in leaves(Lines, (args, kwargs))]

        def call(*rows: Tensor) -> Any:
            remaining = iter(rows)
            given, named = map_leaves(Lines, lambda _: next(remaining), (args, kwargs))
            return Forward.apply(self, node, tuple(given), named)

        try:
            result = torch.vmap(call)(*active)
        except RuntimeError as error:
            raise NotPiecewiseLinearError(f"{node.op} cannot be batched: {error}") from error
        if isinstance(result, Tensor):
            return Lines(result, self._version)
        return [Lines(part, self._version) for part in result]

    @property
    def _version(self) -> int:
        return len(self._refinements)

    def _current(self, line: Lines) -> Tensor:
        """Return the value on the present grid, keeping it there."""
        for step in self._refinements[line.version :]:
            weight = step.weight.to(line.rows.dtype).reshape(-1, *([1] * (line.rows.ndim - 1)))
            line.rows = torch.lerp(line.rows[step.left], line.rows[step.right], weight)
        line.version = self._version
        return line.rows

    def _split(self, rows: Tensor, cuts: tuple[float, ...]) -> None:
        """Add the places where a value passes one of the cuts."""
        same = self.owners[1:] == self.owners[:-1]
        found = []
        for cut in cuts:
            flat = rows.flatten(1).double() - cut
            crossing = (flat[:-1] * flat[1:] < 0) & same[:, None]
            row, unit = crossing.nonzero(as_tuple=True)
            before, after = flat[row, unit], flat[row + 1, unit]
            found.append((row, before / (before - after)))
        row = torch.cat([r for r, _ in found])
        weight = torch.cat([w for _, w in found])
        inside = (weight > 0) & (weight < 1)
        row, weight = row[inside], weight[inside]
        if not len(row):
            return
        if len(row) + len(self.alphas) > self.limit:
            raise NotPiecewiseLinearError(f"more than {self.limit} breakpoints")
        left = torch.cat([torch.arange(len(self.alphas), device=row.device), row])
        weight = torch.cat([weight.new_zeros(len(self.alphas)), weight])
        order = torch.argsort(weight, stable=True)
        order = order[torch.argsort(left[order], stable=True)]
        left, weight = left[order], weight[order]
        fresh = torch.ones_like(left, dtype=torch.bool)
        fresh[1:] = (left[1:] != left[:-1]) | (weight[1:] != weight[:-1])
        left, weight = left[fresh], weight[fresh]
        right = (left + 1).clamp_max(len(self.alphas) - 1)
        self.alphas = torch.lerp(self.alphas[left], self.alphas[right], weight)
        self.owners = self.owners[left]
        right = torch.where(weight == 0, left, right)
        self._refinements.append(_Refinement(left, right, weight))


def _cuts(name: str, args: tuple[Any, ...]) -> tuple[float, ...] | None:
    """Return where an elementwise operation changes slope, None if it is no known kink."""
    if name in ("relu", "leaky_relu", "abs", "_prelu_kernel", "prelu"):
        return (0.0,)
    if name in ("hardtanh", "clamp", "clamp_min", "clamp_max"):
        defaults = {"hardtanh": (-1.0, 1.0)}.get(name, (None, None))
        bounds = args[1:3] if len(args) > 1 else defaults
        if any(isinstance(bound, (Lines, Tensor)) for bound in bounds):
            return None
        return tuple(float(bound) for bound in bounds if bound is not None)
    return None
