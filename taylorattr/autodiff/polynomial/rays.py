"""One-variable series along many rays, all degrees of a value in one tensor.

A polynomial of one variable has one coefficient per degree, so the degrees of a value can stand where the
coefficients of a block stand, (degrees, R, *value) for R rays: a linear step takes all of them in one call,
and a product of two values is a sum of shifted slices, or one matrix product per degree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial.builder import Plan
from taylorattr.autodiff.polynomial.recurrences import product, recurrence_of
from taylorattr.autodiff.polynomial.series import Series
from taylorattr.autodiff.polynomial.steps import Elementwise, Frozen, Linear, Matmul, Multiply, Step, filled

COMPOSED_AT_ONCE = 1 << 14
"""Entries of a value, over all rays, that a function is composed with at a time."""


@dataclass(frozen=True, slots=True)
class Jet:
    """A value along R rays.

    Attributes:
        zero: Degree 0, (1, E, *value); E = 1 where all rays share it.
        higher: Degrees 1 … k, (k, R, *value), beyond which all are zero; None: no degree.
    """

    zero: Tensor
    higher: Tensor | None

    @property
    def top(self) -> int:
        """k."""
        return 0 if self.higher is None else len(self.higher)


@torch.no_grad()
def walk_rays(
    plan: Plan,
    points: Sequence[Tensor],
    rays: Sequence[Tensor],
    order: int,
    *,
    drop_unselected: bool = False,
) -> Tensor:
    """Return the coefficients of the output along rays.

    Args:
        plan: The lowered program.
        points: Where the rays start, one tensor per input, (R, …), or (1, …) where they share it.
        rays: One tensor (R, …) per input.
        order: Highest degree K ≥ 0.
        drop_unselected: As in `walks.walk_full`.

    Returns:
        Shape (R, K+1).
    """
    env = {
        slot: Jet(x[None, :, None], ray[None, :, None] if order else None)
        for slot, x, ray in zip(plan.inputs, points, rays, strict=True)
    }
    for step, finished in zip(plan.steps, plan.last_use, strict=True):
        operands = [env[i] for i in step.inputs]
        env[step.out] = _advance(step, operands, order, drop_unselected)
        for index in finished:
            del env[index]
    output = env[plan.output]
    series = output.zero.new_zeros(len(rays[0]), order + 1)
    series[:, 0] = output.zero[0, :, 0]
    if output.higher is not None:
        series[:, 1 : output.top + 1] = output.higher[:, :, 0].T
    return series


def _advance(step: Step, operands: Sequence[Jet], order: int, drop_unselected: bool) -> Jet:
    """Return what a step makes of its operands."""
    points = [operand.zero for operand in operands]
    if isinstance(step, Linear):
        context = step.context(points) if step.context is not None else None
        value = step.value(points, context)
        top = max(operand.top for operand in operands)
        if top == 0:
            return Jet(value, None)
        present = [_padded(operand.higher, top) for operand in operands]
        if not step.accepts_missing and len(present) > 1:
            present = filled(present, step.shapes)
        return Jet(value, step.push(present, context))
    if isinstance(step, Elementwise):
        return _elementwise(step, operands[0], order, drop_unselected)
    if isinstance(step, Multiply):
        x, y = operands
        return _product(x, y, order)
    if isinstance(step, Matmul):
        x, y = operands
        return _matrix_product(x, y, order)
    assert isinstance(step, Frozen)
    return Jet(step.value(points), None)


def _elementwise(step: Elementwise, u: Jet, order: int, drop_unselected: bool) -> Jet:
    """Return φ(u), a part of the entries at a time that stays in cache with all degrees."""
    v = u.higher
    if v is None:
        return Jet(step.series(u.zero, 0)[0], None)
    zeroth, flat = u.zero.flatten(2), v.flatten(2)
    rays, units = flat.shape[1:]
    width = max(1, min(units, COMPOSED_AT_ONCE))
    count = max(1, COMPOSED_AT_ONCE // width)
    if rays * units <= COMPOSED_AT_ONCE:
        zero, higher = _composed(step, u.zero, v, order, drop_unselected)
        return Jet(zero, higher)
    zeros, out, top = zeroth.clone(), flat.new_empty(order, rays, units), 0
    for r in range(0, rays, count):
        for c in range(0, units, width):
            some, columns = slice(r, r + count), slice(c, c + width)
            here = zeroth[:, :, columns] if len(zeroth[0]) == 1 else zeroth[:, some, columns]
            zero, higher = _composed(step, here, flat[:, some, columns], order, drop_unselected)
            (zeros[:, :, columns] if len(zeroth[0]) == 1 else zeros[:, some, columns]).copy_(zero)
            if higher is not None:
                top = len(higher)
                out[:top, some, columns] = higher
    shape = v.shape[2:]
    return Jet(zeros.unflatten(2, shape), out[:top].unflatten(2, shape) if top else None)


def _composed(
    step: Elementwise, u0: Tensor, v: Tensor, order: int, drop_unselected: bool
) -> tuple[Tensor, Tensor | None]:
    """Return degree 0 of φ(u) and those above, None where φ is constant."""
    recurrence = recurrence_of(step.series, order, v.numel()) if len(v) > 1 else None
    if recurrence is not None:
        return recurrence(u0, v, order)
    series = step.series(u0, order)
    if len(series) == 1:
        return series[0], None
    composed = _compose(series, v, order)
    if drop_unselected and len(step.series(u0, 2)) == 2:
        # one of the piecewise linear functions, constant where its slope is 0: 0·∞ is 0 there
        composed = torch.where(series[1] == 0, 0.0, composed)
    return series[0], composed


def _padded(higher: Tensor | None, top: int) -> Tensor | None:
    """Return degrees 1 … top, zeros behind those that are there."""
    if higher is None or len(higher) == top:
        return higher
    return torch.cat([higher, higher.new_zeros(top - len(higher), *higher.shape[1:])])


def _compose(series: Series, v: Tensor, order: int) -> Tensor:
    """Return degrees 1 … order of φ(u) from f_k at u_0 and the degrees of v = u − u_0."""
    last = min(order, len(series) - 1)
    if last == 1:
        return v * series[1]
    if len(v) == 1:  # f_k·v^k, no products of series
        out = v.new_empty((last, *v.shape[1:]))
        power = v[0]
        torch.mul(power, series[1][0], out=out[0])
        for k in range(2, last + 1):
            power = power * v[0]
            torch.mul(power, series[k][0], out=out[k - 1])
        return out
    # Horner: S_k = f_k + v∗S_{k+1}, multiplied by v k times more: degrees above order − k are cut off
    partial, product = (v.new_empty((order + 1, *v.shape[1:])) for _ in range(2))
    partial[0] = series[last][0]
    partial[1 : order - last + 1] = 0.0
    for k in range(last - 1, -1, -1):
        top = order - k
        torch.mul(v[0], partial[:top], out=product[1 : top + 1])
        for a in range(2, min(top, len(v)) + 1):
            product[a : top + 1].addcmul_(v[a - 1], partial[: top + 1 - a])
        product[0] = series[k][0]
        partial, product = product, partial
    return partial[1:]


def _product(x: Jet, y: Jet, order: int) -> Jet:
    """Return x·y, entry by entry."""
    zero = x.zero * y.zero
    if x.higher is None or y.higher is None:
        if x.higher is not None:
            return Jet(zero, x.higher * y.zero)
        return Jet(zero, None if y.higher is None else x.zero * y.higher)
    return Jet(zero, product(x.zero, x.higher, y.zero, y.higher, order))


def _matrix_product(x: Jet, y: Jet, order: int) -> Jet:
    """Return x @ y for values (P, i, k) and (P, k, l).

    Degree d is (x_0 … x_d) @ (y_d … y_0), the degrees side by side along k: slices of two tensors.
    """
    zero = torch.matmul(x.zero, y.zero)
    if x.higher is None or y.higher is None:
        if x.higher is not None:
            return Jet(zero, torch.matmul(x.higher, y.zero))
        return Jet(zero, None if y.higher is None else torch.matmul(x.zero, y.higher))
    rays = max(x.higher.shape[1], y.higher.shape[1])
    left, right = (
        torch.cat([block.expand(-1, rays, -1, -1, -1) for block in (zeroth, higher)])
        for zeroth, higher in ((x.zero, x.higher), (y.zero, y.higher))
    )
    inner = x.zero.shape[-1]
    left = left.permute(1, 2, 3, 0, 4).flatten(3)
    right = right.flip(0).permute(1, 2, 0, 3, 4).flatten(2, 3)
    top = min(order, x.top + y.top)
    out = zero.new_empty((top, rays, *left.shape[1:3], right.shape[-1]))
    for d in range(1, top + 1):
        a, b = max(0, d - y.top), min(d, x.top)  # degrees of x that meet one of y
        rows = slice((y.top - d + a) * inner, (y.top - d + b + 1) * inner)
        out[d - 1] = torch.matmul(left[..., a * inner : (b + 1) * inner], right[:, :, rows])
    return Jet(zero, out)
