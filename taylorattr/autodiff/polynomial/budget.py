"""Memory of a walk, estimated before it starts, and the block sizes that keep it in cache."""

from __future__ import annotations

from taylorattr import memory
from taylorattr.autodiff.polynomial.collapsed import degrees
from taylorattr.autodiff.polynomial.steps import Plan
from taylorattr.errors import BudgetError
from taylorattr.maths.multi_index import count

WIDEST_BLOCK = 4 << 20
"""Bytes of the widest block up to which several examples are walked together."""


UNDISPUTED = 256 << 20
"""Bytes any machine has: below, the free memory is not looked up."""


def rows_to(n: int, degree: int) -> int:
    """Return the number of coefficients of degrees 0 … degree."""
    return sum(count(n, d) for d in range(degree + 1))


def collapsed_bytes(plan: Plan, n: int, order: int, itemsize: int) -> int:
    """Return what the two-sided walk of one example needs at most.

    Operands of nonlinear steps to degree p and their scalar series, the live values, the adjoints to
    degree q, the widest pairs of a contraction and their index table, and the result.
    """
    p, q = degrees(order)
    series = (order + 1) * plan.smooth
    values = rows_to(n, p) * (plan.stored + plan.live) + 2 * rows_to(n, q) * plan.live + series
    a = (order + 1) // 2
    pairs = count(n, a) * count(n, order - a)
    return itemsize * (values + 2 * pairs + 2 * rows_to(n, order)) + 8 * pairs


def full_bytes(plan: Plan, n: int, order: int, itemsize: int) -> int:
    """Return what the plain walk of one example needs at most: live values and a product in progress."""
    return itemsize * (rows_to(n, order) * (plan.live + 3 * plan.widest))


def tangent_bytes(plan: Plan, n: int, chunk: int, itemsize: int) -> int:
    """Return what second order by chunks of players needs at most."""
    return itemsize * ((chunk + 1) * (plan.stored + 4 * plan.live) + 3 * n * n)


def within(needed: int, limit: int | None, n: int, order: int) -> int:
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
        limit = UNDISPUTED if needed <= UNDISPUTED else memory.available()
    if needed > limit:
        raise BudgetError(
            f"order {order} with {n} players needs about {needed / 2**30:.2g} GiB for "
            f"{rows_to(n, order)} coefficients and the values behind them (limit {limit / 2**30:.2g} GiB); "
            "lower order=, or group variables into fewer players with players=..."
        )
    return limit


def examples_at_once(plan: Plan, rows: int, needed: int, limit: int, itemsize: int) -> int:
    """Return how many examples to walk together: widest block within cache, all within the limit."""
    block = max(1, rows * plan.widest * itemsize)
    return max(1, min(WIDEST_BLOCK // block, limit // max(1, needed)))
