"""Values without dimensions: a program may take its inputs apart into numbers."""

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


@pytest.mark.parametrize("engine", ["auto", "collapsed", "full"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("case", sorted(CASES))
def test_coefficients_equal_sympy(case, order, engine):
    function, expr = CASES[case]
    at, step = torch.tensor([[0.25, -0.5, 0.75]], dtype=torch.float64), torch.tensor([0.5, 0.25, -0.5]).double()
    program = capture(lambda x: torch.stack([function(*row) for row in x]), (at,))
    found = expand(program, (at,), (torch.diag(step),), order, engine=engine)
    exact = symbolic_effects(expr, (A, B, C), (at[0] + step).tolist(), at[0].tolist(), order=order)
    expected = exact.to_taylor_effects(order).values[0]
    assert torch.allclose(torch.cat(found[1:]), expected, rtol=1e-12, atol=1e-14)
