"""φ(u) for a polynomial u, from the scalar coefficients f_k of φ at u_0.

General form: Horner's scheme truncated by degree, S_k = f_k + v∗S_{k+1}, φ(u) = f_0 + v∗S_1 with
v = u − u_0. When only degree 1 of v is present, [φ(u)]_κ = f_{|κ|}·(|κ|!/κ!)·v^κ needs no products.
"""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial.ring import Block, Pairing, Poly, Ring


def multiply(pair: Pairing, x: Poly, y: Poly, degree: int, first: int = 0) -> Block | None:
    """Return the degree-d block of x∗y, using the blocks of x from degree ``first`` on.

    Args:
        pair: ``Ring.multiply`` or ``Ring.matmul``.
        x: Left factor.
        y: Right factor.
        degree: d.
        first: Lowest degree of x to use.
    """
    total: Block | None = None
    for a in range(first, degree + 1):
        left = x[a] if a < len(x) else None
        right = y[degree - a] if degree - a < len(y) else None
        if left is None or right is None:
            continue
        total = pair(left, a, right, degree - a, total)
    return total


def compose(ring: Ring, series: list[Tensor], u: Poly) -> Poly:
    """Return φ(u).

    Args:
        ring: The ring of u.
        series: f_0, f_1, … at u_0, each (1, E, *value); missing ones are zero.
        u: Polynomial with blocks 0 … order.

    Returns:
        Polynomial with the same number of blocks.
    """
    order = len(u) - 1
    result: Poly = [series[0], *[None] * order]
    present = [d for d in range(1, order + 1) if u[d] is not None]
    if not present or len(series) == 1:
        return result
    if len(series) == 2:
        return [series[0], *[None if block is None else block * series[1] for block in u[1:]]]
    if present == [1]:
        return _affine(ring, series, u, order)
    if ring.n == 1:
        return _aligned(series, u, order)
    last = min(order, len(series) - 1)
    partial: Poly = [series[last], *[None] * order]
    for k in range(last - 1, 0, -1):
        products: Poly = [multiply(ring.multiply, u, partial, d, first=1) for d in range(1, order - k + 1)]
        partial = [series[k], *products, *[None] * k]
    for d in range(1, order + 1):
        result[d] = multiply(ring.multiply, u, partial, d, first=1)
    return result


def _affine(ring: Ring, series: list[Tensor], u: Poly, order: int) -> Poly:
    v = u[1]
    assert v is not None
    result: Poly = [series[0], v * series[1], *[None] * (order - 1)]
    power = v
    for d in range(2, min(order, len(series) - 1) + 1):
        power = ring.next_power(v, d, power)
        result[d] = power * series[d]
    return result


def _aligned(series: list[Tensor], u: Poly, order: int) -> Poly:
    """One variable: all degrees in one tensor (order+1, E, *value), Horner by shifted products."""
    shape = next(block.shape[1:] for block in u[1:] if block is not None)
    v = torch.zeros((order + 1, *shape), dtype=series[0].dtype, device=series[0].device)
    for d, block in enumerate(u[1:], 1):
        if block is not None:
            v[d] = block[0]
    last = min(order, len(series) - 1)
    partial = torch.zeros_like(v)
    partial[0] = series[last][0]
    for k in range(last - 1, -1, -1):
        product = torch.zeros_like(v)
        for a in range(1, order - k + 1):
            if u[a] is not None:
                product[a : order - k + 1].addcmul_(v[a], partial[: order - k + 1 - a])
        product[0] = series[k][0]
        partial = product
    return [series[0], *[partial[d : d + 1] for d in range(1, order + 1)]]
