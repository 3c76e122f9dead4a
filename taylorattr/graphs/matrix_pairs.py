"""Pair tables of what is one matrix or one row already: Hessians, integrated Hessians, scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import Tensor

from taylorattr.attribution import Attribution
from taylorattr.effects.integrated_hessians import IntegratedHessians
from taylorattr.errors import ShapeError
from taylorattr.graphs.pair_table import PairTable, hollow, numbers


def _of_matrix(names: tuple[str, ...], kind: str, pairs: np.ndarray, alone: np.ndarray) -> PairTable:
    """Return the table of a matrix whose off-diagonal entries are the edges and nothing else exists."""
    pairs = hollow(pairs)
    sizes = np.abs(pairs)
    return PairTable(
        names=names,
        kind=kind,
        strengths=pairs,
        signs=np.sign(pairs),
        independent=alone,
        interactions=pairs.sum(2),
        interactions_size=sizes.sum(2),
        alone=np.abs(alone),
        held=sizes,
        total=np.abs(alone).sum(1) + sizes.sum((1, 2)) / 2,
        rounding=np.zeros(len(alone)),
        reach="pairs",
    )


def of_hessian(hessian: Tensor, kind: str) -> PairTable:
    """Return the table of a Hessian, shape (n, n) or (B, n, n), symmetrised.

    Raises:
        ShapeError: If it is not square.
    """
    matrix = numbers(hessian)
    matrix = matrix[None] if matrix.ndim == 2 else matrix
    if matrix.ndim != 3 or matrix.shape[1] != matrix.shape[2]:
        raise ShapeError(f"a Hessian has shape (n, n) or (B, n, n); this one {tuple(hessian.shape)}")
    names = tuple(f"x{i}" for i in range(matrix.shape[1]))
    return _of_matrix(
        names, kind, (matrix + matrix.transpose(0, 2, 1)) / 2, np.diagonal(matrix, axis1=1, axis2=2)
    )


def of_integrated_hessians(result: IntegratedHessians, kind: str) -> PairTable:
    """Return the table of integrated Hessians: Γ_ij + Γ_ji at the edges, Γ_ii at the nodes."""
    gamma = numbers(result.values)
    table = _of_matrix(
        result.names, kind, gamma + gamma.transpose(0, 2, 1), np.diagonal(gamma, axis1=1, axis2=2)
    )
    return replace(table, frame="baseline", delta=numbers(result.delta))


def of_scores(scores: Attribution, kind: str) -> PairTable:
    """Return the table of a method's scores: nodes without edges."""
    rows = numbers(scores.player_scores)
    table = _of_matrix(scores.names, kind, np.zeros((*rows.shape, rows.shape[1])), rows)
    return replace(
        table,
        reach=f"scores of {scores.method}",
        frame=scores.frame,
        delta=numbers(scores.delta),
        f_input=numbers(scores.f_input),
        f_baseline=numbers(scores.f_baseline),
    )
