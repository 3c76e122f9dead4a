"""What wrong sums are instead: those of a probability, of another layer, of scores changed afterwards.

Each suspicion is exact: it is told only where it explains the sums, or the scores, of every masked input to a
percent. What it does not explain is left to the search for an operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from taylorattr.criteria.audit.score_tables import ScoreTable
from taylorattr.criteria.audit.statistics import rms

SAME_SUMS_RESIDUAL = 1e-2
"""Residual of the sums beside what they are taken for, relative to it."""

SAME_UNIT_RESIDUAL = 1e-3
"""The same where one of thousands of units is sought, which by chance come near."""

SAME_CHANGE_RESIDUAL = 1e-3
"""Residual of the scores beside right ones that were changed afterwards, relative."""

SMALLEST_BASELINE_OUTPUT = 0.05
"""Part of rms f that f(b) must be for sums of f(x) to be told from sums of f(x) − f(b)."""

FEWEST_ROWS_OF_UNIT = 8
"""Rows at which a unit must agree: at fewer one of many agrees by chance."""

NAMED_ENTRY = 0.02
"""Entries of a change from which they are told, beside 1."""

SMALLEST_WEIGHED_MASS = 1e-6
"""Part of Σ|J| from which the effects of one size show their weight: below it they are rounding."""

MOST_NAMED = 4
"""Players whose share of a change is told."""


@dataclass(frozen=True)
class Comparisons:
    """What the sums and scores of an audited method are compared with.

    Attributes:
        outputs: Every output at the first coalitions of the table, shape (m, K); None where there is one.
        target: Which of them is meant.
        units: Name of a unit inside the model -> its value at the first coalitions, shape (m,).
        right: Name of a right method -> its scores at every coalition, shape (n, C).
    """

    outputs: np.ndarray | None = None
    target: int = 0
    units: Mapping[str, np.ndarray] = field(default_factory=dict)
    right: Mapping[str, np.ndarray] = field(default_factory=dict)


def whole_output(table: ScoreTable) -> bool:
    """Return whether the sums are f(x) where they should be f(x) − f(b)."""
    rows = table.present.any(axis=1)
    v, total = table.v[rows], table.a.sum(axis=0)[rows]
    told_apart = abs(table.v[0]) > SMALLEST_BASELINE_OUTPUT * rms(v)
    return bool(rows.any() and told_apart and rms(total - v) <= SAME_SUMS_RESIDUAL * rms(v))


def other_scale(table: ScoreTable, compared: Comparisons) -> str:
    """Return the function of the output that the sums are those of, empty where there is none."""
    v, target = table.v, compared.target
    scales: dict[str, np.ndarray] = {}
    with np.errstate(all="ignore"):
        if compared.outputs is not None:
            shifted = compared.outputs - compared.outputs.max(axis=1, keepdims=True)
            logarithm = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
            scales[f"the softmax of output {target}, its probability,"] = np.exp(logarithm[:, target])
            scales[f"the log-softmax of output {target}, its log-probability,"] = logarithm[:, target]
        scales["the sigmoid of the output, its probability,"] = 1 / (1 + np.exp(-v))
        scales["the exponential of the output"] = np.exp(v)
        scales["the logarithm of the output"] = np.log(v)
        scales["the log-odds of the output"] = np.log(v) - np.log1p(-v)
    for words, scale in scales.items():
        if np.isfinite(scale).all() and _explains(table, scale, SAME_SUMS_RESIDUAL):
            return words
    return ""


def other_unit(table: ScoreTable, compared: Comparisons) -> str:
    """Return the unit inside the model whose change the sums are, empty where there is none."""
    for name, values in compared.units.items():
        if len(values) >= FEWEST_ROWS_OF_UNIT and _explains(table, values, SAME_UNIT_RESIDUAL):
            return name
    return ""


def _explains(table: ScoreTable, scale: np.ndarray, residual: float) -> bool:
    """Return whether sums from b on are the change of something at the first coalitions."""
    total = table.a[:, : len(scale)].sum(axis=0)
    change = scale - scale[0]
    return rms(change) > 0 and rms(total - total[0] - change) <= residual * rms(change)


def largest_only(table: ScoreTable) -> int:
    """Return k where every row has scores for k players at most and several sets of k; 0 where not so."""
    nonzero = table.a != 0
    count = nonzero.sum(axis=0)
    k = int(count.max(initial=0))
    if not 0 < k < table.n or nonzero.any(axis=1).sum() <= k:
        return 0
    more_present = table.present.sum(axis=1) > k
    return k if more_present.sum() > 1 and (count[more_present] == k).all() else 0


def changed_afterwards(table: ScoreTable, compared: Comparisons) -> str:
    """Return how the scores of a right method were changed, empty where no change explains them."""
    for name, right in compared.right.items():
        size = np.abs(right).max(initial=0.0)
        if size == 0:
            continue
        same = np.abs(table.a - right) <= SAME_CHANGE_RESIDUAL * size
        dropped = (table.a == 0) & ~same
        if (same | dropped).all() and dropped.any():
            negative = (right[dropped] < 0).all()
            which = "the negative ones, clipped at 0" if negative else "some of them, such as the smallest"
            return f"they are those of {name} with {which}, dropped"
        if rms(np.abs(table.a) - np.abs(right)) <= SAME_CHANGE_RESIDUAL * rms(right):
            return f"they are those of {name} with other signs"
        if table.a.shape[1] < 2 * table.n + 2:
            continue
        matrix, _, rank, _ = np.linalg.lstsq(right.T, table.a.T, rcond=1e-10)
        if rank < table.n or rms(table.a - matrix.T @ right) > SAME_CHANGE_RESIDUAL * rms(table.a):
            continue
        if np.abs(matrix - np.eye(table.n)).max() > NAMED_ENTRY:
            return f"they are those of {name}, {_in_words(matrix.T)}"
    return ""


def _in_words(matrix: np.ndarray) -> str:
    """Return what a linear map does to the scores of players."""
    n = len(matrix)
    if np.abs(matrix - (np.eye(n) - 1 / n)).max() < NAMED_ENTRY:
        return "with the mean of each input's scores subtracted"
    off = matrix - np.diag(np.diag(matrix))
    if np.abs(off).max() < NAMED_ENTRY:
        changed = [(k, entry) for k, entry in enumerate(np.diag(matrix)) if abs(entry - 1) > NAMED_ENTRY]
        listed = ", ".join(f"player {k} times {entry:.3g}" for k, entry in changed[:MOST_NAMED])
        return f"with single players changed ({listed})"
    k = int(np.abs(off).sum(axis=0).argmax())
    shares = [(i, matrix[i, k]) for i in np.argsort(-np.abs(matrix[:, k])) if abs(matrix[i, k]) > NAMED_ENTRY]
    listed = ", ".join(f"{share:.2g} to player {i}" for i, share in shares[:MOST_NAMED])
    return f"smoothed: each is spread over neighbours or others (of player {k}'s {listed})"


def size_weights(J: np.ndarray, A: np.ndarray, present: np.ndarray) -> str:
    """Return the weights of a method that gives each member of S the share w_|S| of J(S), not 1/|S|.

    Args:
        J: Effects, shape (C,).
        A: What each player is given of each, shape (n, C).
        present: The coalitions, shape (C, n).

    Returns:
        The weights in words; empty where the scores are of another form, or the weights Shapley's.
    """
    sizes, inside = present.sum(axis=1), present.T
    mass = np.abs(J).sum()
    weights: dict[int, float] = {}
    for k in range(1, int(sizes.max()) + 1):
        columns = sizes == k
        if np.abs(J[columns]).sum() <= SMALLEST_WEIGHED_MASS * mass:
            continue
        effect = np.where(inside[:, columns], J[columns], 0.0)
        weights[k] = float((A[:, columns] * effect).sum() / (effect**2).sum())
        if rms(A[:, columns] - weights[k] * effect) > SAME_SUMS_RESIDUAL * rms(effect):
            return ""
    if len(weights) < 2 or rms(A[:, sizes == 0]) > SAME_SUMS_RESIDUAL * rms(A):
        return ""
    if all(abs(weight * k - 1) < NAMED_ENTRY for k, weight in weights.items()):
        return ""

    def like(weight_of: Mapping[int, float]) -> bool:
        return all(abs(weights[k] - weight_of[k]) < NAMED_ENTRY for k in weights)

    second = weights.get(2, 0.0)
    named = "a semivalue's, as no complete rule has them"
    if like({k: 2.0 ** (1 - k) for k in weights}):
        named = "Banzhaf's"
    elif like(dict.fromkeys(weights, 1.0)):
        named = "those of occlusion: every member is given the whole effect"
    elif like({k: float(k == 1) for k in weights}):
        named = "those of each player moved alone from the baseline: no interaction is given to anybody"
    elif like({k: second ** (k - 1) for k in weights}):
        named = f"those of a binomial semivalue with p = {second:.3g}"
    listed = ", ".join(f"{weight:.3g} for {k}" for k, weight in list(weights.items())[:MOST_NAMED])
    return f"each member of a coalition is given a weight of its effect by size ({listed} players): {named}"
