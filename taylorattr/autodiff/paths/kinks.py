"""What choices between values do along paths: maxima, pools, comparisons, signs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from taylorattr.autodiff.paths.grid import Carried, Lines, PathGrid, Steps
from taylorattr.autodiff.paths.operations import NotPiecewiseLinearError, contest, pooled, stepped
from taylorattr.program.arguments import leaves, named
from taylorattr.program.operations import implementations
from taylorattr.program.pool_places import pool_places
from taylorattr.program.program import Node

Rule = Callable[[PathGrid, Node, tuple[Any, ...], dict[str, Any]], Any]
"""(grid, operation, positional, keyword arguments) -> a carried value, or several."""


def _clamp(grid: PathGrid, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return a clamp whose bounds move: a maximum with the lower one, then a minimum with the upper one."""
    a = named(node.op, args, kwargs)
    result = a["self"]
    for name, sign in (("min", 1), ("max", -1)):
        if a.get(name) is not None:
            result = _of_two(grid, result, a[name], sign)
    return result


def _larger(sign: int) -> Rule:
    """Return the rule of an elementwise maximum, with sign = −1 of a minimum."""

    def apply(grid: PathGrid, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return _of_two(grid, args[0], args[1], sign)

    return apply


def _of_two(grid: PathGrid, one: Any, two: Any, sign: int) -> Lines:
    """Return the larger of two values elementwise, constants among them; with sign = −1 the smaller."""
    rows = torch.broadcast_tensors(*_brought(grid, one, two))
    both = Lines(torch.stack(rows, 1), grid.version)  # (R, 2, …)
    shape, count = rows[0].shape[1:], rows[0][0].numel()
    places = torch.stack([torch.arange(count), torch.arange(count) + count], 1)
    values, _ = contest(grid, both, places, shared=True, sign=sign)
    return Lines(values.reshape(-1, *shape), grid.version)


def _brought(grid: PathGrid, *values: Any) -> list[Tensor]:
    """Return the rows of values that are broadcast against each other; constants as one row."""
    if any(isinstance(v, Steps) for v in values):
        raise NotPiecewiseLinearError("a maximum of a value and a mask is not followed")
    rows = [grid.current(v) if isinstance(v, Lines) else _constant(v)[None] for v in values]
    like = next(r for r, v in zip(rows, values, strict=True) if isinstance(v, Lines))
    rank = max(r.ndim for r in rows)
    # missing dimensions go behind the rows, where broadcasting would put them in front
    return [r.to(like).reshape(len(r), *([1] * (rank - r.ndim)), *r.shape[1:]) for r in rows]


def _constant(value: Any) -> Tensor:
    """Return a constant as a tensor; a number keeps all its digits, whatever the default dtype."""
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)


