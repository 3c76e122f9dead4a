"""Taylor coefficients of a captured program: the entry points and the choice between engines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial import budget
from taylorattr.autodiff.polynomial.collapsed import degrees, walk_collapsed
from taylorattr.autodiff.polynomial.full import walk_full
from taylorattr.autodiff.polynomial.lowered import lowered, supported
from taylorattr.autodiff.polynomial.nested import expand_nested
from taylorattr.autodiff.polynomial.ring import Poly, Ring, degree_zero
from taylorattr.autodiff.polynomial.steps import Plan
from taylorattr.autodiff.polynomial.tangents import walk_tangents
from taylorattr.errors import OptionError, ShapeError
from taylorattr.program.program import Program

Engine: TypeAlias = Literal["auto", "collapsed", "tangents", "full", "nested"]
"""How coefficients are computed; ``auto`` is the fastest that fits.

``collapsed``: half the degrees forward, half back (module `collapsed`). ``tangents``: order 2 in chunks
of players. ``full``: every degree through every step. ``nested``: the slow reference."""

MANY_PLAYERS = 256
"""Above this many players order 2 is computed in chunks of players, if the nonlinear steps are wide too."""

TANGENT_CHUNK = 64
"""Players per chunk at order 2."""

__all__ = ["Engine", "expand", "expand_batch", "jets", "supported"]


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
        engine: See `Engine`.
        memory_limit: Bytes the computation may use; None: half of what the machine has free.

    Returns:
        For d = 0 … K the coefficients of degree d, shape (C(n+d−1, d),), in the package's order; their
        unit is that of f.

    Raises:
        OptionError: If the order is negative or the engine unknown.
        ShapeError: If base and directions do not fit together.
        BudgetError: If the computation would need more memory than allowed.
        MissingRuleError: If an operation has no rule; names operation, module and line.
    """  # noqa: DOC502 -- raised by what is called
    stacked = [d[None] for d in directions]
    return [
        block[0]
        for block in expand_batch(program, base, stacked, order, engine=engine, memory_limit=memory_limit)
    ]


def expand_batch(
    program: Program,
    bases: Sequence[Tensor],
    directions: Sequence[Tensor],
    order: int,
    *,
    engine: Engine = "auto",
    memory_limit: int | None = None,
) -> list[Tensor]:
    """Return the Taylor coefficients for several examples; see `expand`.

    Args:
        program: Captured at batch size 1 and promoted to the dtype of the inputs.
        bases: Expansion points, one tensor (B, …) per input.
        directions: One tensor (B, n, …) per input.
        order: Highest degree K ≥ 0.
        engine: See `Engine`.
        memory_limit: Bytes the computation may use; None: half of what the machine has free.

    Returns:
        For d = 0 … K the coefficients of degree d, shape (B, C(n+d−1, d)).

    Raises:
        OptionError: If the order is negative, the engine unknown, or tangents asked for another order than 2.
        ShapeError: If bases and directions do not fit together.
        BudgetError: If the computation would need more memory than allowed.
        MissingRuleError: If an operation has no rule; names operation, module and line.
    """  # noqa: DOC502 -- raised by what is called
    _check(bases, directions, order, engine)
    B, n = directions[0].shape[:2]
    if engine == "nested":
        tables = [
            expand_nested(program, [x[e : e + 1] for x in bases], [d[e] for d in directions], order)
            for e in range(B)
        ]
        return [torch.stack(rows) for rows in zip(*tables, strict=True)]
    plan = lowered(program, [x[:1] for x in bases])
    itemsize = bases[0].element_size()
    chosen = _choose(engine, order, n, plan)
    needed = _needed(plan, chosen, n, order, itemsize)
    limit = budget.within(needed, memory_limit, n, order)
    rows = budget.rows_to(n, order if chosen == "full" else degrees(order)[0]) if order else 1
    step = 1 if chosen == "tangents" else budget.examples_at_once(plan, rows, needed, limit, itemsize)
    tables: list[list[Tensor]] = []
    for start in range(0, B, step):
        points = [x[None, start : start + step, None] for x in bases]
        tangents = [d[start : start + step].transpose(0, 1)[:, :, None] for d in directions]
        tables.append(_table(_walk(plan, chosen, points, tangents, order), n, len(points[0][0])))
    return [torch.cat(parts) for parts in zip(*tables, strict=True)]


