"""Values without dimensions: a program may take its inputs apart into numbers."""

import functools

import pytest
import sympy
import torch

from taylorattr.autodiff.polynomial.engine import expand
from taylorattr.effects.symbolic import symbolic_effects
from taylorattr.program.capture import capture

A, B, C = sympy.symbols("a b c")
CASES = {
    "product": (lambda a, b, c: a * b + c * (1 - c), A * B + C * (1 - C)),
    "elementwise": (lambda a, b, c: torch.tanh(a - b) + (b * c).exp(), sympy.tanh(A - B) + sympy.exp(B * C)),
    "quotient": (lambda a, b, c: a / (b + 2.0) * c, A / (B + 2) * C),
    "sum": (lambda a, b, c: torch.stack([a, b * a, c]).square().sum(), A**2 + (A * B) ** 2 + C**2),
}


AT = torch.tensor([[0.25, -0.5, 0.75]], dtype=torch.float64)
STEP = torch.tensor([0.5, 0.25, -0.5], dtype=torch.float64)


@functools.cache
def exact(case):
    return symbolic_effects(CASES[case][1], (A, B, C), (AT[0] + STEP).tolist(), AT[0].tolist(), order=3)


@pytest.mark.parametrize("engine", ["auto", "collapsed", "full"])
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("case", sorted(CASES))
def test_coefficients_equal_sympy(case, order, engine):
    function, _ = CASES[case]
    program = capture(lambda x: torch.stack([function(*row) for row in x]), (AT,))
    found = expand(program, (AT,), (torch.diag(STEP),), order, engine=engine)
    expected = exact(case).to_taylor_effects(order).values[0]
    assert torch.allclose(torch.cat(found[1:]), expected, rtol=1e-12, atol=1e-14)
