"""Operations on values along paths: row by row, constant between cuts, and as contests between elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from taylorattr.autodiff.paths.grid import Carried, Lines, PathGrid, Steps
from taylorattr.autodiff.paths.upper_envelope import changes_of_maximum
from taylorattr.errors import TaylorAttrError
from taylorattr.program.arguments import leaves, map_leaves
from taylorattr.program.program import Node
from taylorattr.program.walk import Forward

_CANDIDATES_AT_ONCE = 2**22
"""Rows × candidates of contests looked at together: 32 MiB in float64."""

_JUMP = {torch.float64: 1e-7, torch.float32: 1e-4}
"""Difference of the values before and behind a switch, over the largest value, that is a jump.

Far above the rounding of a switch's place and of the sums on both sides, far below a jump of a model."""


class NotPiecewiseLinearError(TaylorAttrError):
    """The program has an operation that is neither affine nor a known kink, or it jumps."""


def row_by_row(
    node: Node, args: tuple[Any, ...], kwargs: dict[str, Any], moving: list[Tensor] | None = None
) -> Any:
    """Apply an operation to each row of its moving values.

    Args:
        node: The operation.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        moving: What stands for the moving values, in their order; None: their rows.

    Returns:
        A tensor of rows, or several.

    Raises:
        NotPiecewiseLinearError: If the operation cannot run so.
    """
    rows = moving or [value.rows for value in leaves(Carried, (args, kwargs))]

    def call(*row: Tensor) -> Any:
        remaining = iter(row)
        positional, by_name = map_leaves(Carried, lambda _: next(remaining), (args, kwargs))
        return _FORWARD.apply(node, tuple(positional), by_name)

    try:
        return torch.vmap(call)(*rows)
    except RuntimeError as error:
        raise NotPiecewiseLinearError(f"{node.op} cannot be batched: {error}") from error


_FORWARD = Forward()
"""Runs an operation as it is, views as reshapes: under vmap a row may have another memory layout."""


def affine(
    grid: PathGrid, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any], kind: type[Carried]
) -> Any:
    """Return an operation that is affine on each piece, of all rows.

    Where a mask (`Steps`) takes part, the result at breakpoint r is that of the piece that begins there. It
    is a line only if the piece before has the same value there, so both are computed and compared.

    Raises:
        NotPiecewiseLinearError: If the values before and behind a mask's switch differ.
    """
    moving = list(leaves(Carried, (args, kwargs)))
    for value in moving:
        grid.current(value)  # brings its rows to the present grid in place
    result = row_by_row(node, args, kwargs)
    parts = [result] if isinstance(result, Tensor) else list(result)
    if kind is Lines and any(isinstance(value, Steps) for value in moving):
        rows = [grid.before(v.rows) if isinstance(v, Steps) else v.rows for v in moving]
        with torch.no_grad():
            other = row_by_row(node, args, kwargs, rows)
        for one, two in zip(parts, [other] if isinstance(other, Tensor) else other, strict=True):
            step = torch.where(one == two, 0.0, one.detach() - two).abs()  # equal infinities differ by 0
            largest = float(torch.where(step.isfinite(), one.detach().abs(), 0.0).max())
            # written so that NaN, and a step to or from infinity, count as jumps
            if not float(step.max()) <= _JUMP.get(two.dtype, 1e-2) * largest:
                raise NotPiecewiseLinearError(f"{node.op} jumps where a mask switches")
    carried = [kind(part, grid.version) for part in parts]
    return carried[0] if isinstance(result, Tensor) else carried


def stepped(
    grid: PathGrid, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any], cuts: list[Lines]
) -> Steps:
    """Return a function that is constant on both sides of where a line passes 0: a comparison, a sign.

    It is asked in the middle of each piece, since at the passing itself it may have a third value.

    Args:
        grid: The grid; cut where one of `cuts` passes 0.
        node: The operation.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        cuts: Differences whose sign decides the result.
    """
    for difference in cuts:
        row, _, weight = grid.passings(grid.current(difference), [0.0])
        grid.cut(row, weight)
    moving = []
    for value in leaves(Carried, (args, kwargs)):
        rows = grid.current(value)
        moving.append(rows if isinstance(value, Steps) else grid.middles(rows))
    with torch.no_grad():
        return Steps(row_by_row(node, args, kwargs, moving), grid.version)


def contest(
    grid: PathGrid, line: Lines, places: Tensor, *, shared: bool, sign: int = 1
) -> tuple[Tensor, Tensor]:
    """Return the largest of several elements of a value, with sign = −1 the smallest.

    Args:
        grid: The grid; cut where a winner changes.
        line: The value.
        places: Flat positions of the candidates, shape (M, k).
        shared: Whether equal candidates share the derivative; else the first has all of it.
        sign: 1 or −1.

    Returns:
        Values (R, M), and the winners' numbers among their candidates on each piece, int64 (R, M).
    """
    places = places.to(grid.alphas.device)
    flat = grid.current(line).detach().flatten(1) * sign
    changes = [
        _changes(grid, flat, p, flat[:, p].argmax(2)) for p in map(places.__getitem__, _parts(grid, places))
    ]
    # cut once, after all parts have been looked at: a cut renumbers the rows
    grid.cut(torch.cat([row for row, _ in changes]), torch.cat([weight for _, weight in changes]))
    flat = grid.current(line).flatten(1)
    middles = grid.middles(flat) * sign
    values, winners = [], []
    for part in _parts(grid, places):
        candidates = middles[:, places[part]]
        top, winner = candidates.max(2)
        winners.append(winner)
        level = candidates == top[:, :, None]
        if shared and bool((level.sum(2) > 1).any()):
            share = level / level.sum(2, keepdim=True).to(flat.dtype)
            values.append((flat[:, places[part]] * share).sum(2))
        else:
            each = torch.arange(winner.shape[1], device=winner.device)
            values.append(flat.gather(1, places[part][each, winner]))
    return torch.cat(values, 1), torch.cat(winners, 1)


def pooled(
    grid: PathGrid, line: Lines, places: Tensor, winner: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the largest of several elements where torch itself says which it is: quicker than `contest`.

    Args:
        grid: The grid; cut where a winner changes.
        line: The value.
        places: Flat positions of the candidates, shape (M, k).
        winner: Rows of flat values -> flat positions of the winners (R, M).

    Returns:
        Values (R, M), and flat positions of the winners on each piece, int64 (R, M).
    """
    flat = grid.current(line).detach().flatten(1)
    row, weight = _changes(grid, flat, places.to(flat.device), winner(flat))
    grid.cut(row, weight)
    flat = grid.current(line).flatten(1)
    best = winner(grid.middles(flat))
    return flat.gather(1, best), best


def _parts(grid: PathGrid, places: Tensor) -> list[slice]:
    """Return slices of the contests, each small enough for its candidates to be gathered on all rows."""
    size = max(1, _CANDIDATES_AT_ONCE // (len(grid.alphas) * places.shape[1]))
    return [slice(start, start + size) for start in range(0, len(places), size)]


def _changes(grid: PathGrid, flat: Tensor, places: Tensor, winner: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows whose pieces have a change of the largest candidate inside, and the shares.

    A maximum of lines is convex: where the same one wins at both ends of a piece no other wins between.
    """
    row, unit = ((winner[1:] != winner[:-1]) & grid.inside[:, None]).nonzero(as_tuple=True)
    left, right = (flat[r[:, None], places[unit]] for r in (row, row + 1))
    which, weight = changes_of_maximum(left, right)
    return row[which], weight
