"""Which pairs to measure: by Hessian–vector products, gradients at corners, or sums over players."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from taylorattr.analysis.game import Game, blocks
from taylorattr.autodiff.curvature import Curvature, Rows
from taylorattr.autodiff.hessian import player_sum
from taylorattr.autodiff.second_order import gradients, hessian_vectors
from taylorattr.errors import TaylorAttrError
from taylorattr.many_players.counted_values import CountedValues
from taylorattr.maths.matrix_sketch import Products
from taylorattr.program.kinks import kink_nodes
from taylorattr.program.program import Program

PRODUCT_ROWS = 6
"""Model outputs that a product counts as in a budget: one tangent forward and one adjoint back."""

PROBES_PER_PASS = 32
"""Vectors multiplied together."""


@dataclass(frozen=True)
class ProductSource:
    """A symmetric matrix of the players, as products with vectors.

    Attributes:
        products: Vectors (n, R) -> the matrix times each, (n, R).
        what: What the matrix is, in words.
    """

    products: Products
    what: str


def product_source(game: Game, example: int, program: Program | str) -> ProductSource | str:
    """Return what derivatives offer for pairs of one example, or why they offer nothing.

    A smooth model offers its Hessian along the players at the baseline, whose entry (i, j) is the first term
    of J({i, j}). Of a model with kinks the Hessian misses what happens at them; it offers differences of
    gradients between opposite corners, g(b + Σ_{z_i>0} Δ_i) − g(b + Σ_{z_i<0} Δ_i), of which pairs are one
    part and larger coalitions another.

    Args:
        game: The game.
        example: Which example.
        program: Its program, right from b to x, or why there is none (`captured.programs_between`).
    """
    if not all(x.is_floating_point() for x in game.inputs):
        return "the inputs are integers, between which there is no derivative"
    with torch.inference_mode(False):
        if isinstance(program, Program) and kink_nodes(program):
            return _tried(_corners(game, example, program), game.n, "gradients at opposite corners")
        return _tried(_hessian(game, example, program), game.n, "the Hessian at the baseline")


def _tried(products: Products, n: int, what: str) -> ProductSource | str:
    """Return the source if it gives finite numbers that are not all zero."""
    try:
        image = products(np.ones((n, 1)))
    except (TaylorAttrError, RuntimeError) as error:
        return f"{what} cannot be had: {str(error).splitlines()[0]}"
    if not np.isfinite(image).all():
        return f"{what} is not finite"
    if not image.any():
        return f"{what} shows nothing: the products are zero"
    return ProductSource(products, what)


def _directions(game: Game, example: int, weights: torch.Tensor) -> Rows:
    """Return Σ_g w_g Δ_g of each row of weights (R, n), tensors (R, …)."""
    result = []
    for x, b, owner in zip(game.inputs, game.baselines, game.maps, strict=True):
        padded = torch.cat([weights, weights.new_zeros(len(weights), 1)], dim=1)  # of unnamed elements: 0
        spread = padded[:, torch.where(owner < 0, game.n, owner).reshape(-1)]
        result.append(spread.reshape(len(weights), *owner.shape) * (x[example] - b[example]))
    return tuple(result)


def _in_passes(game: Game, one_pass: Callable[[torch.Tensor], torch.Tensor]) -> Products:
    """Return products made in passes of a few vectors: (R, n) -> (R, n) at a time."""

    def products(vectors: np.ndarray) -> np.ndarray:
        rows = torch.from_numpy(np.ascontiguousarray(vectors.T)).to(game.device, game.dtype)
        with torch.inference_mode(False):
            parts = [one_pass(rows[part]) for part in blocks(len(rows), PROBES_PER_PASS)]
        return torch.cat(parts).double().cpu().numpy().T if parts else np.zeros(vectors.shape)

    return products


def _hessian(game: Game, example: int, program: Program | str) -> Products:
    """Return products with Δᵀ∇²f(b)Δ."""
    collect = player_sum(game, example)
    start = game.baseline(example)
    known: list[Curvature] = []

    def one_pass(weights: torch.Tensor) -> torch.Tensor:
        vectors = _directions(game, example, weights)
        if isinstance(program, Program):
            points = tuple(b.expand(len(weights), *b.shape[1:]) for b in start)
            _, images = hessian_vectors(program, points, vectors)
            return collect(tuple(image[:, None] for image in images))[:, 0]
        if not known:
            known.append(Curvature(game.scalar, start, torch.tensor([example])))
        return collect(known[0].reverse(tuple(v[:, None] for v in vectors)))[:, 0]

    return _in_passes(game, one_pass)


def _corners(game: Game, example: int, program: Program) -> Products:
    """Return differences of gradients between the corners of the positive and of the negative entries."""
    collect = player_sum(game, example)

    def one_pass(weights: torch.Tensor) -> torch.Tensor:
        ends = torch.cat([(weights > 0).to(weights), (weights < 0).to(weights)])
        slopes = gradients(program, game.points(ends, example), collect)
        return slopes[: len(weights)] - slopes[len(weights) :]

    return _in_passes(game, one_pass)


def interaction_sums(v: CountedValues) -> np.ndarray:
    """Return Σ_{S∋i, |S|≥2} J(S) of each player, from 2n + 2 values; shape (n,)."""
    alone, without = np.eye(v.n, dtype=bool), ~np.eye(v.n, dtype=bool)
    ends = v(np.stack([np.zeros(v.n, dtype=bool), np.ones(v.n, dtype=bool)]))
    return (ends[1] - v(without)) - (v(alone) - ends[0])


def largest_pairs(matrix: np.ndarray, may_meet: np.ndarray, count: int) -> np.ndarray:
    """Return the pairs that may meet with the largest entries ≠ 0 of a symmetric matrix, ascending (R, 2)."""
    sizes = np.triu(np.abs(matrix) * may_meet, 1).reshape(-1)
    count = min(count, int((sizes > 0).sum()))
    places = np.argpartition(-sizes, max(count - 1, 0))[:count]
    return np.stack(np.divmod(np.sort(places), len(matrix)), axis=1).astype(np.int64)
