"""The plain walk: every degree 0 … K carried through every step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial.compose import compose, multiply
from taylorattr.autodiff.polynomial.ring import Poly, Ring, degree_zero
from taylorattr.autodiff.polynomial.steps import (
    Elementwise,
    Frozen,
    Linear,
    Matmul,
    Multiply,
    Plan,
    Step,
    filled,
)


@torch.no_grad()
def walk_full(plan: Plan, ring: Ring, inputs: Sequence[Poly], order: int) -> Poly:
    """Return the polynomial of the output.

    Args:
        plan: The lowered program.
        ring: Ring of the inputs.
        inputs: One polynomial per input, blocks 0 … order.
        order: K.

    Returns:
        Blocks 0 … order of the output, (C_d, E, 1).
    """
    env: dict[int, Poly] = dict(zip(plan.inputs, inputs, strict=True))
    for step, finished in zip(plan.steps, plan.last_use, strict=True):
        env[step.out] = advance(step, ring, [env[i] for i in step.inputs], order)
        for index in finished:
            del env[index]
    return env[plan.output]


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
