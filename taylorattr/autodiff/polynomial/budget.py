"""Memory of a walk, estimated before it starts, and the block sizes that keep it in cache."""

from __future__ import annotations

from taylorattr.autodiff.polynomial.collapsed import degrees
from taylorattr.autodiff.polynomial.steps import Elementwise, Frozen, Linear, Plan
from taylorattr.errors import BudgetError
from taylorattr.maths.multi_index import count

WIDEST_BLOCK = 4 << 20
"""Bytes of the widest block up to which several examples are walked together."""


def widest(plan: Plan) -> int:
    """Return the number of entries of the largest value of a plan."""
    return max(plan.sizes[step.out] for step in plan.steps) if plan.steps else 1


def live(plan: Plan) -> int:
    """Return the largest number of entries alive at once in a forward walk."""
    alive = {index: plan.sizes[index] for index in plan.inputs}
    most = sum(alive.values())
    for step, finished in zip(plan.steps, plan.last_use, strict=True):
        alive[step.out] = plan.sizes[step.out]
        most = max(most, sum(alive.values()))
        for index in finished:
            del alive[index]
    return most


def stored(plan: Plan) -> int:
    """Return the number of entries of all operands of nonlinear steps."""
    slots = {i for step in plan.steps if not isinstance(step, (Linear, Frozen)) for i in step.inputs}
    return sum(plan.sizes[i] for i in slots)


def rows_to(n: int, degree: int) -> int:
    """Return the number of coefficients of degrees 0 … degree."""
    return sum(count(n, d) for d in range(degree + 1))


def collapsed_bytes(plan: Plan, n: int, order: int, itemsize: int) -> int:
    """Return what the two-sided walk of one example needs at most.

    Operands of nonlinear steps to degree p and their scalar series, the live values, the adjoints to
    degree q, the widest pairs of a contraction and their index table, and the result.
    """
    p, q = degrees(order)
    series = (order + 1) * sum(plan.sizes[s.out] for s in plan.steps if isinstance(s, Elementwise))
    values = rows_to(n, p) * (stored(plan) + live(plan)) + 2 * rows_to(n, q) * live(plan) + series
    a = (order + 1) // 2
    pairs = count(n, a) * count(n, order - a)
    return itemsize * (values + 2 * pairs + 2 * rows_to(n, order)) + 8 * pairs


def full_bytes(plan: Plan, n: int, order: int, itemsize: int) -> int:
    """Return what the plain walk of one example needs at most: live values and a product in progress."""
    return itemsize * (rows_to(n, order) * (live(plan) + 3 * widest(plan)))


def tangent_bytes(plan: Plan, n: int, chunk: int, itemsize: int) -> int:
    """Return what second order by chunks of players needs at most."""
    return itemsize * ((chunk + 1) * (stored(plan) + 4 * live(plan)) + 3 * n * n)


def check(needed: int, limit: int, n: int, order: int) -> None:
    """Refuse a computation beyond the limit.

    Raises:
        BudgetError: If more is needed than allowed; names what to change.
    """
    if needed > limit:
        raise BudgetError(
            f"order {order} with {n} players needs about {needed / 2**30:.2g} GiB for "
            f"{rows_to(n, order)} coefficients and the values behind them (limit {limit / 2**30:.2g} GiB); "
            "lower order=, or group variables into fewer players with players=..."
        )


def examples_at_once(plan: Plan, rows: int, needed: int, limit: int, itemsize: int) -> int:
    """Return how many examples to walk together: widest block within cache, all within the limit."""
    block = max(1, rows * widest(plan) * itemsize)
    return max(1, min(WIDEST_BLOCK // block, limit // max(1, needed)))
