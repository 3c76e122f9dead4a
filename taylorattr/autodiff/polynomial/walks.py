r"""The three walks through the primitive steps of a program: plain, two-sided, and order 2 by chunks.

**Plain** (`walk_full`): every degree 0 … K is carried through every step.

**Two-sided** (`walk_collapsed`): all coefficients to order K from half of them. Every program is y_m = F_m(y)
with output f. Its adjoint λ_m(t) = ∂f/∂y_m(t) is a polynomial too. Let ỹ be the values truncated at degree p
and λ̃ the adjoints truncated at degree q ≤ p. The Lagrangian L(y, λ) = f(y) + Σ_m ⟨λ_m, F_m(y) − y_m⟩ is
stationary at the solution in both arguments, hence

    f(t) = L(ỹ, λ̃)(t) + O(t^{p+q+2}),

and, as F_m(ỹ) − ỹ_m starts at degree p+1 and vanishes for linear steps,

    f_d = Σ_m Σ_{j=0}^{q} ⟨λ_{m,j}, [F_m(ỹ)]_{d−j}⟩,   p < d ≤ K = p+q+1, d − j > p,

over the nonlinear steps m (the "2n+1 rule"; q = 0 is the assembly of the top degree from one ordinary
backward pass). With p = ⌊K/2⌋ only C(n+p, p) coefficients are carried forward and C(n+q, q) backward,
instead of C(n+K, K): at K = 3 one Jacobian and one Hessian-free backward pass per player.

**By chunks** (`walk_tangents`): order 2 with many players, one Jacobian and one polynomial backward pass per
chunk of them. With p = q = 1 the adjoint of the input has degree-1 blocks λ_{1,i} = ∇²f·Δ_i, and
H_ij = ⟨λ_{1,i}, Δ_j⟩. Nothing of size n² is formed before the end, unlike in the two-sided walk, whose
contractions cost n² per unit of every nonlinear step.

Source: Griewank & Walther, "Evaluating Derivatives" (2008), §13; Wigner's 2n+1 theorem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial.builder import Plan
from taylorattr.autodiff.polynomial.compose import compose, multiply
from taylorattr.autodiff.polynomial.contraction import bilinear, elementwise, product_adjoint, reduced
from taylorattr.autodiff.polynomial.ring import Poly, Ring, degree_zero, index_table, units
from taylorattr.autodiff.polynomial.steps import (
    Elementwise,
    Frozen,
    Linear,
    Matmul,
    Multiply,
    Step,
    filled,
    pull_by_autograd,
)


@torch.no_grad()
def walk_full(
    plan: Plan, ring: Ring, inputs: Sequence[Poly], order: int, *, drop_unselected: bool = False
) -> Poly:
    """Return the polynomial of the output.

    Args:
        plan: The lowered program.
        ring: Ring of the inputs.
        inputs: One polynomial per input, blocks 0 … order.
        order: K.
        drop_unselected: Whether a constant piece (slope 0 of a clamp, ReLU or ``nan_to_num``) gives 0
            whatever its operand's derivatives are: they may be infinite in the branch that a guard does not
            select.

    Returns:
        Blocks 0 … order of the output, (C_d, E, 1).
    """
    env: dict[int, Poly] = dict(zip(plan.inputs, inputs, strict=True))
    for step, finished in zip(plan.steps, plan.last_use, strict=True):
        operands = [env[i] for i in step.inputs]
        env[step.out] = advance(step, ring, operands, order)
        if drop_unselected and isinstance(step, Elementwise):
            env[step.out] = _without_unselected(step, operands[0], env[step.out])
        for index in finished:
            del env[index]
    return env[plan.output]


def _without_unselected(step: Elementwise, operand: Poly, result: Poly) -> Poly:
    """Return the polynomial with 0 where the function is constant around its value: 0·∞ is 0 there."""
    series = step.series(degree_zero(operand), 2)
    if len(series) != 2:
        return result  # not one of the piecewise linear functions, which alone are constant on a piece
    flat = series[1] == 0
    return [result[0], *[None if block is None else torch.where(flat, 0.0, block) for block in result[1:]]]


def advance(step: Step, ring: Ring, operands: Sequence[Poly], order: int) -> Poly:
    """Return the polynomial a step makes of its operands, to the given order."""
    points = [degree_zero(p) for p in operands]
    if isinstance(step, Linear):
        context = step.context(points) if step.context is not None else None
        return [step.value(points, context), *push_all(step, operands, context, order)]
    if isinstance(step, Elementwise):
        return compose(ring, step.series(points[0], order), operands[0])
    if isinstance(step, Multiply):
        return [multiply(ring.multiply, *operands, degree=d) for d in range(order + 1)]
    if isinstance(step, Matmul):
        return [multiply(ring.matmul, *operands, degree=d) for d in range(order + 1)]
    assert isinstance(step, Frozen)
    return [step.value(points), *[None] * order]


def push_all(step: Linear, operands: Sequence[Poly], context: object, order: int) -> list[Tensor | None]:
    """Return the blocks 1 … order of a linear step's result."""
    out: list[Tensor | None] = []
    for d in range(1, order + 1):
        present = [p[d] for p in operands]
        if all(block is None for block in present):
            out.append(None)
        elif step.accepts_missing or len(present) == 1:
            out.append(step.push(present, context))
        else:
            out.append(step.push(filled(present, step.shapes), context))
    return out


