"""Taylor coefficients of a captured program: which programs have them, by which walk, in how much memory.

`expand` gives all coefficients up to an order and `jets` one-variable series along rays. Both lower the
program to primitive steps once (`lowered`, kept with the program), choose the cheapest walk that fits,
estimate its memory before it starts, and walk as many examples together as stay in cache.

Programs that select a number of entries that depends on values (``z[z > 0]``, ``masked_select``, ``nonzero``)
are refused: their steps would hold for one point only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor

from taylorattr import memory
from taylorattr.autodiff.polynomial import rules as _rules  # noqa: F401 -- registers a rule for every operation
from taylorattr.autodiff.polynomial.builder import RULES, Plan, describe, lower, overload
from taylorattr.autodiff.polynomial.nested import expand_nested
from taylorattr.autodiff.polynomial.rays import walk_rays
from taylorattr.autodiff.polynomial.ring import Poly, Ring, degree_zero
from taylorattr.autodiff.polynomial.walks import degrees, walk_collapsed, walk_full, walk_tangents
from taylorattr.errors import BudgetError, DtypeError, MissingRuleError, OptionError, ShapeError
from taylorattr.maths.multi_index import count, count_up_to
from taylorattr.program.arguments import leaves
from taylorattr.program.formulas import FORMULAS
from taylorattr.program.program import Node, Program, Ref
from taylorattr.program.written_out import without_formulas

Engine: TypeAlias = Literal["auto", "collapsed", "tangents", "full", "nested"]
"""How coefficients are computed; ``auto`` is the fastest that fits.