def _extreme(sign: int) -> Rule:
    """Return the rule of max and amax, with sign = −1 of min and amin.

    They reduce some dimensions or all, and return the winner's number where asked. Equal candidates share the
    derivative as in torch: not where the winner's number is returned, too.
    """

    def apply(grid: PathGrid, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        a = named(node.op, args, kwargs)
        if "other" in a:
            return _of_two(grid, a["self"], a["other"], sign)
        line: Lines = a["self"]
        shape = grid.current(line).shape[1:]
        dim = a.get("dim")
        dims = [dim] if isinstance(dim, int) else list(dim or range(len(shape)))
        dims = [d % len(shape) for d in dims]
        remaining = [d for d in range(len(shape)) if d not in dims]
        # a contest for each entry of the remaining dimensions, candidates in the order of the reduced ones
        places = torch.arange(shape.numel()).reshape(shape).permute(*remaining, *dims)
        places = places.reshape(torch.Size([shape[d] for d in remaining]).numel(), -1)
        indexed = isinstance(dim, int) and isinstance(node.out, tuple)
        values, winners = contest(grid, line, places, shared=not indexed, sign=sign)
        keep = a.get("keepdim", False)
        out = [1 if d in dims else shape[d] for d in range(len(shape)) if keep or d not in dims]
        result = Lines(values.reshape(-1, *out), grid.version)
        return [result, Steps(winners.reshape(-1, *out), grid.version)] if indexed else result

    return apply


def _pool(grid: PathGrid, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the values of a max-pooling, and the positions in the plane that torch returns with them."""
    line, *rest = args
    spatial = 3 if "3d" in node.name else 2
    shape = grid.current(line).shape[1:]
    space, planes = shape[-spatial:], shape[:-spatial].numel()
    out = node.shape[len(node.shape) - spatial :]
    window = pool_places(node.name, named(node.op, args, kwargs), space, out)
    # where each plane begins among the flat entries of the value
    first = torch.arange(planes)[:, None] * space.numel()
    places = (first[:, :, None] + window).flatten(0, 1)
    first = first.to(line.rows.device)

    def winner(flat: Tensor) -> Tensor:
        inside = node.op(flat.reshape(-1, 1, *space), *rest, **kwargs)[1]
        return (inside.reshape(len(flat), planes, -1) + first).flatten(1)

    values, best = pooled(grid, line, places, winner)
    inside = (best.unflatten(1, (planes, -1)) - first).reshape(-1, *shape[:-spatial], *out)
    return [Lines(values.reshape(inside.shape), grid.version), Steps(inside, grid.version)]


def _compared(grid: PathGrid, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return a comparison: it switches where the difference of its sides passes 0."""
    one, two = args
    rows = _brought(grid, one, two)
    return stepped(grid, node, args, kwargs, [Lines(rows[0] - rows[1], grid.version)])


def _sign(grid: PathGrid, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return a function of one value's sign."""
    if any(True for _ in leaves(Carried, args[1:])):
        raise NotPiecewiseLinearError(f"{node.op} with parameters that depend on the input")
    return stepped(grid, node, args, kwargs, [args[0]])


def _by_rank(grid: PathGrid, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return entries chosen by rank along a dimension: the same on a piece where no two change places."""
    a = named(node.op, args, kwargs)
    line: Lines = a.pop("self")
    if "dim" not in a:  # median() of everything
        line = Lines(grid.current(line).flatten(1), grid.version)
    dim = a.get("dim", 0) % max(grid.current(line).ndim - 1, 1)
    _cut_where_ranks_change(grid, line, dim)
    rows = grid.current(line)
    # ranks are read off the middle of a piece: at its ends two entries are equal and torch may name either
    if "dim" not in a:
        choose = torch.nanmedian if node.name == "nanmedian" else torch.median
        return Lines(rows.gather(1, choose(grid.middles(rows), 1, True)[1])[:, 0], grid.version)
    settings = a | {"keepdim": True} if "keepdim" in a else a
    index = torch.vmap(lambda row: node.op(row, **settings)[1])(grid.middles(rows))
    values = rows.gather(dim + 1, index)
    if a.get("keepdim") is False:
        values, index = values.squeeze(dim + 1), index.squeeze(dim + 1)
    return [Lines(values, grid.version), Steps(index, grid.version)]


def _cut_where_ranks_change(grid: PathGrid, line: Lines, dim: int) -> None:
    """Cut the grid where two entries along a dimension pass each other: between cuts their order is fixed.

    Raises:
        NotPiecewiseLinearError: If there are too many pairs to look at.
    """
    rows = grid.current(line).detach().movedim(dim + 1, -1)
    count = rows.shape[-1]
    first, second = torch.triu_indices(count, count, 1, device=rows.device)
    if rows[..., 0].numel() * len(first) > MOST_PAIRS:
        raise NotPiecewiseLinearError(f"{count} entries that are ranked have too many pairs that may cross")
    row, _, weight = grid.passings(rows[..., first] - rows[..., second], [0.0])
    grid.cut(row, weight)


MOST_PAIRS = 2**26
"""Differences of ranked entries that are formed at once: 512 MiB in float64."""

STEPS = ("gt", "ge", "lt", "le", "eq", "ne", "sign", "sgn", "heaviside", "signbit")
"""Operations with a result constant on each piece: six of two values, then functions of one's sign."""

RULES: dict[str, Rule] = implementations("integration by pieces", {
    **dict.fromkeys(["clamp", "clamp_min", "clamp_max"], _clamp),
    **dict.fromkeys(["maximum", "fmax"], _larger(1)),
    **dict.fromkeys(["minimum", "fmin"], _larger(-1)),
    **dict.fromkeys(["amax", "max"], _extreme(1)),
    **dict.fromkeys(["amin", "min"], _extreme(-1)),
    **dict.fromkeys(
        ["max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool3d"],
        _pool,
    ),
    **dict.fromkeys(STEPS[:6], _compared),
    **dict.fromkeys(STEPS[6:], _sign),
    **dict.fromkeys(["sort", "topk", "kthvalue", "median", "nanmedian"], _by_rank),
})  # fmt: skip
"""Name of an operation of several values, affine or constant on each piece -> its rule."""
