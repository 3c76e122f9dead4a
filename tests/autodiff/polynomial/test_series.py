"""Scalar coefficients f_k = φ^{(k)}(u)/k! against sympy's derivatives."""

from __future__ import annotations

import math

import pytest
import sympy
import torch

from taylorattr.autodiff.polynomial import series

U = sympy.Symbol("u", real=True)
ORDER = 7
SIGMOID = 1 / (1 + sympy.exp(-U))
NORMAL = (1 + sympy.erf(U / sympy.sqrt(2))) / 2
CUBIC = sympy.sqrt(2 / sympy.pi) * (U + sympy.Rational(44715, 1000000) * U**3)

FUNCTIONS = {
    "exp": (series.exp, sympy.exp(U), (-1.3, 0.4)),
    "exp2": (series.exponential(2.0), 2**U, (-1.3, 0.4)),
    "expm1": (series.expm1, sympy.exp(U) - 1, (-1.3, 0.01)),
    "log": (series.log, sympy.log(U), (0.3, 2.0)),
    "log1p": (series.log1p, sympy.log(1 + U), (-0.3, 2.0)),
    "log2": (series.log2, sympy.log(U, 2), (0.3, 2.0)),
    "log10": (series.log10, sympy.log(U, 10), (0.3, 2.0)),
    "logit": (series.logit, sympy.log(U / (1 - U)), (0.3, 0.8)),
    "sin": (series.sin, sympy.sin(U), (-1.3, 0.0)),
    "cos": (series.cos, sympy.cos(U), (-1.3, 0.0)),
    "tan": (series.tan, sympy.tan(U), (-0.9, 0.0)),
    "sinh": (series.sinh, sympy.sinh(U), (-1.3, 0.0)),
    "cosh": (series.cosh, sympy.cosh(U), (-1.3, 0.0)),
    "tanh": (series.tanh, sympy.tanh(U), (-1.3, 0.0)),
    "asin": (series.asin, sympy.asin(U), (-0.6, 0.2)),
    "acos": (series.acos, sympy.acos(U), (-0.6, 0.2)),
    "atan": (series.atan, sympy.atan(U), (-1.3, 0.2)),
    "asinh": (series.asinh, sympy.asinh(U), (-1.3, 0.2)),
    "acosh": (series.acosh, sympy.acosh(U), (1.3, 2.2)),
    "atanh": (series.atanh, sympy.atanh(U), (-0.6, 0.2)),
    "sqrt": (series.sqrt, sympy.sqrt(U), (0.4, 3.0)),
    "rsqrt": (series.rsqrt, 1 / sympy.sqrt(U), (0.4, 3.0)),
    "reciprocal": (series.reciprocal, 1 / U, (-0.4, 3.0)),
    "square": (series.square, U**2, (-0.4, 3.0)),
    "cube": (series.power(3.0), U**3, (-0.4, 0.0)),
    "power 2.5": (series.power(2.5), U ** sympy.Rational(5, 2), (0.4, 3.0)),
    "power -3": (series.power(-3.0), U**-3, (-0.4, 3.0)),
    "sigmoid": (series.sigmoid, SIGMOID, (-2.0, 0.7)),
    "log_sigmoid": (series.log_sigmoid, sympy.log(SIGMOID), (-2.0, 0.7)),
    "softplus": (series.Softplus(), sympy.log(1 + sympy.exp(U)), (-2.0, 0.7)),
    "softplus β": (series.Softplus(2.5, 20.0), sympy.log(1 + sympy.exp(U * 5 / 2)) * 2 / 5, (-2.0, 0.7)),
    "softplus above its threshold": (series.Softplus(2.0, 1.0), U, (0.6, 3.0)),
    "silu": (series.silu, U * SIGMOID, (-2.0, 0.7)),
    "mish": (series.mish, U * sympy.tanh(sympy.log(1 + sympy.exp(U))), (-2.0, 0.7)),
    "erf": (series.erf, sympy.erf(U), (-1.1, 0.0)),
    "erfc": (series.erfc, sympy.erfc(U), (-1.1, 0.3)),
    "normal_cdf": (series.normal_cdf, NORMAL, (-1.1, 0.3)),
    "gelu": (series.gelu, U * NORMAL, (-1.1, 0.3)),
    "gelu_tanh": (series.gelu_tanh, U * (1 + sympy.tanh(CUBIC)) / 2, (-1.1, 0.3)),
    "elu above": (series.elu(0.8), U, (0.6, 3.0)),
    "elu below": (series.elu(0.8), sympy.Rational(4, 5) * (sympy.exp(U) - 1), (-0.6, -3.0)),
    "elu scaled": (series.elu(0.8, 2.0, 0.5), sympy.Rational(8, 5) * (sympy.exp(U / 2) - 1), (-0.6, -3.0)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_coefficients_equal_sympy(name):
    function, expression, points = FUNCTIONS[name]
    found = function(torch.tensor(points, dtype=torch.float64), ORDER)
    derivative = expression
    for k in range(ORDER + 1):
        for i, point in enumerate(points):
            exact = float(sympy.N(derivative.subs(U, sympy.Rational(str(point))), 30)) / math.factorial(k)
            value = float(found[k][i]) if k < len(found) else 0.0
            # recurrences of length k lose a few digits of the largest coefficient so far
            scale = max(1.0, *(float(abs(term[i])) for term in found))
            assert value == pytest.approx(exact, rel=1e-11, abs=1e-13 * scale)
        derivative = sympy.diff(derivative, U)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_low_orders_are_the_beginning_of_high_orders(name, order):
    function, _, points = FUNCTIONS[name]
    u = torch.tensor(points, dtype=torch.float64)
    short, long = function(u, order), function(u, ORDER)
    assert len(short) <= order + 1
    for a, b in zip(short, long, strict=False):
        assert torch.allclose(a, b, rtol=1e-14, atol=1e-300)


def test_exponents_per_entry():
    u = torch.tensor([0.0, 0.0, 2.0, 2.0], dtype=torch.float64)
    found = series.powers(torch.tensor([2.0, 1.0, 3.0, -1.0]).double())(u, 4)
    expected = [[0, 0, 8, 0.5], [0, 1, 12, -0.25], [1, 0, 6, 0.125], [0, 0, 1, -0.0625], [0, 0, 0, 0.03125]]
    assert torch.stack(found).tolist() == expected


def test_power_of_a_series_multiplies_back():
    z = [torch.tensor(c, dtype=torch.float64) for c in (1.5, -0.3, 0.2, 0.7)]
    root = series.power_of(z, 0.5)
    back = series.product(root, root)[:4]
    assert torch.allclose(torch.stack(back), torch.stack(z), rtol=1e-14)
