"""Breakpoints on straight paths, and values that are straight or constant between them.

Every path is cut at 0 = α_0 < … < α_m = 1; the breakpoints of all paths are the rows of one table. Row r
also stands for the piece that begins at breakpoint r, the last row of a path for its last piece. Values are
brought to the present breakpoints when they are used, so those computed before and after a cut go together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from taylorattr.errors import TaylorAttrError


class TooManyPiecesError(TaylorAttrError):
    """More breakpoints than there is room for; `count` of them are known."""

    def __init__(self, count: int) -> None:
        super().__init__(f"at least {count} pieces")
        self.count = count


@dataclass
class Carried:
    """A value of the program on the rows of one version of the grid, shape (R, …)."""

    rows: Tensor
    version: int


class Lines(Carried):
    """A value that is straight between breakpoints; row r has the derivative of piece r."""


class Steps(Carried):
    """A value that is constant on each piece: a mask, a sign, an index."""


@dataclass
class _Refinement:
    """New row r lies between rows left[r] and right[r] of the grid before, at weight[r]."""

    left: Tensor
    right: Tensor
    weight: Tensor


class PathGrid:
    """The breakpoints of a batch of paths, cut finer and finer.

    Args:
        batch: Number of paths.
        device: Where the values are.
        limit: Largest number of breakpoints of all paths together.

    Attributes:
        alphas: Places on the paths, float64 (R,), increasing along each.
        owners: Path of each breakpoint, int64 (R,).
    """

    def __init__(self, batch: int, device: torch.device, limit: int) -> None:
        ends = torch.tensor([0.0, 1.0], dtype=torch.float64, device=device)
        self.alphas = ends.repeat(batch)
        self.owners = torch.arange(batch, device=device).repeat_interleave(2)
        self._limit = limit
        self._refinements: list[_Refinement] = []
        self._look()

    def _look(self) -> None:
        """Note which neighbouring rows bound a piece (`inside`) and which rows end a path (`last`)."""
        self.inside = self.owners[1:] == self.owners[:-1]
        ends = torch.cat([~self.inside, torch.ones_like(self.inside[:1])])
        self.last = ends.nonzero().reshape(-1)

    @property
    def version(self) -> int:
        """Number of refinements so far."""
        return len(self._refinements)

    @property
    def lengths(self) -> Tensor:
        """Length of each row's piece, float64 (R,); 0 for the last rows of paths, which only repeat it."""
        lengths = torch.diff(self.alphas, append=self.alphas[-1:])
        return lengths.index_fill(0, self.last, 0.0)

    def current(self, value: Carried) -> Tensor:
        """Return a value on the present grid, keeping it there."""
        for step in self._refinements[value.version :]:
            if isinstance(value, Steps):
                value.rows = value.rows.index_select(0, step.left)
            else:
                value.rows = _Refined.apply(value.rows, step.left, step.right, step.weight)  # type: ignore[assignment]
        value.version = self.version
        return value.rows

    def middles(self, rows: Tensor) -> Tensor:
        """Return the values in the middle of each row's piece, detached.

        The last row of a path has the middle of its last piece, as everywhere.
        """
        rows = rows.detach()
        middle = torch.empty_like(rows)
        torch.add(rows[:-1], rows[1:], out=middle[:-1])
        middle[self.last] = middle[self.last - 1]
        return middle.mul_(0.5)

    def before(self, rows: Tensor) -> Tensor:
        """Return for each row what holds on the piece before it; the first of a path keeps its own."""
        earlier = torch.arange(len(rows), device=rows.device) - 1
        starts = torch.cat([self.last.new_zeros(1), self.last[:-1] + 1])
        earlier[starts] = starts
        return rows.index_select(0, earlier)

    def passings(self, rows: Tensor, cuts: list[Any]) -> tuple[Tensor, Tensor, Tensor]:
        """Return where a value passes one of the cuts (numbers, or tensors that broadcast).

        Returns:
            Rows whose piece it is, flat numbers of the elements, and shares of the piece, float64.
        """
        rows = rows.detach()
        flat = rows.reshape(len(rows), -1)  # a value may be one number per row, (R,)
        passings = []
        for cut in cuts:
            above = (rows > cut).reshape(flat.shape)
            row, unit = ((above[1:] != above[:-1]) & self.inside[:, None]).nonzero(as_tuple=True)
            level = cut.expand(rows.shape[1:]).reshape(-1)[unit].double() if isinstance(cut, Tensor) else cut
            before, after = flat[row, unit].double() - level, flat[row + 1, unit].double() - level
            passings.append((row, unit, before / (before - after)))
        row, unit, share = (torch.cat(parts) for parts in zip(*passings, strict=True))
        return row, unit, share

    def cut(self, row: Tensor, weight: Tensor) -> None:
        """Add breakpoints at shares of the pieces that begin at these rows.

        Raises:
            TooManyPiecesError: If the breakpoints become more than the limit.
        """
        inside = (weight > 0) & (weight < 1)  # a passing at a breakpoint, or NaN, divides nothing
        row, weight = row[inside], weight[inside]
        if not len(row):
            return
        if len(row) + len(self.alphas) > self._limit:
            raise TooManyPiecesError(len(row) + len(self.alphas))
        left = torch.cat([torch.arange(len(self.alphas), device=row.device), row])
        weight = torch.cat([weight.new_zeros(len(self.alphas)), weight])
        # by row, within a row by weight: a stable sort by the second key, then by the first
        order = torch.argsort(weight, stable=True)
        order = order[torch.argsort(left[order], stable=True)]
        left, weight = left[order], weight[order]
        fresh = torch.ones_like(left, dtype=torch.bool)
        fresh[1:] = (left[1:] != left[:-1]) | (weight[1:] != weight[:-1])
        left, weight = left[fresh], weight[fresh]
        right = torch.where(weight == 0, left, left + 1)  # an old row stays; the last has no row after it
        self.alphas = torch.lerp(self.alphas[left], self.alphas[right], weight)
        self.owners = self.owners[left]
        self._refinements.append(_Refinement(left, right, weight))
        self._look()


class _Refined(torch.autograd.Function):
    """Values at new breakpoints; the derivatives of new pieces add up to that of the one they divide.

    Not the transpose of the interpolation: the gradient of row r is that of piece r, times its length, and
    what came before the cut has one derivative on the whole piece.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, left: Tensor, right: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(left)
        ctx.count = len(rows)
        weight = weight.to(rows.dtype).reshape(-1, *([1] * (rows.ndim - 1)))
        return torch.lerp(rows.index_select(0, left), rows.index_select(0, right), weight)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[override]
        (left,) = ctx.saved_tensors
        (gradient,) = upstream
        total = gradient.new_zeros(ctx.count, *gradient.shape[1:])
        return total.index_add_(0, left, gradient), None, None, None