``collapsed``: half the degrees forward, half back. ``tangents``: order 2 in chunks of players. ``full``:
every degree through every step (the three of `walks`). ``nested``: the slow reference."""

MANY_PLAYERS = 256
"""Above this many players order 2 is computed in chunks of players, if the nonlinear steps are wide too."""

TANGENT_CHUNK = 64
"""Players per chunk at order 2."""


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
    chosen, needed = _choose(engine, order, n, plan, itemsize)
    limit = bytes_allowed(needed, memory_limit, n, order)
    rows = 1 + count_up_to(n, order if chosen == "full" else degrees(order)[0])
    step = 1 if chosen == "tangents" else examples_at_once(plan, rows, needed, limit, itemsize)
    tables: list[list[Tensor]] = []
    for start in range(0, B, step):
        points = [x[None, start : start + step, None] for x in bases]
        tangents = [d[start : start + step].transpose(0, 1)[:, :, None] for d in directions]
        if chosen == "collapsed":
            poly = walk_collapsed(plan, Ring(n), points, tangents, order)
        elif chosen == "tangents":
            poly = walk_tangents(plan, points, tangents, TANGENT_CHUNK)
        else:
            poly = walk_full(plan, Ring(n), _to_order(points, tangents, order), order)
        tables.append(_table(poly, n, len(points[0][0])))
    blocks = [torch.cat(parts) for parts in zip(*tables, strict=True)]
    # the sum of a block is NaN or infinite if an entry is, and is quicker to look at than all of them
    if order and not all(bool(torch.isfinite(block.sum())) for block in blocks):
        _take_selected_branches(blocks, plan, bases, directions, order, memory_limit)
    return blocks


def _take_selected_branches(
    blocks: list[Tensor],
    plan: Plan,
    bases: Sequence[Tensor],
    directions: Sequence[Tensor],
    order: int,
    memory_limit: int | None,
) -> None:
    """Write over rows that are not finite what the plain walk gives, where that is finite.

    An adjoint of 0 that meets an infinite derivative in the branch that a guard does not select (``where``,
    a clamped norm) gives NaN on the way back. The plain walk goes forward only, and there a guard selects.
    """
    n, itemsize = directions[0].shape[1], bases[0].element_size()
    bad = ~torch.stack([torch.isfinite(block).all(1) for block in blocks]).all(0)
    try:
        bytes_allowed(full_bytes(plan, n, order, itemsize), memory_limit, n, order)
    except BudgetError:  # it stays as it is, and the caller says so
        return
    for e in bad.nonzero().reshape(-1).tolist():
        inputs = _to_order(
            [x[None, e : e + 1, None] for x in bases], [d[e][:, None, None] for d in directions], order
        )
        poly = walk_full(plan, Ring(n), inputs, order, drop_unselected=True)
        for block, selected in zip(blocks, _table(poly, n, 1), strict=True):
            if bool(torch.isfinite(selected).all()):
                block[e] = selected[0]


def jets(program: Program, base: Sequence[Tensor], rays: Sequence[Tensor], order: int) -> Tensor:
    """Return the one-variable Taylor coefficients of s ↦ f(base + s·ray) at s = 0.

    Args:
        program: Captured at batch size 1 and promoted to the dtype of the inputs.
        base: Expansion points, one tensor per input: (R, …), or (1, …) where all rays start from one.
        rays: One tensor (R, …) per input.
        order: Highest degree K ≥ 0.

    Returns:
        Shape (R, K+1), in the unit of f.

    Raises:
        OptionError: If the order is negative.
        ShapeError: If base and rays do not fit together.
        MissingRuleError: If an operation has no rule; names operation, module and line.
    """  # noqa: DOC502 -- raised by what is called
    total = len(rays[0])
    _check([x.expand(total, *x.shape[1:]) for x in base], [ray[:, None] for ray in rays], order, "full")
    plan = lowered(program, [x[:1] for x in base])
    size = plan.widest * (order + 1) * base[0].element_size()
    step = max(1, WIDEST_JETS // size, min(FEWEST_RAYS, MOST_JETS // size))
    pieces = []
    for start in range(0, total, step):
        points = [x if len(x) == 1 else x[start : start + step] for x in base]
        here = [ray[start : start + step] for ray in rays]
        series = walk_rays(plan, points, here, order)
        if not bool(torch.isfinite(series.sum())):
            # an infinite derivative in a branch that no guard selects, as in `_take_selected_branches`
            selected = walk_rays(plan, points, here, order, drop_unselected=True)
            series = torch.where(torch.isfinite(series).all(1, keepdim=True), series, selected)
        pieces.append(series)
    return torch.cat(pieces)


def values(program: Program, points: Sequence[Tensor]) -> Tensor:
    """Return f at many points in one walk.

    Args:
        program: Captured at batch size 1 and promoted to the dtype of the inputs.
        points: One tensor (R, …) per input.

    Returns:
        Shape (R,).

    Raises:
        MissingRuleError: If an operation has no rule; names operation, module and line.
    """  # noqa: DOC502 -- raised by what is called
    plan = lowered(program, [x[:1] for x in points])
    step = max(1, WIDEST_BLOCK // (plan.widest * points[0].element_size()))
    parts = ([x[start : start + step] for x in points] for start in range(0, len(points[0]), step))
    return torch.cat([walk_rays(plan, some, some, 0)[:, 0] for some in parts])


def _check(bases: Sequence[Tensor], directions: Sequence[Tensor], order: int, engine: str) -> None:
    """Refuse an order, an engine or shapes that cannot be walked."""
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


def _choose(engine: Engine, order: int, n: int, plan: Plan, itemsize: int) -> tuple[Engine, int]:
    """Return the walk to use, and the bytes it needs for one example.

    Of the two fast ones the contractions of the collapsed walk cost n² per entry of a nonlinear step's
    operand, the backward passes of the tangents n per weight.
    """
    if engine == "auto":
        engine = "tangents" if order == 2 and n > MANY_PLAYERS and plan.stored > 2 * n else "collapsed"
    if engine == "full" or order == 0:  # of order 0 there is no half to save
        return "full", full_bytes(plan, n, order, itemsize)
    if engine == "tangents":
        return engine, tangent_bytes(plan, n, min(n, TANGENT_CHUNK), itemsize)
    return engine, collapsed_bytes(plan, n, order, itemsize)


def _to_order(points: Sequence[Tensor], directions: Sequence[Tensor], order: int) -> list[Poly]:
    """Return the polynomials x + v of the inputs with blocks 0 … order; those above 1 are absent."""
    return [[x, v, *[None] * (order - 1)][: order + 1] for x, v in zip(points, directions, strict=True)]


def _table(poly: Poly, n: int, examples: int) -> list[Tensor]:
    """Return the blocks of the output as (E, C_d), zeros where one is absent."""
    ring, zero = Ring(n), degree_zero(poly)
    return [
        zero.new_zeros(examples, ring.width(d)) if block is None else block[:, :, 0].T.expand(examples, -1)
        for d, block in enumerate(poly)
    ]


def lowered(program: Program, inputs: Sequence[Tensor]) -> Plan:
    """Return the program's primitive steps, prepared at the first call.

    Args:
        program: Captured at batch size 1, promoted to the dtype of the inputs.
        inputs: A point of the program, shapes as captured.

    Returns:
        The plan.

    Raises:
        DtypeError: If the inputs have another dtype than the program.
        MissingRuleError: If an operation has no rule; names operation, module and line.
    """  # noqa: DOC502 -- raised by what is called
    wanted = next((c.dtype for c in program.constants.values() if c.is_floating_point()), inputs[0].dtype)
    if inputs[0].dtype != wanted:
        raise DtypeError(
            f"inputs of {inputs[0].dtype} given to a program of {wanted}; convert the inputs, or promote the "
            "program to their dtype"
        )
    # a program that was made of another one by replace() carries that one's plan, which does not fit it
    made_from = (id(program.nodes), id(program.constants))
    if program.lowered is None or program.lowered[0] != made_from:
        for node in value_dependent(program):
            raise MissingRuleError(
                f"no Taylor rule for {describe(node)}: how many entries it selects depends on the inputs; "
                "use engine='nested' (slow), or select with torch.where"
            )
        written = program
        if any(node.name in _WALKED_AS_FORMULA for node in program.nodes):
            written = without_formulas(program, inputs, _WALKED)
        program.lowered = (made_from, lower(written, inputs))
    return program.lowered[1]


def supported(program: Program) -> list[Node]:
    """Return the operations that cannot be walked, in order; empty where the engine covers the program.

    They are those without a Taylor rule and those that select a number of entries that depends on values.
    """
    selections = {id(node) for node in value_dependent(program)}
    return [
        node
        for node in program.nodes
        if id(node) in selections or (node.op not in RULES and node.name not in _WALKED_AS_FORMULA)
    ]


_WALKED = frozenset(op.overloadpacket.__name__ for op in RULES)
"""Operations with a rule of their own; others are walked as their formula where they have one."""


_WALKED_AS_FORMULA = FORMULAS.keys() - _WALKED
"""Operations that are written out before they are lowered."""

_COMPARISONS = {
    "eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite", "isneginf", "isposinf", "isreal",
    "isin", "signbit", "logical_and", "logical_or", "logical_xor", "logical_not", "any", "all", "isclose",
}  # fmt: skip
"""Operations whose result is boolean whatever they are given."""

_CARRIERS = {
    "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not", "view", "_unsafe_view", "reshape", "select",
    "slice", "unsqueeze", "squeeze", "expand", "permute", "transpose", "t", "clone", "alias", "detach", "cat",
    "stack", "flip", "roll", "repeat", "index_select", "gather", "split", "unbind", "diagonal", "tril",
    "triu",
}  # fmt: skip
"""Operations whose result is boolean where all they are given is."""

_INDEXED = {overload("index.Tensor"), overload("masked_select")}
"""Operations that select as many entries as a mask has, if they are given one."""

_COUNTED = {overload("nonzero"), overload("argwhere")}
"""Operations whose result has as many rows as there are entries that are not 0."""


def value_dependent(program: Program) -> list[Node]:
    """Return the operations of a program whose result has a size that depends on the inputs' values.

    Args:
        program: A captured program.

    Returns:
        ``nonzero``, and the selections by a mask that depends on the inputs, in order.
    """
    masks: set[int] = set()
    selections = []
    for node in program.nodes:
        if _boolean(node, masks, program.constants):
            masks.update(ref.index for ref in leaves(Ref, node.out))
        elif node.op in _COUNTED or (node.op in _INDEXED and _refers(node.args[1], masks)):
            selections.append(node)
    return selections


def _boolean(node: Node, masks: set[int], constants: dict[int, torch.Tensor]) -> bool:
    """Return whether the result of an operation is boolean, given the numbers of values that are."""
    name = node.op._schema.name.split("::")[1]
    if name == "_to_copy":
        return node.kwargs.get("dtype") is torch.bool or (
            node.kwargs.get("dtype") is None and _refers(node.args, masks)
        )
    if name not in _CARRIERS:
        return name in _COMPARISONS
    return all(
        ref.index in masks or (ref.index in constants and constants[ref.index].dtype is torch.bool)
        for ref in leaves(Ref, [node.args[0], *(node.args[1:] if name.startswith("bitwise") else ())])
    )


def _refers(value: Any, numbers: set[int]) -> bool:
    """Return whether an argument holds one of some values, at any depth."""
    return any(ref.index in numbers for ref in leaves(Ref, value))


WIDEST_BLOCK = 4 << 20
"""Bytes of the widest block up to which several examples are walked together."""

WIDEST_JETS = 1 << 20
"""Bytes of the widest value of all rays walked together, with all its degrees: a product reads three such."""

FEWEST_RAYS, MOST_JETS = 16, 32 << 20
"""So many rays are walked together all the same where they take no more than these bytes."""


def collapsed_bytes(plan: Plan, n: int, order: int, itemsize: int) -> int:
    """Return what the two-sided walk of one example needs at most.

    Operands of nonlinear steps to degree p and their scalar series, the live values, the adjoints to
    degree q, the widest pairs of a contraction and their index table, and the result.
    """
    forward, backward = (1 + count_up_to(n, degree) for degree in degrees(order))
    series = (order + 1) * plan.smooth
    values = forward * (plan.stored + plan.live) + 2 * backward * plan.live + series
    a = (order + 1) // 2
    pairs = count(n, a) * count(n, order - a)
    return itemsize * (values + 2 * pairs + 2 * (1 + count_up_to(n, order))) + 8 * pairs


def full_bytes(plan: Plan, n: int, order: int, itemsize: int) -> int:
    """Return what the plain walk of one example needs at most: live values and a product in progress."""
    return itemsize * (1 + count_up_to(n, order)) * (plan.live + 3 * plan.widest)


def tangent_bytes(plan: Plan, n: int, chunk: int, itemsize: int) -> int:
    """Return what second order by chunks of players needs at most."""
    return itemsize * ((chunk + 1) * (plan.stored + 4 * plan.live) + 3 * n * n)


def bytes_allowed(needed: int, limit: int | None, n: int, order: int) -> int:
    """Return the bytes a computation may use, at least what it needs.

    Args:
        needed: Bytes of one example.
        limit: Bytes allowed; None: half of what the machine has free, asked only where it matters.
        n: Number of players.
        order: K.

    Returns:
        The limit.

    Raises:
        BudgetError: If more is needed than allowed; names what to change.
    """
    if limit is None:
        limit = memory.available(needed)
    if needed > limit:
        raise BudgetError(
            f"order {order} with {n} players needs about {memory.in_words(needed)} for "
            f"{1 + count_up_to(n, order)} coefficients and the values behind them (limit "
            f"{memory.in_words(limit)}); lower order=, or group variables into fewer players with players=..."
        )
    return limit


def examples_at_once(plan: Plan, rows: int, needed: int, limit: int, itemsize: int) -> int:
    """Return how many examples to walk together: widest block within cache, all within the limit."""
    block = max(1, rows * plan.widest * itemsize)
    return max(1, min(WIDEST_BLOCK // block, limit // max(1, needed)))
