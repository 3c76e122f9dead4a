"""Truncated power series in t_1 … t_n as tensors: one row per monomial, values behind."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial.ring import index_table
from taylorattr.maths.multi_index import count


class SeriesAlgebra:
    """Series up to order K: tensors (T, …), the constant term first, then by order.

    Args:
        n: Number of variables.
        order: K.
    """

    def __init__(self, n: int, order: int) -> None:
        """Lay out the rows."""
        self.n, self.order = n, order
        starts = [0]
        for degree in range(order + 1):
            starts.append(starts[-1] + count(n, degree))
        self.rows = [slice(a, b) for a, b in zip(starts, starts[1:], strict=False)]
        self.terms = starts[-1]

    def constant(self, value: Tensor) -> Tensor:
        """Return a value (1, …) as a series."""
        series = value.new_zeros(self.terms, *value.shape[1:])
        series[:1] = value
        return series

    def multiply(self, x: Tensor, y: Tensor) -> Tensor:
        """Return x·y to order K; values broadcast."""
        shape = torch.broadcast_shapes(x.shape[1:], y.shape[1:])
        out = x.new_zeros(self.terms, *shape)
        for a, left in enumerate(self.rows):
            if not bool(x[left].any()):
                continue
            for b in range(self.order + 1 - a):
                right = y[self.rows[b]]
                pairs = (x[left][:, None] * right[None]).expand(-1, -1, *shape)
                place = index_table(self.n, a, b, x.device).flatten()
                out[self.rows[a + b]] += out.new_zeros(len(out[self.rows[a + b]]), *shape).index_add_(
                    0, place, pairs.flatten(0, 1)
                )
        return out

    def slope(self, coefficients: Sequence[Tensor], start: Tensor, step: Tensor) -> Tensor:
        """Return (σ(z⁰ + V + u) − σ(z⁰ + V))/u as a series, the division carried out.

        Σ_m s_m Σ_{a<m} (V + u)^a V^{m−1−a}, with s_m the coefficients at z⁰.

        Args:
            coefficients: s_0, s_1, …, values (1, …).
            start: V, without a constant term.
            step: u, without a constant term.
        """
        quotient = self.constant(torch.ones_like((start + step)[:1]))
        power, end, total = start, start + step, torch.zeros_like(quotient)
        for m in range(1, min(len(coefficients), self.order + 2)):
            if m > 1:  # Σ_{a<m} E^a V^{m−1−a} = E·Σ_{a<m−1} E^a V^{m−2−a} + V^{m−1}
                quotient = self.multiply(end, quotient) + power
                power = self.multiply(power, start)
            total = total + coefficients[m] * quotient
        return total
