"""Single operations and small compositions against sympy's derivatives: no torch.func involved."""

from __future__ import annotations

import mpmath
import pytest
import sympy
import torch
import torch.nn.functional as F

from taylorattr.autodiff.polynomial.engine import expand, jets
from taylorattr.maths import multi_index
from taylorattr.program.capture import capture

A, B = sympy.symbols("a b", real=True)
POINT, DIRECTIONS = (0.6, 0.9), ((0.5, 0.25), (-0.25, 1.0))
ORDER = 4


def phi(u: sympy.Expr) -> sympy.Expr:
    """Normal distribution function."""
    return (1 + sympy.erf(u / sympy.sqrt(2))) / 2


def logistic(u: sympy.Expr) -> sympy.Expr:
    """σ."""
    return 1 / (1 + sympy.exp(-u))


CASES = {
    "product": (lambda x: x[:, 0] * x[:, 1], A * B),
    "quotient": (lambda x: x[:, 0] / x[:, 1], A / B),
    "power": (lambda x: x[:, 0] ** x[:, 1], A**B),
    "exp": (lambda x: torch.exp(x[:, 0] * x[:, 1]), sympy.exp(A * B)),
    "log": (lambda x: torch.log(x[:, 0] + x[:, 1] ** 2), sympy.log(A + B**2)),
    "sqrt": (lambda x: torch.sqrt(x[:, 0] + x[:, 1] ** 3), sympy.sqrt(A + B**3)),
    "sin of tanh": (lambda x: torch.sin(torch.tanh(x[:, 0]) * x[:, 1]), sympy.sin(sympy.tanh(A) * B)),
    "gelu of a product": (lambda x: F.gelu(x[:, 0] * x[:, 1]), A * B * phi(A * B)),
    "sigmoid times silu": (
        lambda x: torch.sigmoid(x[:, 0] - x[:, 1]) * F.silu(x[:, 1]),
        logistic(A - B) * B * logistic(B),
    ),
    "softplus": (lambda x: F.softplus(x[:, 0] - 2 * x[:, 1]), sympy.log(1 + sympy.exp(A - 2 * B))),
    "softmax": (
        lambda x: torch.softmax(x * x, 1)[:, 0],
        sympy.exp(A**2) / (sympy.exp(A**2) + sympy.exp(B**2)),
    ),
    "logsumexp": (lambda x: torch.logsumexp(x * x, 1), sympy.log(sympy.exp(A**2) + sympy.exp(B**2))),
    "layer norm": (
        lambda x: F.layer_norm(torch.stack([x[:, 0], x[:, 1], x[:, 0] * x[:, 1]], 1), (3,), eps=0.5)[:, 2],
        (A * B - (A + B + A * B) / 3)
        / sympy.sqrt((A**2 + B**2 + A**2 * B**2) / 3 - ((A + B + A * B) / 3) ** 2 + sympy.Rational(1, 2)),
    ),
    "norm": (lambda x: x.norm(dim=1), sympy.sqrt(A**2 + B**2)),
    "variance": (lambda x: (x * x).var(1), (A**2 - B**2) ** 2 / 2),
    "matrix product": (
        lambda x: (x.view(2, 1) @ x.flip(1).view(1, 2)).sin().sum()[None],
        2 * sympy.sin(A * B) + sympy.sin(A**2) + sympy.sin(B**2),
    ),
    "attention of two tokens": (
        lambda x: F.scaled_dot_product_attention(x.view(1, 2, 1), x.view(1, 2, 1), x.view(1, 2, 1))[:, 0, 0],
        (A * sympy.exp(A * A) + B * sympy.exp(A * B)) / (sympy.exp(A * A) + sympy.exp(A * B)),
    ),
    "relu on its branch": (lambda x: F.relu(x[:, 0] * x[:, 1] - 0.1), A * B - sympy.Rational(1, 10)),
    "max on its branch": (lambda x: torch.maximum(x[:, 0], x[:, 1]) ** 3, B**3),
}


def exact(expression: sympy.Expr) -> list[list[float]]:
    """∂^κ/κ! along the directions: differences of the expression at 60 digits, about 30 of which survive."""
    function = sympy.lambdify((A, B), expression, "mpmath")

    def along(s: mpmath.mpf, t: mpmath.mpf) -> mpmath.mpf:
        a, b = (POINT[i] + s * DIRECTIONS[0][i] + t * DIRECTIONS[1][i] for i in range(2))
        return function(a, b)

    with mpmath.workdps(60):
        return [
            [
                float(mpmath.diff(along, (0, 0), tuple(kappa)) / multi_index.factorial(tuple(kappa)))
                for kappa in multi_index.exponents(2, d).tolist()
            ]
            for d in range(ORDER + 1)
        ]


@pytest.mark.parametrize("name", CASES)
def test_coefficients_equal_sympy(name):
    function, expression = CASES[name]
    x = torch.tensor([POINT], dtype=torch.float64)
    directions = torch.tensor(DIRECTIONS, dtype=torch.float64)
    program = capture(function, (x,))
    expected = exact(expression)
    for engine in ("collapsed", "full", "nested"):
        for found, row in zip(
            expand(program, (x,), (directions,), ORDER, engine=engine), expected, strict=True
        ):
            # 1e-12 of the largest entry of the order: a few hundred roundings of 1e-16
            scale = max(1e-3, *map(abs, row)) if len(row) > 1 else max(1e-3, abs(row[0]))
            assert found.tolist() == pytest.approx(row, abs=1e-12 * scale)
    along = jets(program, (x,), (directions[:1],), ORDER)[0]
    assert along.tolist() == pytest.approx([row[0] for row in expected], rel=1e-11, abs=1e-12)