def jets(program: Program, base: Sequence[Tensor], rays: Sequence[Tensor], order: int) -> Tensor:
    """Return the one-variable Taylor coefficients of s ↦ f(base + s·ray) at s = 0.

    Args:
        program: Captured at batch size 1 and promoted to the dtype of the inputs.
        base: Expansion point, one tensor (1, …) per input.
        rays: One tensor (R, …) per input.
        order: Highest degree K ≥ 0.

    Returns:
        Shape (R, K+1), in the unit of f.

    Raises:
        OptionError: If the order is negative.
        ShapeError: If base and rays do not fit together.
        MissingRuleError: If an operation has no rule; names operation, module and line.
    """  # noqa: DOC502 -- raised by what is called
    _check(base, [ray[None] for ray in rays], order, "full")
    plan = lowered(program, base)
    step = max(1, budget.WIDEST_BLOCK // (plan.widest * (order + 1) * base[0].element_size()))
    points = [x[None, :, None] for x in base]
    pieces = []
    for start in range(0, len(rays[0]), step):
        directions = [ray[None, start : start + step, None] for ray in rays]
        blocks = _table(_walk(plan, "full", points, directions, order), 1, directions[0].shape[1])
        pieces.append(torch.cat(blocks, dim=1))
    return torch.cat(pieces)


def _check(bases: Sequence[Tensor], directions: Sequence[Tensor], order: int, engine: str) -> None:
    if order < 0:
        raise OptionError(f"order {order} given; it must be at least 0")
    if engine not in get_args(Engine):
        raise OptionError(f"engine {engine!r} given; expected one of {', '.join(get_args(Engine))}")
    if engine == "tangents" and order != 2:
        raise OptionError(
            f"engine 'tangents' computes order 2, order {order} was asked for; use engine='auto'"
        )
    if len(bases) != len(directions) or not bases:
        raise ShapeError(
            f"{len(bases)} base tensors and {len(directions)} direction tensors given; one of each per input"
        )
    counts = {d.shape[1] for d in directions}
    for x, d in zip(bases, directions, strict=True):
        if x.shape[1:] != d.shape[2:] or len(x) != len(d) or len(counts) > 1:
            raise ShapeError(
                f"base {tuple(x.shape)} and directions {tuple(d.shape)} do not fit; expected (B, …) and "
                "(B, n, …) with the same B, n and value shape for every input"
            )


def _choose(engine: Engine, order: int, n: int, plan: Plan) -> Engine:
    """Contractions cost n² per entry of a nonlinear step's operand, backward passes n per weight."""
    if order == 0:
        return "full"
    if engine == "auto":
        return "tangents" if order == 2 and n > MANY_PLAYERS and plan.stored > 2 * n else "collapsed"
    return engine


def _needed(plan: Plan, engine: Engine, n: int, order: int, itemsize: int) -> int:
    if engine == "tangents":
        return budget.tangent_bytes(plan, n, min(n, TANGENT_CHUNK), itemsize)
    return (budget.collapsed_bytes if engine == "collapsed" else budget.full_bytes)(plan, n, order, itemsize)


def _walk(plan: Plan, engine: Engine, points: list[Tensor], directions: list[Tensor], order: int) -> Poly:
    ring = Ring(len(directions[0]))
    if engine == "collapsed":
        return walk_collapsed(plan, ring, points, directions, order)
    if engine == "tangents":
        return walk_tangents(plan, points, directions, TANGENT_CHUNK)
    inputs: list[Poly] = [
        [x, v, *[None] * (order - 1)][: order + 1] for x, v in zip(points, directions, strict=True)
    ]
    return walk_full(plan, ring, inputs, order)


def _table(poly: Poly, n: int, examples: int) -> list[Tensor]:
    """Return the blocks of the output as (E, C_d)."""
    ring, zero = Ring(n), degree_zero(poly)
    return [
        zero.new_zeros(examples, ring.width(d)) if block is None else block[:, :, 0].T.expand(examples, -1)
        for d, block in enumerate(poly)
    ]
