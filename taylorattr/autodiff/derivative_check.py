"""Do a model's first and second derivatives follow its values? Asked before they are believed.

Differentiation sees no value that passes ``detach``, ``no_grad``, ``numpy`` or ``item``, no operation without
a derivative, and believes a custom backward pass that is not the operation's derivative. What comes back
looks like any other number, often zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

Rows = tuple[Tensor, ...]
"""One tensor (R, …) per input tensor."""


class Derivatives(NamedTuple):
    """f (R,), ∇f and ∇²f v (tensors (R, …)) of R points."""

    values: Tensor
    gradient: Rows
    product: Rows


PLACES = ((1e-3, 1.0), (2e-3, 1 / 16), (0.0, 1 / 4))
"""Distance from the point, in units of its entries, and step, in units of ∛eps. A kink or a branch can spoil
one place; a hidden dependence shows in all."""

RELATIVE = 1e-3
"""Difference allowed between a derivative and a difference quotient, relative to the larger of the two."""

LENIENT, STRICT = 1e4, 100.0
"""Roundings of the values that a difference may carry: lenient where nobody else can decide. In float32 that
is about the output itself, and hides what is missing, so a strict look comes first where float64 decides."""

Answer: TypeAlias = Literal["follows", "differs", "steps"]
"""What a gradient is: the derivative; not the derivative; 0 on the flat pieces of a function that jumps."""

WIDENING = 8.0
"""Factor between the steps at which a function that does not move is looked at again."""


class Slope(NamedTuple):
    """Where a gradient and a difference quotient differ most.

    Attributes:
        row: Number of the row.
        gradient: ∇f·v there.
        quotient: (f(x + hv) − f(x − hv))/2h.
        rows: Numbers of all rows where they differ at every place.
    """

    row: int
    gradient: float
    quotient: float
    rows: Tensor


@torch.no_grad()
def gradient_follows(
    values: Callable[[Rows, Tensor], Tensor],
    derive: Callable[[Rows, Tensor], tuple[Tensor, Rows]],
    points: Rows,
    known: tuple[Tensor, Rows],
    eps: float,
    roundings: float = LENIENT,
) -> tuple[Answer, Slope | None]:
    """Compare ∇f·v with a central difference of values, for a random v, in one forward of 2R rows.

    Rows that agree at one place are not looked at again.

    Args:
        values: Points, and the row of `points` that each belongs to, -> f.
        derive: Likewise -> f and ∇f, in a graph of its own.
        points: Tensors (R, …).
        known: f and ∇f there.
        eps: Rounding of the coarsest dtype the function computes in.
        roundings: So many of the values are taken for noise.

    Returns:
        The answer and, where the gradient differs, by how much. Where the function does not move at a small
        step and its gradient is 0, the step grows to the size of the row; a function that has moved then and
        has the gradient 0 at the other end as well goes in steps.
    """
    generator = torch.Generator().manual_seed(0)
    open_rows = torch.arange(len(points[0]), device=points[0].device)
    worst: Slope | None = None
    here, rows = known, points
    for number, (distance, share) in enumerate(reversed(PLACES)):  # the first of these is the point itself
        step = share * eps ** (1 / 3)
        # drawn for all rows, so that which of them are looked at again changes no number
        offset, signs = ([_random(p, generator) for p in points] for _ in range(2))
        if len(open_rows) < len(points[0]):
            offset, signs = ([r[open_rows] for r in drawn] for drawn in (offset, signs))
        scales = tuple(_scale(p) for p in rows)
        v = tuple(s * (2 * (r > 0.5).to(s) - 1) for s, r in zip(scales, signs, strict=True))
        start = tuple(p + distance * s * r for p, s, r in zip(rows, scales, offset, strict=True))
        if number:
            here = derive(start, open_rows)
        both = tuple(torch.cat([p + step * w, p - step * w]) for p, w in zip(start, v, strict=True))
        ahead, behind = values(both, open_rows.repeat(2)).chunk(2)
        slope, quotient = _flat(here[1], v).sum(1, keepdim=True), (ahead - behind)[:, None] / (2 * step)
        noise = roundings * eps / step * torch.stack([ahead, behind]).T
        relative = max(RELATIVE, 1e3 * step**2)
        close = _close(slope, quotient, relative, noise)
        if not bool(close.all()):  # sums that cancel round by more than their result tells
            moved = tuple(p + 2 * eps * w for p, w in zip(start, v, strict=True))
            felt = (values(moved, open_rows) - here[0]).abs()
            close = _close(slope, quotient, relative, torch.cat([noise, 30 * felt[:, None] / step], 1))
        apart = (~close).nonzero().reshape(-1)
        if not len(apart):
            flat = not any(bool(g.any()) for g in known[1])
            return ("steps" if flat and goes_in_steps(values, derive, points, eps) else "follows"), None
        if worst is None:
            row = int(apart[0])
            worst = Slope(int(open_rows[row]), float(slope[row]), float(quotient[row]), open_rows)
        open_rows, rows = open_rows[apart], tuple(p[apart] for p in rows)
    assert worst is not None
    return "differs", worst._replace(rows=open_rows)


@torch.no_grad()
def goes_in_steps(
    values: Callable[[Rows, Tensor], Tensor],
    derive: Callable[[Rows, Tensor], tuple[Tensor, Rows]],
    points: Rows,
    eps: float,
) -> bool:
    """Return whether a function with gradient 0 moves away from its points, with gradient 0 there too."""
    generator = torch.Generator().manual_seed(1)
    every = torch.arange(len(points[0]), device=points[0].device)
    here = values(points, every)
    scales = tuple(_scale(p) for p in points)
    step = eps ** (1 / 3)
    while step <= WIDENING:
        v = [s * (2 * _random(p, generator) - 1) for p, s in zip(points, scales, strict=True)]
        there = tuple(p + step * w for p, w in zip(points, v, strict=True))
        moved = (values(there, every) - here).abs() > 1e3 * eps * here.abs()
        if bool(moved.any()):
            gradients = derive(there, every)[1]
            return not any(bool(g[moved].any()) for g in gradients)
        step *= WIDENING
    return False


@torch.no_grad()
def derivatives_follow(derive: Callable[[Rows, Rows], Derivatives], points: Rows, eps: float) -> bool:
    """Compare ∇f·v with a central difference of values and ∇²f v with one of gradients, for a random v.

    Args:
        derive: (points, v) -> derivatives, row by row.
        points: Tensors (R, …).
        eps: Rounding of the coarsest dtype the function computes in.

    Returns:
        Whether every row agrees at one of `PLACES`, beyond truncation and rounding.
    """
    generator = torch.Generator().manual_seed(0)
    scales = tuple(_scale(p) for p in points)
    agreed = torch.zeros(len(points[0]), dtype=torch.bool, device=points[0].device)
    for distance, share in PLACES:
        step = share * eps ** (1 / 3)
        offset, signs = ([_random(p, generator) for p in points] for _ in range(2))
        v = tuple(s * (2 * (r > 0.5).to(s) - 1) for s, r in zip(scales, signs, strict=True))
        start = tuple(p + distance * s * r for p, s, r in zip(points, scales, offset, strict=True))
        here = derive(start, v)
        ahead, behind = (
            derive(tuple(p + sign * step * w for p, w in zip(start, v, strict=True)), v) for sign in (1, -1)
        )
        relative = max(RELATIVE, 1e3 * step**2)
        rounding = 1e4 * eps / step
        ends = (
            (ahead.values - behind.values)[:, None] / (2 * step),
            torch.stack([ahead.values, behind.values]),
        )
        first = _close(_flat(here.gradient, v).sum(1, keepdim=True), ends[0], relative, rounding * ends[1].T)
        forward, backward = _flat(ahead.gradient, v), _flat(behind.gradient, v)
        sizes = torch.cat([forward, backward], 1)
        second = _close(_flat(here.product, v), (forward - backward) / (2 * step), relative, rounding * sizes)
        agreed |= first & second
        if bool(agreed.all()):
            return True
    return False


def _scale(point: Tensor) -> Tensor:
    """Return the size of each entry, at least a thousandth of the row's largest; 1 in rows of zeros."""
    sizes = point.abs().reshape(len(point), -1)
    largest = sizes.amax(1, keepdim=True) if sizes.shape[1] else sizes.new_ones(len(point), 1)
    floor = torch.where(largest > 0, 1e-3 * largest, torch.ones_like(largest))
    return torch.maximum(sizes, floor).reshape(point.shape)


def _random(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(like.shape, generator=generator, dtype=torch.float64).to(like)


def _flat(rows: Rows, v: Rows) -> Tensor:
    """Return v ⊙ rows, all inputs side by side, (R, n)."""
    return torch.cat([(r * w).reshape(len(r), -1) for r, w in zip(rows, v, strict=True)], 1)


def _close(found: Tensor, slope: Tensor, relative: float, rounding: Tensor) -> Tensor:
    """Return which rows agree, (R,); NaN and infinity are told elsewhere and hide nothing."""
    sizes = torch.cat([found, slope], 1).nan_to_num(0, 0, 0).abs().amax(1, keepdim=True)
    allowed = relative * sizes + rounding.nan_to_num(0, 0, 0).abs().amax(1, keepdim=True)
    return (((found - slope).abs() <= allowed) | ~torch.isfinite(found)).all(1)
