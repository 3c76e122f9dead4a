"""The audit term by term: A_i(κ) = [t^κ] a_i(b + t∘Δ) by interpolation, for smooth models; eq. (52).

An audit over coalitions sees effects J(S) only, sums of all terms with one support. Here rows between b and x
are asked for as well, which tells the terms of one support apart.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Baselines, Tensors
from taylorattr.analysis.game import blocks
from taylorattr.analysis.model_errors import analysis_door
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.question import Question
from taylorattr.analysis.shared_parameters import shares_parameters
from taylorattr.criteria.audit.attributor import Attributor, attributor
from taylorattr.criteria.audit.bound_method import AuditedExample
from taylorattr.criteria.audit.score_tables import rows_per_call
from taylorattr.criteria.audit.statistics import ratio
from taylorattr.effects.result import Result
from taylorattr.errors import BudgetError, OptionError, TaylorAttrWarning
from taylorattr.maths.multi_index import enumerate_up_to

MOST_POINTS = 2**14
"""Points of the grid of one example; each is a row that the method is asked for."""

EXTRA_NODES = 5
"""Nodes per player beyond order + 1: what they pick up of higher powers does not fall on the lower ones."""


@dataclass(frozen=True, eq=False, repr=False)
class TermReport(Result):
    """Terms of a method on one network, M multi-indices up to the order.

    Attributes:
        method: Name of the method.
        names: Names of the players.
        multi_indices: κ, shape (M, n).
        allocation: A_i(κ), shape (B, n, M).
        effects: I(κ) by the same interpolation, shape (B, M).
        deficit: Σ_{|κ|=k}|Σ_iA_i(κ) − I(κ)| / Σ|I(κ)|, orders 1 … K, shape (B, K).
        leak: Σ_{|κ|=k} Σ_{κ_i=0}|A_i(κ)| / Σ|I(κ)|, (B, K).
        slope: How often a term of order k is counted, by least squares, (B, K).
        tail: Part of Σ|coefficients of f| on the highest power of a player, (B,): large where the
            interpolation has not converged, at kinks or beyond the radius of convergence.
    """

    method: str
    names: tuple[str, ...]
    multi_indices: Tensor
    allocation: Tensor
    effects: Tensor
    deficit: Tensor
    leak: Tensor
    slope: Tensor
    tail: Tensor

    def ratios(self, example: int = 0) -> Tensor:
        """Return A_i(κ) / I(κ), shape (n, M): the realised ratio, eq. (46); NaN where I(κ) = 0."""
        effects = self.effects[example]
        return torch.where(effects != 0, self.allocation[example] / effects, torch.nan)

    def __repr__(self) -> str:
        """Show the statistics of every order."""
        lines = [f"Terms of {self.method}: {len(self.names)} players, {len(self.multi_indices)} terms"]
        for e in range(len(self.effects)):
            lines.append(
                f"  example {e}: tail {float(self.tail[e]):.1g}\n  order   deficit      leak   counted"
            )
            for k in range(self.deficit.shape[1]):
                numbers = (float(part[e, k]) for part in (self.deficit, self.leak, self.slope))
                lines.append("  {:>5} {:>9.2g} {:>9.2g} {:>8.4g}×".format(k + 1, *numbers))
        return "\n".join(lines)


@shares_parameters
@analysis_door
def audit_terms(
    method: str | Attributor | Callable[..., Any],
    model: Callable[..., Any],
    inputs: Tensors,
    baselines: Baselines = None,
    *,
    target: AnyTarget = None,
    players: PlayersLike = None,
    order: int = 3,
    nodes: int | None = None,
    seed: int = 0,
    **options: Any,
) -> TermReport:
    """Measure what a method gives of every Taylor term of a smooth model.

    Scores are asked for on a grid of t in (0, 1)ⁿ and interpolated by a polynomial, as is f. Sum laws of
    terms then hold exactly where they hold for the method: with C2, A_i(κ) = 0 where κ_i = 0; with C3,
    Σ_iA_i(κ) = I(κ). Of rules whose weights depend on Δ (SmoothGrad, αβ) it says what they do along t, which
    is not their ratio.

    Args:
        method: As for ``ta.audit``; a method over references takes a single one.
        model: As for ``ta.audit``, smooth between b and x.
        inputs: As in `Question`.
        baselines: As in `Question`.
        target: As in `Question`.
        players: As in `Question`. nodes^n points are asked for.
        order: Terms with |κ| ≤ order are reported.
        nodes: Nodes per player; None: order + 6.
        seed: Of a method that draws samples.
        **options: Of the method.

    Returns:
        Allocation and effects of every term.

    Raises:
        OptionError: If order or nodes are out of range.
        BudgetError: If the grid has more than 2^14 points.
    """
    count = order + 1 + EXTRA_NODES if nodes is None else nodes
    if order < 1 or count <= order:
        raise OptionError(f"order={order}, nodes={nodes}; expected order ≥ 1 and more nodes than the order")
    audited_method = attributor(method, options)
    question = Question(model, inputs, baselines, target=target, players=players, seed=seed)
    game = question.game
    if count**game.n > MOST_POINTS:
        raise BudgetError(
            f"{count} nodes for each of {game.n} players are {count**game.n} points (limit "
            f"{MOST_POINTS}); group elements with players=, or lower order= or nodes="
        )
    kappas = enumerate_up_to(game.n, order)
    grid, invert = _grid(game.n, count)
    A, effects, tails = [], [], []
    for example in range(game.batch):
        audited = AuditedExample(question, example)
        with torch.inference_mode(False), warnings.catch_warnings():
            warnings.simplefilter("ignore", TaylorAttrWarning)
            bound = audited_method.bind(audited)
            scores = [bound.read(grid[part], seed).players for part in blocks(len(grid), rows_per_call(game))]
        with torch.no_grad():
            v = game.values(torch.from_numpy(grid), example).cpu().double().numpy()
        # values and scores on the grid, one axis per player, become coefficients axis by axis
        table = np.concatenate([v[None], np.concatenate(scores).T]).reshape(-1, *[count] * game.n)
        for axis in range(1, game.n + 1):
            table = np.moveaxis(np.tensordot(invert, table, axes=(1, axis)), 0, axis)
        of_terms = table[(slice(None), *kappas.T)]
        effects.append(of_terms[0])
        A.append(of_terms[1:])
        tails.append(_tail(table[0]))
    stacked, terms = np.stack(A), np.stack(effects)
    deficit, leak, slope = _by_order(stacked, terms, kappas)
    return TermReport(
        method=audited_method.name,
        names=game.names,
        multi_indices=torch.from_numpy(np.ascontiguousarray(kappas)),
        allocation=torch.from_numpy(stacked),
        effects=torch.from_numpy(terms),
        deficit=torch.from_numpy(deficit),
        leak=torch.from_numpy(leak),
        slope=torch.from_numpy(slope),
        tail=torch.tensor(tails, dtype=torch.float64),
    )


def _grid(n: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return Chebyshev nodes of (0, 1)ⁿ, shape (countⁿ, n), and one axis's inverse Vandermonde matrix.

    None of them is 0 or 1: some methods divide by what vanishes where an input equals its baseline.
    """
    t = (1 + np.cos((2 * np.arange(count) + 1) * np.pi / (2 * count))) / 2
    grid = np.stack(np.meshgrid(*[t] * n, indexing="ij"), axis=-1).reshape(-1, n)
    return np.ascontiguousarray(grid), np.linalg.inv(np.vander(t, count, increasing=True))


def _tail(coefficients: np.ndarray) -> float:
    """Return the part of Σ|coefficients| in which some player has the highest power."""
    whole = float(np.abs(coefficients).sum())
    inner = coefficients[tuple(slice(0, -1) for _ in coefficients.shape)]
    return ratio(whole - float(np.abs(inner).sum()), whole)


def _by_order(
    A: np.ndarray, effects: np.ndarray, kappas: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return deficit, leak and slope, each (B, K)."""
    total = A.sum(axis=1)
    off = np.where(kappas.T[None] == 0, np.abs(A), 0.0).sum(axis=1)
    sizes = kappas.sum(axis=1)
    rows = np.zeros((3, len(A), int(sizes.max())))
    for e in range(len(A)):
        for k in range(1, rows.shape[2] + 1):
            at = sizes == k
            mass = float(np.abs(effects[e, at]).sum())
            square = float(effects[e, at] @ effects[e, at])
            rows[0, e, k - 1] = ratio(float(np.abs(total[e, at] - effects[e, at]).sum()), mass)
            rows[1, e, k - 1] = ratio(float(off[e, at].sum()), mass)
            rows[2, e, k - 1] = float(total[e, at] @ effects[e, at]) / square if square else np.nan
    return rows[0], rows[1], rows[2]
