"""φ(u): Horner, the shortcut for affine u and the aligned form for rays agree."""

from __future__ import annotations

import pytest
import torch

from taylorattr.autodiff.polynomial import series
from taylorattr.autodiff.polynomial.compose import compose
from taylorattr.autodiff.polynomial.ring import Ring

ORDER = 5


def block(ring: Ring, degree: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(ring.width(degree), 2, 3, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("function", [series.tanh, series.power(3.0), series.exp])
def test_affine_shortcut_equals_horner(function):
    ring = Ring(3)
    u0, v = block(ring, 0, 0), block(ring, 1, 1)
    coefficients = function(u0, ORDER)
    short = compose(ring, coefficients, [u0, v, *[None] * (ORDER - 1)])
    zeros = [torch.zeros(ring.width(d), 2, 3, dtype=torch.float64) for d in range(2, ORDER + 1)]
    long = compose(ring, coefficients, [u0, v, *zeros])
    for a, b in zip(short, long, strict=True):
        assert a is None or b is None or torch.allclose(a, b, rtol=1e-13, atol=1e-13)


def test_exp_of_log_is_the_identity():
    ring = Ring(2)
    u = [block(ring, 0, 5).abs() + 1, *(block(ring, d, d) for d in range(1, ORDER + 1))]
    back = compose(ring, series.exp(torch.log(u[0]), ORDER), compose(ring, series.log(u[0], ORDER), u))
    for a, b in zip(back, u, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-10 * float(b.abs().max()))  # logarithms amplify by u^{-5}
