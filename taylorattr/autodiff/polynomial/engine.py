"""Taylor coefficients of a captured program: the entry points and the choice between engines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial.collapsed import walk_collapsed
from taylorattr.autodiff.polynomial.full import walk_full
from taylorattr.autodiff.polynomial.lowered import lowered, supported
from taylorattr.autodiff.polynomial.nested import expand_nested
from taylorattr.autodiff.polynomial.ring import Poly, Ring
from taylorattr.errors import OptionError
from taylorattr.program.program import Program

Engine: TypeAlias = Literal["auto", "collapsed", "full", "nested"]

__all__ = ["expand", "expand_batch", "jets", "supported"]


def expand(
    program: Program,
    base: Sequence[Tensor],
    directions: Sequence[Tensor],
    order: int,
    *,
    engine: Engine = "auto",
    memory_limit: int | None = None,
) -> list[Tensor]:
    """Return the Taylor coefficients of t ↦ f(base + Σ_g t_g directions_g) at t = 0.

    Args:
        program: Captured at batch size 1 and promoted to the dtype of the inputs.
        base: Expansion point, one tensor (1, …) per input.
        directions: One direction per player, one tensor (n, …) per input.
        order: Highest degree K ≥ 0.
        engine: ``full`` carries every degree, ``nested`` is the slow reference.
        memory_limit: Bytes the computation may use; None: what the machine has free.

    Returns:
        For d = 0 … K the coefficients of degree d, shape (C(n+d−1, d),), in the package's order.

    Raises:
        OptionError: If the order or the engine is not one of those above.
        MissingRuleError: If an operation has no rule.
    """
    if engine == "nested":
        return expand_nested(program, base, directions, order)
    batch = expand_batch(
        program, base, [d[None] for d in directions], order, engine=engine, memory_limit=memory_limit
    )
    return [block[0] for block in batch]


def expand_batch(
    program: Program,
    bases: Sequence[Tensor],
    directions: Sequence[Tensor],
    order: int,
    *,
    engine: Engine = "auto",
    memory_limit: int | None = None,
) -> list[Tensor]:
    """Return the Taylor coefficients for several examples.

    Args:
        program: Captured at batch size 1 and promoted to the dtype of the inputs.
        bases: Expansion points, one tensor (B, …) per input.
        directions: One tensor (B, n, …) per input.
        order: Highest degree K ≥ 0.
        engine: See `expand`.
        memory_limit: See `expand`.

    Returns:
        For d = 0 … K the coefficients of degree d, shape (B, C(n+d−1, d)).

    Raises:
        OptionError: If the order or the engine is unknown.
        MissingRuleError: If an operation has no rule.
    """
    if order < 0:
        raise OptionError(f"order {order} given; it must be at least 0")
    plan = lowered(program, [x[:1] for x in bases])
    ring = Ring(directions[0].shape[1])
    points = [x[None, :, None] for x in bases]
    tangents = [d.transpose(0, 1)[:, :, None] for d in directions]
    if engine in ("auto", "collapsed") and order:
        return _table(walk_collapsed(plan, ring, points, tangents, order), ring, len(bases[0]))
    inputs = [_input(x, v, order) for x, v in zip(points, tangents, strict=True)]
    return _table(walk_full(plan, ring, inputs, order), ring, len(bases[0]))


def jets(program: Program, base: Sequence[Tensor], rays: Sequence[Tensor], order: int) -> Tensor:
    """Return the one-variable Taylor coefficients of s ↦ f(base + s·ray) at s = 0.

    Args:
        program: Captured at batch size 1 and promoted to the dtype of the inputs.
        base: Expansion point, one tensor (1, …) per input.
        rays: One tensor (R, …) per input.
        order: Highest degree K ≥ 0.

    Returns:
        Shape (R, K+1).

    Raises:
        OptionError: If the order is negative.
        MissingRuleError: If an operation has no rule.
    """
    if order < 0:
        raise OptionError(f"order {order} given; it must be at least 0")
    plan = lowered(program, base)
    inputs = [_input(x[None, :, None], ray[None, :, None], order) for x, ray in zip(base, rays, strict=True)]
    blocks = _table(walk_full(plan, Ring(1), inputs, order), Ring(1), len(rays[0]))
    return torch.cat(blocks, dim=1)


def _input(point: Tensor, direction: Tensor, order: int) -> Poly:
    return [point, direction, *[None] * (order - 1)][: order + 1]


def _table(poly: Poly, ring: Ring, count: int) -> list[Tensor]:
    """Return the blocks of the output as (E, C_d)."""
    zero = poly[0]
    assert zero is not None
    return [
        zero.new_zeros(count, ring.width(d)) if block is None else block[:, :, 0].T.expand(count, -1)
        for d, block in enumerate(poly)
    ]