def degrees(order: int) -> tuple[int, int]:
    """Return (p, q): the highest degree carried forward and that of the adjoints, p + q + 1 = order."""
    return order // 2, order - 1 - order // 2


@dataclass(slots=True)
class Record:
    """What the backward sweep needs of one step: its operands and the scalar series or context."""

    step: Step
    operands: Sequence[Poly]
    extra: Any = None


@torch.no_grad()
def walk_collapsed(
    plan: Plan, ring: Ring, point: Sequence[Tensor], direction: Sequence[Tensor], order: int
) -> Poly:
    """Return the polynomial of the output.

    Args:
        plan: The lowered program.
        ring: Ring of the players.
        point: Degree 0 of every input, (1, E, *value).
        direction: Degree 1 of every input, (n, E, *value).
        order: K ≥ 1.

    Returns:
        Blocks 0 … K of the output, (C_d, E, 1).
    """
    p, q = degrees(order)
    inputs: list[Poly] = [
        [x, v, *[None] * (p - 1)] if p else [x] for x, v in zip(point, direction, strict=True)
    ]
    sweep = two_sided(plan, ring, inputs, p, q, order, to_inputs=p == 0)
    if p == 0:
        for gradient, v in zip(sweep.adjoints, direction, strict=True):
            if gradient[0] is not None:
                ring.contract(units(v), 1, units(gradient[0]), 0, sweep.totals[1])
    return [*sweep.output, *(sweep.totals[d].unsqueeze(-1) for d in range(p + 1, order + 1))]


@dataclass(slots=True)
class Sweep:
    """Result of one walk forward and back.

    Attributes:
        output: Blocks 0 … p of the output.
        totals: Degree d -> coefficients of the output (C_d, E), p < d ≤ K.
        adjoints: Adjoints of the inputs, blocks 0 … q; None where not asked for or zero.
    """

    output: Poly
    totals: dict[int, Tensor]
    adjoints: list[Poly]


