"""Second derivatives by the Taylor walk: Σ_r w_r ∇²f̃ over points of one captured program.

With few directions the walk is the two-sided one at order 2: one Jacobian forward, one ordinary backward pass
for all points, H = Σ_l J_lᵀ diag(g_l φ''(u_l)) J_l. With many it goes through them in chunks, each carried
forward as a tangent and back as the derivative of the adjoint. Where the input flows through fewer values z
than there are directions, all by affine steps, H = Pᵀ H_z P with P = ∂z/∂t, and only H_z is walked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial.builder import Plan
from taylorattr.autodiff.polynomial.engine import (
    MANY_PLAYERS,
    collapsed_bytes,
    examples_at_once,
    expand,
    lowered,
    tangent_bytes,
)
from taylorattr.autodiff.polynomial.ring import Poly, Ring, degree_zero, index_table
from taylorattr.autodiff.polynomial.steps import Linear, pull_by_autograd
from taylorattr.autodiff.polynomial.walks import two_sided, walk_collapsed
from taylorattr.errors import BudgetError
from taylorattr.program.program import Program

Rows = tuple[Tensor, ...]
"""One tensor (R, …) per input tensor."""

Directions = Callable[[slice], Rows]
"""Directions in a slice -> tensors (C, 1, …)."""

Collect = Callable[[Rows], Tensor]
"""Tensors (C, R, …) -> their products with every direction, (C, R, n)."""

WIDEST_CHUNK = 6 << 20
"""Bytes of the widest value of all directions walked together."""

ROWS = (32, 256)
"""Fewest and most points × directions walked together, where memory does not decide."""

FEWEST_PER_POINT = 16
"""Directions carried with a point at least: each chunk of them repeats the point's own forward pass."""

NARROW = 0.75
"""Affine values z are walked in place of the directions from this share of their number down."""


@torch.no_grad()
def gradients(program: Program, points: Rows, collect: Collect) -> Tensor:
    """Return ∇f̃ at R points, shape (R, n).

    Args:
        program: From `captured.capture_at`.
        points: Tensors (R, …).
        collect: Multiplies with the directions.
    """
    plan = lowered(program, tuple(p[:1] for p in points))
    sweep = two_sided(plan, Ring(1), [[p[None, :, None]] for p in points], 0, 0, 1, to_inputs=True)
    inputs = [p[None, :, None] for p in points]
    return collect(tuple(a[:, :, 0] for a in _adjoints(sweep.adjoints, 0, inputs, 1)))[0]


@torch.no_grad()
def hessian_vectors(program: Program, points: Rows, vectors: Rows) -> tuple[Tensor, Rows]:
    """Return f and ∇²f v at R points, each along its own direction: one tangent forward, one adjoint back.

    Args:
        program: From `captured.capture_at`.
        points: Tensors (R, …).
        vectors: Tensors (R, …).

    Returns:
        Shape (R,), and tensors (R, …).
    """
    plan = lowered(program, tuple(p[:1] for p in points))
    inputs: list[Poly] = [[p[None, :, None], v[None, :, None]] for p, v in zip(points, vectors, strict=True)]
    sweep = two_sided(plan, Ring(1), inputs, 1, 1, 1, to_inputs=True)
    products = _adjoints(sweep.adjoints, 1, [degree_zero(poly) for poly in inputs], 1)
    values = degree_zero(sweep.output)[0].reshape(-1)
    return values.expand(len(points[0])), tuple(block[0, :, 0] for block in products)


