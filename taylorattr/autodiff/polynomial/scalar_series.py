"""Arithmetic of one-variable Taylor series z(h) = Σ z_k h^k held as lists of tensors.

Lists may be shorter than the order: missing coefficients are zero.
"""

from __future__ import annotations

import torch
from torch import Tensor


def identity(u: Tensor, order: int) -> list[Tensor]:
    """u + h."""
    return [u, torch.ones_like(u)][: order + 1] + [torch.zeros_like(u) for _ in range(order - 1)]


def product(x: list[Tensor], y: list[Tensor]) -> list[Tensor]:
    """Σ_i x_i y_{k−i}, to the order of the longer list."""
    order = max(len(x), len(y)) - 1
    out = []
    for k in range(order + 1):
        terms = [x[i] * y[k - i] for i in range(k + 1) if i < len(x) and k - i < len(y)]
        out.append(torch.stack(terms).sum(0) if len(terms) > 1 else terms[0])
    return out


def power_of(z: list[Tensor], exponent: float) -> list[Tensor]:
    """w = z^p from z·w' = p·z'·w: w_k = Σ_{i=1}^k (p·i − (k−i))·z_i·w_{k−i} / (k·z_0)."""
    w = [torch.pow(z[0], exponent)]
    for k in range(1, len(z)):
        total = torch.zeros_like(w[0])
        for i in range(1, k + 1):
            total = total + z[i] * w[k - i] * (exponent * i - (k - i))
        w.append(total / (k * z[0]))
    return w


def tanh_of(z: list[Tensor], order: int) -> list[Tensor]:
    """t = tanh(z) from t' = (1 − t²)·z'."""
    t = [torch.tanh(z[0])]
    slope: list[Tensor] = []
    for k in range(order):
        squared = sum((t[i] * t[k - i] for i in range(1, k + 1)), t[0] * t[k])
        slope.append(1 - squared if k == 0 else -squared)
        total = torch.zeros_like(t[0])
        for i in range(1, min(k + 1, len(z) - 1) + 1):
            total = total + i * z[i] * slope[k + 1 - i]
        t.append(total / (k + 1))
    return t


def integral_of(value: Tensor, slope: list[Tensor]) -> list[Tensor]:
    """φ from φ(u) and the series of φ': f_k = φ'_{k−1}/k."""
    return [value] + [term / (k + 1) if k else term for k, term in enumerate(slope)]


def derivative_of(series: list[Tensor]) -> list[Tensor]:
    """(k+1)·f_{k+1}."""
    return [term * k if k > 1 else term for k, term in enumerate(series) if k]
