"""Which pairs to measure: by Hessian–vector products, by gradients at corners, or by sums over players."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from taylorattr.analysis.game import Game, blocks
from taylorattr.autodiff.curvature import Curvature, Rows
from taylorattr.autodiff.hessian import player_sum
from taylorattr.autodiff.polynomial.engine import lowered
from taylorattr.autodiff.second_order import gradients, hessian_vectors
from taylorattr.errors import TaylorAttrError
from taylorattr.many_players.counted_values import CountedValues
from taylorattr.maths.matrix_sketch import Products
from taylorattr.program.kinks import kink_nodes
from taylorattr.program.program import Program

PRODUCT_ROWS = 6
"""Model outputs that a product counts as in a budget: one tangent forward and one adjoint back."""

GRADIENT_ROWS = 3
"""Model outputs that a gradient counts as: one forward and one backward pass."""

ROWS_PER_PASS = 64
"""Most points walked together."""

PASS_BYTES = 1 << 29
"""Bytes that the values of a pass may take; they are kept on the way forward, for the way back."""


@dataclass(frozen=True)
class ProductSource:
    """A symmetric matrix of the players, as products with vectors.

    Attributes:
        products: Vectors (n, R) -> the matrix times each, (n, R).
        what: What the matrix is, in words.
        each: Model outputs that a product counts as.
        smooth: Whether it is the Hessian of a model without kinks.
    """

    products: Products
    what: str
    each: int
    smooth: bool


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
            what, products = "differences of gradients at opposite corners", _corners(game, example, program)
            return _tried(products, game.n, what, smooth=False)
        what, products = "the Hessian at the baseline", _hessian(game, example, program)
        return _tried(products, game.n, what, smooth=True)


def _tried(products: Products, n: int, what: str, *, smooth: bool) -> ProductSource | str:
    """Return the source if it gives finite numbers that are not all zero."""
    try:
        image = products(np.ones((n, 1)))
    except (TaylorAttrError, RuntimeError) as error:
        return f"{what} cannot be had: {str(error).splitlines()[0]}"
    if not np.isfinite(image).all():
        return f"{what} is not finite"
    if not image.any():
        return f"{what} shows nothing: the products are zero"
    return ProductSource(products, what, PRODUCT_ROWS if smooth else 2 * GRADIENT_ROWS, smooth)


def _directions(game: Game, example: int, weights: torch.Tensor) -> Rows:
    """Return Σ_g w_g Δ_g of each row of weights (R, n), tensors (R, …)."""
    result = []
    for x, b, owner in zip(game.inputs, game.baselines, game.maps, strict=True):
        padded = torch.cat([weights, weights.new_zeros(len(weights), 1)], dim=1)  # of unnamed elements: 0
        spread = padded[:, torch.where(owner < 0, game.n, owner).reshape(-1)]
        result.append(spread.reshape(len(weights), *owner.shape) * (x[example] - b[example]))
    return tuple(result)


def _rows_per_pass(game: Game, example: int, program: Program | str) -> int:
    """Return how many points to walk together: all that a pass keeps of them stays within bounds."""
    if not isinstance(program, Program):
        return max(1, min(ROWS_PER_PASS, int(PASS_BYTES // max(1, 4 * game.scalar.total))))
    plan = lowered(program, game.baseline(example))
    # a value and a tangent each
    each = 2 * game.inputs[0].element_size() * (plan.stored + 4 * plan.live)
    return max(1, min(ROWS_PER_PASS, int(PASS_BYTES // max(1, each))))


def _in_passes(
    game: Game, example: int, program: Program | str, one_pass: Callable[[torch.Tensor], torch.Tensor]
) -> Products:
    """Return products made in passes of a few vectors: (R, n) -> (R, n) at a time."""
    size = _rows_per_pass(game, example, program)

    def products(vectors: np.ndarray) -> np.ndarray:
        rows = torch.from_numpy(np.ascontiguousarray(vectors.T)).to(game.device, game.dtype)
        with torch.inference_mode(False):
            parts = [one_pass(rows[part]) for part in blocks(len(rows), size)]
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

    return _in_passes(game, example, program, one_pass)


def _corners(game: Game, example: int, program: Program) -> Products:
    """Return differences of gradients between the corners of the positive and of the negative entries."""
    collect = player_sum(game, example)

    def one_pass(weights: torch.Tensor) -> torch.Tensor:
        ends = torch.cat([(weights > 0).to(weights), (weights < 0).to(weights)])
        slopes = gradients(program, game.points(ends, example), collect)
        return slopes[: len(weights)] - slopes[len(weights) :]

    return _in_passes(game, example, program, one_pass)


def gradients_at_players(game: Game, example: int, program: Program | str) -> np.ndarray | str:
    """Return (G + Gᵀ)/2 with G_ij = ∂_i f̃(e_j) − ∂_i f̃(0), from n + 1 gradients; or why there are none.

    G_ij is what J({i, j}) would be if f̃ were linear in t_i beside j; in t_j it is exact, kinks among them.
    """
    if not all(x.is_floating_point() for x in game.inputs):
        return "the inputs are integers, between which there is no derivative"
    collect = player_sum(game, example)

    def one_pass(ends: torch.Tensor) -> torch.Tensor:
        points = game.points(ends, example)
        if isinstance(program, Program):
            return gradients(program, points, collect)
        slopes = Curvature(game.scalar, points, torch.full((len(ends),), example)).gradient
        return collect(tuple(slope[None] for slope in slopes))[0]

    corners = np.concatenate([np.zeros((game.n, 1)), np.eye(game.n)], axis=1)
    try:
        slopes = _in_passes(game, example, program, one_pass)(corners)
    except (TaylorAttrError, RuntimeError) as error:
        return f"gradients cannot be had: {str(error).splitlines()[0]}"
    matrix = slopes[:, 1:] - slopes[:, :1]
    if not np.isfinite(matrix).all():
        return "gradients at the players are not finite"
    np.fill_diagonal(matrix, 0.0)
    if not matrix.any():
        return "gradients at the players show nothing: none changes with another player"
    return (matrix + matrix.T) / 2


def interaction_sums(v: CountedValues) -> np.ndarray:
    """Return Σ_{S∋i, |S|≥2} J(S) of each player, from 2n + 2 values; shape (n,)."""
    alone, without = np.eye(v.n, dtype=bool), ~np.eye(v.n, dtype=bool)
    ends = v(np.stack([np.zeros(v.n, dtype=bool), np.ones(v.n, dtype=bool)]))
    return (ends[1] - v(without)) - (v(alone) - ends[0])


def largest_pairs(matrix: np.ndarray, may_meet: np.ndarray, count: int) -> np.ndarray:
    """Return the pairs i < j that may meet with the largest entries ≠ 0 of a matrix, largest first (R, 2)."""
    sizes = np.triu(np.abs(matrix) * may_meet, 1).reshape(-1)
    count = min(count, int((sizes > 0).sum()))
    places = np.argpartition(-sizes, max(count - 1, 0))[:count]
    places = places[np.argsort(-sizes[places], kind="stable")]
    return np.stack(np.divmod(places, len(matrix)), axis=1).astype(np.int64)