@torch.no_grad()
def two_sided(
    plan: Plan, ring: Ring, inputs: Sequence[Poly], p: int, q: int, order: int, *, to_inputs: bool
) -> Sweep:
    """Walk forward with degrees 0 … p, back with adjoints of degrees 0 … q, assembling degrees p+1 … order.

    Args:
        plan: The lowered program.
        ring: Ring of the players.
        inputs: One polynomial per input, blocks 0 … p.
        p: Highest degree forward.
        q: Highest degree of the adjoints.
        order: Highest degree assembled: p + q + 1, or p to assemble none.
        to_inputs: Whether to carry the adjoints back to the inputs.

    Returns:
        Output, totals and adjoints.
    """
    output, tape = _forward(plan, ring, inputs, p, max(order, p + q))
    zero = degree_zero(output)
    E = max(block.shape[1] for poly in (*inputs, output) for block in poly if block is not None)
    totals = {d: zero.new_zeros(ring.width(d), E) for d in range(p + 1, order + 1)}
    adjoints: dict[int, Poly] = {plan.output: [torch.ones_like(zero), *[None] * q]}
    wanted = _wanted(plan, everything=to_inputs)
    while tape:
        _backward(tape.pop(), ring, adjoints, wanted, totals, order)
    return Sweep(output, totals, [adjoints.get(slot, [None] * (q + 1)) for slot in plan.inputs])


def _forward(plan: Plan, ring: Ring, inputs: Sequence[Poly], p: int, order: int) -> tuple[Poly, list[Record]]:
    """Return the output to degree p and the tape, which holds operands of steps with curvature only."""
    env: dict[int, Poly] = dict(zip(plan.inputs, inputs, strict=True))
    tape: list[Record] = []
    for step, finished in zip(plan.steps, plan.last_use, strict=True):
        operands = [env[i] for i in step.inputs]
        if isinstance(step, Linear):
            points = [degree_zero(operand) for operand in operands]
            context = step.context(points) if step.context is not None else None
            env[step.out] = [step.value(points, context), *push_all(step, operands, context, p)]
            tape.append(Record(step, (), context))
        elif isinstance(step, Elementwise):
            series = step.series(degree_zero(operands[0]), order)
            env[step.out] = compose(ring, series[: max(p, 1) + 1], operands[0])
            tape.append(Record(step, operands if len(series) > 2 else (), series))
        else:
            env[step.out] = advance(step, ring, operands, p)
            tape.append(Record(step, operands))
        for index in finished:
            del env[index]
    return env[plan.output], tape


def _wanted(plan: Plan, *, everything: bool) -> set[int]:
    """Return the slots whose adjoint matters: those that a nonlinear step leads to."""
    if everything:
        return {*plan.inputs, *(step.out for step in plan.steps)}
    wanted: set[int] = set()
    for step in plan.steps:
        if isinstance(step, Frozen):
            continue
        if not isinstance(step, Linear) or any(i in wanted for i in step.inputs):
            wanted.add(step.out)
    return wanted


def _backward(
    record: Record,
    ring: Ring,
    adjoints: dict[int, Poly],
    wanted: set[int],
    totals: dict[int, Tensor],
    order: int,
) -> None:
    """Take a step's adjoint out of the table, add what the step contributes, and hand it on to its inputs."""
    step = record.step
    adjoint = adjoints.pop(step.out, None)
    if adjoint is None or isinstance(step, Frozen):
        return
    pulls = [i in wanted for i in step.inputs]
    if isinstance(step, Linear):
        if any(pulls):
            pulled: list[Poly] = [[None] * len(adjoint) for _ in step.inputs]
            for j, block in enumerate(adjoint):
                if block is not None:
                    pull = step.pull or (lambda b, context: pull_by_autograd(step, b, context))
                    for blocks, image in zip(pulled, pull(block, record.extra), strict=True):
                        blocks[j] = image
            for slot, wants, blocks in zip(step.inputs, pulls, pulled, strict=True):
                if wants:
                    _add(adjoints, slot, blocks)
        return
    if isinstance(step, Elementwise):
        u = record.operands[0] if record.operands else []
        pieces = elementwise(ring, u, record.extra, adjoint, totals, order, pulls[0])
        _add(adjoints, step.inputs[0], pieces if pulls[0] else [])
        return
    _backward_product(step, record.operands, ring, adjoint, adjoints, pulls, totals, order)