@torch.no_grad()
def hessian_sum(
    program: Program,
    points: Rows,
    weights: Tensor,
    n: int,
    directions: Directions,
    collect: Collect,
    *,
    memory_limit: int,
    rows: int | None = None,
    out: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return Σ_r w_r ∇²f̃ along n directions, and ∇f̃ at every point.

    Args:
        program: From `captured.capture_at`.
        points: Tensors (R, …).
        weights: w, shape (R,).
        n: Number of directions.
        directions: Gives the directions of a slice.
        collect: Multiplies with all directions.
        memory_limit: Bytes the walk may take.
        rows: Points × directions at a time where they are walked in chunks; None: chosen.
        out: Where to write the matrix, (n, n); None: a new tensor.

    Returns:
        Shapes (n, n) and (R, n).
    """
    out = weights.new_empty(n, n) if out is None else out
    plan = lowered(program, tuple(p[:1] for p in points))
    split = _affine_start(plan, int(NARROW * n))
    if split is None:

        def lifted(part: slice) -> Rows:
            return tuple(d[:, :, None] for d in directions(part))

        def products(blocks: Rows) -> Tensor:
            return collect(tuple(block[:, :, 0] for block in blocks))

        spots = [p[None, :, None] for p in points]
        slopes = _Walk(plan, spots, weights, n, lifted, products).run(out.zero_(), memory_limit, rows)
        return out, slopes
    rest, z, jacobian = _behind(plan, split, points, collect)
    m = len(jacobian)

    def units(part: slice) -> Rows:
        block = jacobian.new_zeros(part.stop - part.start, m)
        block.diagonal(part.start).fill_(1)
        return (block.reshape(len(block), 1, *rest.input_shapes[0]),)

    def flat(blocks: Rows) -> Tensor:
        return blocks[0].reshape(*blocks[0].shape[:2], m)

    inner = weights.new_zeros(m, m)
    slopes = _Walk(rest, [z], weights, m, units, flat).run(inner, memory_limit, rows)
    return torch.mm(jacobian.T, inner @ jacobian, out=out), slopes @ jacobian


def selected_hessians(
    program: Program, points: Rows, n: int, directions: Directions, memory_limit: int
) -> tuple[Tensor, Tensor] | None:
    """Return ∇²f̃ and ∇f̃ at R points where the walk gave NaN: forward only, a guard selects its branch.

    Args:
        program: From `captured.capture_at`.
        points: Tensors (R, …).
        n: Number of directions.
        directions: Gives the directions of a slice.
        memory_limit: Bytes the walk may take.

    Returns:
        Shapes (R, n, n) and (R, n), finite or not; None where the memory does not suffice.
    """
    whole = [d[:, 0] for d in directions(slice(0, n))]
    try:
        series = [
            expand(program, [p[r : r + 1] for p in points], whole, 2, memory_limit=memory_limit)
            for r in range(len(points[0]))
        ]
    except BudgetError:
        return None
    squares = torch.stack([second[index_table(n, 1, 1, second.device)] for _, _, second in series])
    squares.diagonal(dim1=1, dim2=2).mul_(2)  # t_i² has the coefficient ∂²f/2
    return squares, torch.stack([first for _, first, _ in series])


@dataclass
class _Walk:
    """One sum of Hessians over a plan; points (1, R, *value) and directions (C, 1, *value) are blocks."""

    plan: Plan
    points: list[Tensor]
    weights: Tensor
    n: int
    directions: Directions
    collect: Collect

    def run(self, matrix: Tensor, limit: int, rows: int | None) -> Tensor:
        """Add the weighted Hessians to the matrix; return the gradients."""
        itemsize = self.points[0].element_size()
        one = collapsed_bytes(self.plan, self.n, 2, itemsize)
        dense = self.n <= MANY_PLAYERS or self.plan.stored <= 2 * self.n
        R = len(self.weights)
        slopes = self.weights.new_zeros(R, self.n)
        if dense and rows is None and one <= limit:
            step = examples_at_once(self.plan, 1 + self.n, one, limit, itemsize)
            block = list(self.directions(slice(0, self.n)))
            for start in range(0, R, step):
                part = slice(start, start + step)
                slopes[part] = self._collapsed(part, block, matrix)
            return slopes
        rows = rows or self._rows(limit, itemsize)
        step = max(1, min(R, rows // FEWEST_PER_POINT))
        chunk = max(1, rows // step)
        for start in range(0, R, step):
            part = slice(start, min(start + step, R))
            for first in range(0, self.n, chunk):
                players = slice(first, min(first + chunk, self.n))
                slopes[part, players] = self._tangents(part, players, matrix)
        return slopes

    def _rows(self, limit: int, itemsize: int) -> int:
        cached = min(max(WIDEST_CHUNK // (itemsize * self.plan.widest), ROWS[0]), ROWS[1])
        fixed = tangent_bytes(self.plan, self.n, 0, itemsize)
        each = tangent_bytes(self.plan, self.n, 1, itemsize) - fixed
        return max(1, min(cached, (limit - fixed) // max(1, each)))

    def _collapsed(self, part: slice, block: list[Tensor], matrix: Tensor) -> Tensor:
        """Add the weighted Hessians of some points by the two-sided walk; return their gradients."""
        weights = self.weights[part]
        points = [p[:, part] for p in self.points]
        poly = walk_collapsed(self.plan, Ring(self.n), points, block, 2)
        first, second = poly[1], poly[2]
        if second is not None:
            summed = second[:, :, 0].expand(-1, len(weights)) @ weights
            square = summed[index_table(self.n, 1, 1, summed.device)]
            square.diagonal().mul_(2)
            matrix += square
        if first is None:
            return weights.new_zeros(len(weights), self.n)
        return first[:, :, 0].expand(-1, len(weights)).T

    def _tangents(self, part: slice, players: slice, matrix: Tensor) -> Tensor:
        """Add rows of the weighted Hessians of some points; return those players' part of the gradients."""
        weights = self.weights[part]
        given = self.directions(players)
        count = len(given[0])
        points = [p[:, part] for p in self.points]
        inputs: list[Poly] = [[p, d] for p, d in zip(points, given, strict=True)]
        sweep = two_sided(self.plan, Ring(count), inputs, 1, 1, 1, to_inputs=True)
        products = self.collect(_adjoints(sweep.adjoints, 1, points, count))
        matrix[players] += torch.matmul(weights, products)
        slope = sweep.output[1]
        if slope is None:
            return weights.new_zeros(len(weights), count)
        return slope[:, :, 0].expand(-1, len(weights)).T


def _adjoints(adjoints: Sequence[Poly], degree: int, points: Sequence[Tensor], count: int) -> Rows:
    """Return the inputs' adjoints of one degree as blocks (C, R, *value), zero where missing."""
    result = []
    for adjoint, p in zip(adjoints, points, strict=True):
        block, shape = adjoint[degree], (count, *p.shape[1:])
        result.append(p.new_zeros(shape) if block is None else block.expand(shape))
    return tuple(result)


def _affine_start(plan: Plan, most: int) -> int | None:
    """Return after how many affine steps the input is a value of fewest, at most `most`, entries."""
    if len(plan.inputs) != 1:
        return None
    slot, best, least = plan.inputs[0], None, most + 1
    for k, step in enumerate(plan.steps):
        affine = isinstance(step, Linear) and step.context is None and step.inputs == (slot,)
        if not affine or slot not in plan.last_use[k]:
            break
        slot = step.out
        if plan.sizes[slot] < least:
            best, least = k + 1, plan.sizes[slot]
    return best


def _behind(plan: Plan, split: int, points: Rows, collect: Collect) -> tuple[Plan, Tensor, Tensor]:
    """Return the plan after its affine start, z as a block (1, R, *value), and ∂z/∂t, shape (m, n)."""
    start = plan.steps[:split]
    z = points[0][None, :, None]
    for step in start:
        assert isinstance(step, Linear)
        z = step.value([z], None)
    last = start[-1]
    m = plan.sizes[last.out]
    size = max(plan.sizes[i] for step in start for i in (step.out, *step.inputs)) * z.element_size()
    rows = max(ROWS[0], WIDEST_CHUNK // size)
    parts = []
    for first in range(0, m, rows):
        block = z.new_zeros(min(rows, m - first), m)
        block.diagonal(first).fill_(1)
        block = block.reshape(len(block), 1, *last.shape)
        for step in reversed(start):
            assert isinstance(step, Linear)
            pulled = step.pull(block, None) if step.pull else pull_by_autograd(step, block, None)
            shape = (len(block), 1, *step.shapes[0])
            block = z.new_zeros(shape) if pulled[0] is None else pulled[0].reshape(shape)
        parts.append(collect((block[:, :, 0],))[:, 0])
    rest = Plan(
        inputs=(last.out,),
        input_shapes=(last.shape,),
        steps=plan.steps[split:],
        output=plan.output,
        last_use=plan.last_use[split:],
        sizes=plan.sizes,
    )
    return rest, z, torch.cat(parts)
