"""Shapley values by weighted least squares on sampled coalitions and their complements.

The Shapley values minimise E_z (v(z) − v(∅) − Σ_i φ_i z_i)² subject to Σ φ_i = v(N) − v(∅), where coalitions
z of size 0 < s < n are drawn with the Shapley kernel's weights: size s with probability ∝ 1/(s(n−s)), then
uniformly. For a coalition and its complement the constraint fixes the sum of both fitted values, so the
pair says one thing: half the difference, g(z) = ½(v(z) − v(N∖z)) ≈ Σ_i φ_i (z_i − ½). That is an ordinary
regression with one row per pair, n − 1 free coefficients and independent rows, whose standard errors are
robust to unequal residuals (HC3).

Sources: Charnes et al. (1988); Lundberg, Lee (2017); Covert, Lee (2021) for paired sampling; MacKinnon,
White (1985) for HC3.
"""

from __future__ import annotations

import numpy as np

PAIRS_AT_A_TIME = 4096
"""Pairs in one block of the sums: 4,096 rows of float64 for n − 1 coefficients."""


def kernel_coalitions(generator: np.random.Generator, n: int, pairs: int) -> np.ndarray:
    """Return coalitions drawn with the Shapley kernel's weights; their complements complete the pairs.

    Args:
        generator: Source of random numbers.
        n: Number of players, at least 2.
        pairs: Number of coalitions.

    Returns:
        Shape (pairs, n), bool; sizes 1 … n−1.
    """
    sizes = np.arange(1, n)
    weights = 1 / (sizes * (n - sizes))
    chosen = generator.choice(sizes, size=pairs, p=weights / weights.sum())
    ranks = generator.permuted(np.tile(np.arange(n), (pairs, 1)), axis=1)
    return ranks < chosen[:, None]


def kernel_estimate(
    coalitions: np.ndarray, halves: np.ndarray, delta: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the estimated Shapley values and their standard errors.

    Args:
        coalitions: z, shape (K, n), bool, n ≥ 2.
        halves: ½(v(z) − v(N∖z)), shape (B, K).
        delta: v(N) − v(∅), shape (B,).

    Returns:
        Values and standard errors, shape (B, n); the values add up to delta. Without enough pairs to
        determine n − 1 coefficients and their spread, errors are infinite and values those of least norm
        around delta/n.
    """
    pairs, n = coalitions.shape
    # φ = delta/n + Q θ with orthonormal columns Q ⊥ 1; Qᵀ(z − ½) = Qᵀz
    basis = _orthogonal_to_ones(n)
    gram = np.zeros((n - 1, n - 1))
    moment = np.zeros((len(halves), n - 1))
    share = delta[:, None] / n
    for rows in _blocks(pairs):
        design = coalitions[rows] @ basis
        gram += design.T @ design
        moment += (halves[:, rows] - share * _centred(coalitions[rows])) @ design
    inverse, determined = _inverse(gram)
    theta = moment @ inverse
    values = share + theta @ basis.T
    if pairs <= n - 1 or not determined:
        return values, np.full(values.shape, np.inf)
    spread = np.zeros(values.shape)
    for rows in _blocks(pairs):
        design = coalitions[rows] @ basis
        pulled = design @ inverse
        leverage = np.einsum("ij,ij->i", pulled, design)
        residual = halves[:, rows] - share * _centred(coalitions[rows]) - theta @ design.T
        influence = pulled @ basis.T
        # a row of leverage one is fitted exactly whatever it is: nothing is known of its spread
        scaled = residual / np.maximum(1 - leverage, 1e-6)
        spread += scaled**2 @ influence**2
    return values, np.sqrt(spread)


def _inverse(gram: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return the pseudo-inverse of a positive semidefinite matrix and whether it is an inverse."""
    eigenvalues, vectors = np.linalg.eigh(gram)
    nonzero = eigenvalues > eigenvalues[-1] * len(gram) * np.finfo(float).eps
    return (vectors[:, nonzero] / eigenvalues[nonzero]) @ vectors[:, nonzero].T, bool(nonzero.all())


def _centred(coalitions: np.ndarray) -> np.ndarray:
    """Return Σ_i (z_i − ½), shape (K,)."""
    return coalitions.sum(axis=1) - coalitions.shape[1] / 2


def _orthogonal_to_ones(n: int) -> np.ndarray:
    """Return n × (n−1) orthonormal columns orthogonal to the vector of ones (Helmert)."""
    basis = np.zeros((n, n - 1))
    for k in range(1, n):
        basis[:k, k - 1] = 1 / np.sqrt(k * (k + 1))
        basis[k, k - 1] = -k / np.sqrt(k * (k + 1))
    return basis


def _blocks(total: int) -> list[slice]:
    """Return slices of at most so many rows; the rows themselves are made twice rather than held."""
    return [slice(start, start + PAIRS_AT_A_TIME) for start in range(0, total, PAIRS_AT_A_TIME)]
