"""Integrated Hessians along the straight path, by a one-dimensional rule.

Γ_ij = ∫∫ αβ H̃_ij(αβ) dα dβ + [i = j] ∫∫ g̃_i(αβ) dα dβ, with g̃ and H̃ the gradient and Hessian of f̃(t) at
t = s·1, reduces to integrals over s = αβ: ∫∫ αβ h(αβ) = ∫ (−s ln s) h(s) ds, ∫∫ g(αβ) = ∫ (−ln s) g(s) ds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.game import Game
from taylorattr.autodiff.curvature import Curvature, Rows
from taylorattr.autodiff.hessian import curvature_rows, pass_size, player_rows, player_sum
from taylorattr.autodiff.second_order import gradients, hessian_sum, selected_hessians
from taylorattr.autodiff.unseen import not_finite, recorded
from taylorattr.maths.quadrature import gauss_legendre, log_gauss
from taylorattr.program.program import Program


def integrated_hessian(
    game: Game,
    example: int,
    nodes: int,
    *,
    memory_limit: int,
    internal_batch_size: int | None = None,
    program: Program | None = None,
) -> tuple[Tensor, Tensor]:
    """Return Γ of one example and the integrated gradients its row sums should equal.

    With q Gauss nodes for the weight −s·ln s, q Hessians suffice: the diagonal's ∫ (−ln s) g̃_i(s) ds is
    g̃_i(0) + ∫ (−s ln s) (g̃_i(s) − g̃_i(0))/s ds, so the same nodes serve it.

    Args:
        game: The game.
        example: Which example.
        nodes: q.
        memory_limit: Bytes a pass may take.
        internal_batch_size: Points × directions per pass; None: chosen from memory.
        program: The captured model (`captured.capture_at`), right from b to x: derivatives by the Taylor
            walk. None: by double backward passes through the model.

    Returns:
        Γ, shape (n, n), eq. (65): Γ_ij = Σ_κ κ_iκ_j/|κ|² I(κ). Integrated gradients, shape (n,), by 2q
        Gauss-Legendre nodes.

    Raises:
        NonFiniteError: If they are not finite; names the operation that is singular at a node or the
            baseline.

    Source: Janizek, Sturmfels & Lee (2021), "Explaining explanations: axiomatic feature interactions for deep
    networks"; the reduction to one dimension is ours.
    """  # noqa: DOC501 -- made by not_finite
    s, weights = _on(game, *log_gauss(nodes))
    legendre, shares = _on(game, *gauss_legendre(2 * nodes))
    origin_and_path = torch.cat([legendre.new_zeros(1), legendre])
    if program is None:
        matrix, first = _by_backward(game, example, s, weights, memory_limit, internal_batch_size)
        others = _gradients(_at(game, example, origin_and_path), player_sum(game, example))
    else:
        collect = player_sum(game, example)
        points = _points(game, example, torch.cat([s, origin_and_path]))
        matrix, first = hessian_sum(
            program,
            tuple(p[:nodes] for p in points),
            weights,
            game.n,
            player_rows(game, example),
            collect,
            memory_limit=memory_limit,
            rows=internal_batch_size,
        )
        others = gradients(program, tuple(p[nodes:] for p in points), collect)
        if not bool(torch.isfinite(matrix.sum() + first.sum() + others.sum())):
            again = selected_hessians(program, points, game.n, player_rows(game, example), memory_limit)
            if again is not None:
                matrix = torch.einsum("r,rij->ij", weights, again[0][:nodes])
                first, others = again[1][:nodes], again[1][nodes:]
    start, along = others[:1], others[1:]
    matrix.diagonal().add_(start[0] + weights @ ((first - start) / s[:, None]))
    integrated = shares @ along
    if not bool(torch.isfinite(matrix).all() and torch.isfinite(integrated).all()):
        begins = "at the baseline" if not bool(torch.isfinite(start).all()) else "on the way to the input"
        spots = _points(game, example, torch.cat([origin_and_path[:1], s, legendre]))
        raise not_finite(
            f"integrated Hessians of example {example} hold NaN or infinity, which begins {begins}",
            program or recorded(game.scalar, game.baseline(example), example),
            [tuple(p[r : r + 1] for p in spots) for r in range(len(spots[0]))],
        )
    return matrix, integrated


def _by_backward(
    game: Game, example: int, s: Tensor, weights: Tensor, memory_limit: int, internal_batch_size: int | None
) -> tuple[Tensor, Tensor]:
    """Return Σ_r w_r H̃(s_r) and g̃(s_r) by double backward passes, shapes (n, n) and (R, n)."""
    chunk, convolves = pass_size(game.scalar, memory_limit)
    per_pass = max(1, (internal_batch_size or chunk) // len(s))
    collect = player_sum(game, example)
    curvature = _at(game, example, s)
    directions = player_rows(game, example)

    def weighted(part: slice) -> Rows:
        return tuple(d * weights.reshape(1, -1, *([1] * (d.ndim - 2))) for d in directions(part))

    matrix = torch.empty(game.n, game.n, dtype=game.dtype, device=game.device)
    for part, block in curvature_rows(curvature, weighted, game.n, per_pass, try_forward=convolves):
        matrix[part] = collect(tuple(row.sum(1, keepdim=True) for row in block))[:, 0]
    return matrix, _gradients(curvature, collect)


def _on(game: Game, *arrays: np.ndarray) -> tuple[Tensor, ...]:
    return tuple(torch.tensor(a, dtype=game.dtype, device=game.device) for a in arrays)


def _points(game: Game, example: int, s: Tensor) -> Rows:
    """Return b + s(x − b) on the players, tensors (R, …)."""
    return game.points(s[:, None].expand(-1, game.n), example)


def _at(game: Game, example: int, s: Tensor) -> Curvature:
    examples = torch.full((len(s),), example, dtype=torch.int64)
    return Curvature(game.scalar, _points(game, example, s), examples)


def _gradients(curvature: Curvature, collect: Callable[[Rows], Tensor]) -> Tensor:
    """Return g̃ at the points, shape (R, n)."""
    return collect(tuple(g[None] for g in curvature.gradient))[0]
