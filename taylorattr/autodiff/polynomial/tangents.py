"""Second order with many players: one Jacobian and one polynomial backward pass per chunk of players.

With p = q = 1 the adjoint of the input has degree-1 blocks λ_{1,i} = ∇²f·Δ_i, and H_ij = ⟨λ_{1,i}, Δ_j⟩.
Nothing of size n² is formed before the end, unlike in the collapsed walk, whose contractions cost n² per
unit of every nonlinear step.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial.collapsed import two_sided
from taylorattr.autodiff.polynomial.layout import index_table
from taylorattr.autodiff.polynomial.ring import Poly, Ring, degree_zero, units
from taylorattr.autodiff.polynomial.steps import Plan


@torch.no_grad()
def walk_tangents(plan: Plan, point: Sequence[Tensor], direction: Sequence[Tensor], chunk: int) -> Poly:
    """Return the polynomial of the output to order 2.

    Args:
        plan: The lowered program.
        point: Degree 0 of every input, (1, E, *value).
        direction: Degree 1 of every input, (n, E, *value).
        chunk: Players walked at a time.

    Returns:
        Blocks 0, 1, 2 of the output, (C_d, E, 1).
    """
    n, E = direction[0].shape[:2]
    hessian = direction[0].new_zeros(n, n, E)
    first: list[Tensor] = []
    output = None
    for start in range(0, n, chunk):
        part = [v[start : start + chunk] for v in direction]
        count = len(part[0])
        inputs: list[Poly] = [[x, v] for x, v in zip(point, part, strict=True)]
        sweep = two_sided(plan, Ring(count), inputs, 1, 1, 1, to_inputs=True)
        output, slope = degree_zero(sweep.output), sweep.output[1]
        first.append(output.new_zeros(count, E, 1) if slope is None else slope)
        for adjoint, v in zip(sweep.adjoints, direction, strict=True):
            if adjoint[1] is not None:
                left, right = units(adjoint[1]).transpose(0, 1), units(v).permute(1, 2, 0)
                hessian[start : start + count] += torch.matmul(left, right).permute(1, 2, 0)
    rows, columns = torch.triu_indices(n, n, device=hessian.device)
    second = hessian[rows, columns]
    second[rows == columns] *= 0.5
    table = index_table(n, 1, 1, hessian.device)
    block = torch.empty_like(second)
    block[table[rows, columns]] = second
    return [output, torch.cat(first), block.unsqueeze(-1)]
