"""The difference rule of a product over a dimension: the path integral, which is exact for polynomials."""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.maths.quadrature import gauss_legendre


def product_weights(x: Tensor, x0: Tensor) -> Tensor:
    """Return ∫₀¹ Π_{j≠i}(x⁰_j + αΔ_j) dα over the last dimension of k factors.

    The integrand has degree k − 1 in α, so ⌈k/2⌉ Gauss nodes integrate it exactly, and Σ weight·Δ is the
    difference of the products.

    Args:
        x: Shape (…, k).
        x0: Shape (…, k); broadcasts.

    Returns:
        Shape (…, k).
    """
    k = x.shape[-1]
    total = torch.zeros_like(x - x0)
    for node, weight in zip(*gauss_legendre(max(1, (k + 1) // 2)), strict=True):
        total += float(weight) * exclusive_products(torch.lerp(x0.expand_as(total), x, float(node)))
    return total


def exclusive_products(x: Tensor) -> Tensor:
    """Return Π_{j≠i} x_j over the last dimension, without dividing."""
    one = torch.ones_like(x[..., :1])
    before = torch.cat([one, x[..., :-1]], -1).cumprod(-1)
    after = torch.cat([x[..., 1:], one], -1).flip(-1).cumprod(-1).flip(-1)
    return before * after
