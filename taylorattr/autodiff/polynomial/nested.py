"""Slow reference: nested `torch.func` derivatives of the program's replay.

Normalisation layers must be decomposed (torch's fused kernels have wrong derivatives from order 3);
`taylorattr.program.capture` sees to that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from taylorattr.maths import multi_index
from taylorattr.program.program import Program
from taylorattr.program.walk import replay


def restriction(program: Program, base: Sequence[Tensor], directions: Sequence[Tensor]) -> Callable[[Tensor], Tensor]:
    """Return t ↦ f(base + Σ_g t_g directions_g), (n,) -> ()."""

    def function(t: Tensor) -> Tensor:
        point = [x + torch.tensordot(t, d, 1)[None] for x, d in zip(base, directions, strict=True)]
        return replay(program, point)[0]

    return function


def expand_nested(
    program: Program, base: Sequence[Tensor], directions: Sequence[Tensor], order: int
) -> list[Tensor]:
    """Return the coefficients of degree 0 … order by nested differentiation.

    Forward mode over one reverse pass, one more nesting per order: n^d numbers at order d.

    Args:
        program: Captured at batch size 1, norms decomposed.
        base: Expansion point, shapes (1, …).
        directions: One per player and input, shapes (n, …).
        order: Highest degree.

    Returns:
        Tensors (C(n+d−1, d),), in the package's order.
    """
    function = restriction(program, base, directions)
    n = len(directions[0])
    at = base[0].new_zeros(n)
    derivative: Callable[[Tensor], Tensor] = function
    result = [function(at)[None].detach()]
    for d in range(1, order + 1):
        derivative = torch.func.jacrev(derivative) if d == 1 else torch.func.jacfwd(derivative)
        players = torch.from_numpy(multi_index.monomials(n, d).astype("int64")).to(at.device)
        values = derivative(at).detach()[tuple(players.T)]
        factorials = torch.tensor(
            [float(multi_index.factorial(tuple(kappa))) for kappa in multi_index.exponents(n, d).tolist()],
            dtype=values.dtype,
            device=values.device,
        )
        result.append(values / factorials)
    return result
