"""Slow reference and last resort: nested `torch.func` derivatives.

Torch's fused normalisation kernels have wrong derivatives from order 3 when transforms are nested
(pytorch issues 175754 and 196700): programs of `taylorattr.program.capture` have them decomposed;
whoever differentiates another function answers for that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from taylorattr.maths import multi_index
from taylorattr.program.program import Program
from taylorattr.program.walk import replay


def expand_nested(
    program: Program, base: Sequence[Tensor], directions: Sequence[Tensor], order: int
) -> list[Tensor]:
    """Return the Taylor coefficients of a program by nested differentiation of its replay.

    Args:
        program: Captured at batch size 1, norms decomposed.
        base: Expansion point, shapes (1, …).
        directions: One per player and input, shapes (n, …).
        order: Highest degree.

    Returns:
        For d = 0 … order the coefficients of degree d, (C(n+d−1, d),), in the package's order.
    """

    def function(t: Tensor) -> Tensor:
        point = [x + torch.tensordot(t, d, 1)[None] for x, d in zip(base, directions, strict=True)]
        return replay(program, point)[0]

    return derivatives(function, base[0].new_zeros(len(directions[0])), order)


def derivatives(function: Callable[[Tensor], Tensor], at: Tensor, order: int) -> list[Tensor]:
    """Return the Taylor coefficients ∂^κ f(at)/κ! by nested differentiation.

    Forward mode over one reverse pass, one more nesting per order; order d costs n^d numbers.

    Args:
        function: (n,) -> ().
        at: Expansion point, (n,).
        order: Highest degree.

    Returns:
        For d = 0 … order the coefficients of degree d, (C(n+d−1, d),), in the package's order.
    """
    n = len(at)
    derivative: Callable[[Tensor], Tensor] = function
    result = [function(at)[None].detach()]
    for d in range(1, order + 1):
        derivative = torch.func.jacrev(derivative) if d == 1 else torch.func.jacfwd(derivative)
        players = torch.from_numpy(multi_index.monomials(n, d).astype("int64")).to(at.device)
        values = derivative(at).detach()[tuple(players.T)]
        factorials = [
            float(multi_index.factorial(tuple(kappa))) for kappa in multi_index.exponents(n, d).tolist()
        ]
        result.append(values / values.new_tensor(factorials))
    return result