def _backward_product(
    step: Step,
    operands: Sequence[Poly],
    ring: Ring,
    adjoint: Poly,
    adjoints: dict[int, Poly],
    pulls: Sequence[bool],
    totals: dict[int, Tensor],
    order: int,
) -> None:
    """Add what a product contributes to the totals, and hand its adjoint on: λ∘y to x, λ∘x to y."""
    x, y = operands
    if isinstance(step, Multiply):
        # contractions want operands of the full shape; adjoints are summed back to that of the operand
        wide = [
            [None if b is None else b.expand(*b.shape[:2], *step.shape) for b in poly] for poly in operands
        ]
        bilinear(ring, wide, adjoint, totals, order, ring.multiply, ring.multiply)
        shapes = step.shapes
        if pulls[0]:
            _add(
                adjoints,
                step.inputs[0],
                [reduced(b, shapes[0]) for b in product_adjoint(ring.multiply, adjoint, y)],
            )
        if pulls[1]:
            _add(
                adjoints,
                step.inputs[1],
                [reduced(b, shapes[1]) for b in product_adjoint(ring.multiply, adjoint, x)],
            )
        return
    assert isinstance(step, Matmul)

    def against_y(lam: Tensor, j: int, block: Tensor, b: int, out: Tensor | None) -> Tensor:
        return ring.matmul(lam, j, block.transpose(-1, -2), b, out)

    def against_x(lam: Tensor, j: int, block: Tensor, a: int, out: Tensor | None) -> Tensor:
        return ring.matmul(block.transpose(-1, -2), a, lam, j, out)

    bilinear(ring, operands, adjoint, totals, order, against_y, against_x)
    if pulls[0]:
        _add(adjoints, step.inputs[0], product_adjoint(against_y, adjoint, y))
    if pulls[1]:
        _add(adjoints, step.inputs[1], product_adjoint(against_x, adjoint, x))


def _add(adjoints: dict[int, Poly], slot: int, blocks: Poly) -> None:
    """Add to the adjoint of a slot; one that gets no block stays out of the table, and is not walked back."""
    for j, block in enumerate(blocks):
        if block is not None:
            total = adjoints.setdefault(slot, [None] * len(blocks))
            known = total[j]
            total[j] = block if known is None else known + block


@torch.no_grad()
def walk_tangents(plan: Plan, point: Sequence[Tensor], direction: Sequence[Tensor], chunk: int) -> Poly:
    """Return the polynomial of the output to order 2.

    Args:
        plan: The lowered program.
        point: Degree 0 of every input, (1, E, *value).
        direction: Degree 1 of every input, (n, E, *value).
        chunk: Players walked at a time.

    Returns:
        Blocks 0, 1, 2 of the output, (C_d, E, 1).
    """
    n, E = direction[0].shape[:2]
    hessian = direction[0].new_zeros(n, n, E)
    first: list[Tensor] = []
    output = None
    for start in range(0, n, chunk):
        part = [v[start : start + chunk] for v in direction]
        count = len(part[0])
        inputs: list[Poly] = [[x, v] for x, v in zip(point, part, strict=True)]
        sweep = two_sided(plan, Ring(count), inputs, 1, 1, 1, to_inputs=True)
        output, slope = degree_zero(sweep.output), sweep.output[1]
        first.append(output.new_zeros(count, E, 1) if slope is None else slope)
        for adjoint, v in zip(sweep.adjoints, direction, strict=True):
            if adjoint[1] is not None:
                left, right = units(adjoint[1]).transpose(0, 1), units(v).permute(1, 2, 0)
                hessian[start : start + count] += torch.matmul(left, right).permute(1, 2, 0)
    rows, columns = torch.triu_indices(n, n, device=hessian.device)
    second = hessian[rows, columns]
    second[rows == columns] *= 0.5  # the coefficient of t_i² is half the second derivative
    table = index_table(n, 1, 1, hessian.device)
    block = torch.empty_like(second)
    block[table[rows, columns]] = second
    return [output, torch.cat(first), block.unsqueeze(-1)]
