"""Gauss quadrature on [0, 1], correctly rounded: weight 1 and weight −s·ln s.

Nodes and weights come from the three-term recurrence of the orthogonal polynomials in decimal arithmetic of
more than enough digits; float64 enters only as the starting point of Newton's iteration.

Libraries do not have these rules. numpy's and scipy's Gauss–Legendre weights are off by 10⁻¹² of themselves
at 64 nodes and by up to 10⁻¹⁰ at 256; mpmath has Gauss–Legendre for 3·2ᵏ nodes only; none has the weight
−s·ln s, or the measures of ``maths/measures.py``, which go through the same :func:`gauss_rule`.
"""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

import numpy as np

from taylorattr.errors import OptionError

MAX_NODES = 256
"""Most nodes of a rule; more are composed of several rules."""

GUARD_DIGITS = 40
"""Decimal digits of the arithmetic: twice those of float64 and some, so that the last step alone rounds."""

NEWTON_STEPS = 4
"""Each doubles the correct digits: from the 15 of an eigenvalue in float64 to beyond 100."""


def gauss_rule(alphas: Sequence[Decimal], betas: Sequence[Decimal]) -> tuple[np.ndarray, np.ndarray]:
    """Return the Gauss rule of p_{j+1} = (s − α_j) p_j − β_j p_{j−1}, β_0 the total mass (Golub & Welsch).

    Args:
        alphas: Recurrence coefficients α_0 … α_{q−1}.
        betas: β_0 … β_{q−1}, positive.

    Returns:
        Nodes, increasing, and weights, float64 (q,), correctly rounded within the decimal context.
    """
    q = len(alphas)
    # the nodes are the eigenvalues of the symmetric tridiagonal matrix of the recurrence
    off = np.sqrt([float(b) for b in betas[1:]])
    matrix = np.diag([float(a) for a in alphas]) + np.diag(off, 1) + np.diag(off, -1)
    nodes, weights = [], []
    for start in np.linalg.eigvalsh(matrix):
        s = Decimal(float(start))
        for _ in range(NEWTON_STEPS):
            # the polynomial and its derivative by the recurrence: no coefficients, which would cancel
            p, before, dp, dbefore = Decimal(1), Decimal(0), Decimal(0), Decimal(0)
            for a, b in zip(alphas, betas, strict=True):
                p, before, dp, dbefore = (s - a) * p - b * before, p, p + (s - a) * dp - b * dbefore, dp
            s -= p / dp
        p, before, norm, total = Decimal(1), Decimal(0), betas[0], Decimal(0)
        for j in range(q):  # Christoffel: 1/weight = Σ p_j²/‖p_j‖²
            total += p * p / norm
            p, before = (s - alphas[j]) * p - betas[j] * before, p
            norm *= betas[j + 1] if j + 1 < q else Decimal(1)
        nodes.append(float(s))
        weights.append(float(1 / total))
    return np.array(nodes), np.array(weights)


def _check(q: int) -> None:
    """Raise OptionError unless there is a rule of so many nodes."""
    if not isinstance(q, int) or not 1 <= q <= MAX_NODES:
        raise OptionError(f"{q!r} quadrature nodes; expected an integer 1 … {MAX_NODES}")


def _read_only(rule: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the rule, closed to writing: the cache hands the same arrays to every caller."""
    for array in rule:
        array.setflags(write=False)
    return rule


@lru_cache(maxsize=64)
def gauss_legendre(q: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the q-point Gauss rule for ∫₀¹ h(α) dα, exact for degree ≤ 2q − 1.

    Args:
        q: Number of nodes, 1 … 256.

    Returns:
        Two read-only float64 arrays of shape (q,), nodes increasing; weights add up to 1.

    Raises:
        OptionError: If q is out of range.
    """
    _check(q)
    with decimal.localcontext() as context:
        context.prec = GUARD_DIGITS
        betas = [Decimal(1)] + [Decimal(j * j) / (4 * (4 * j * j - 1)) for j in range(1, q)]
        return _read_only(gauss_rule([Decimal("0.5")] * q, betas))


@lru_cache(maxsize=64)
def log_gauss(q: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the q-point Gauss rule for ∫₀¹ h(s) (−s ln s) ds, exact for degree ≤ 2q − 1.

    This is the weight of ∫∫ αβ h(αβ) dα dβ over the unit square, so an integrated Hessian needs q Hessians.
    The moments are 1/(k+2)²; the recurrence comes from Chebyshev's algorithm with enough digits to absorb its
    loss of about 1.5 digits per node.

    Args:
        q: Number of nodes, 1 … 256.

    Returns:
        Two read-only float64 arrays of shape (q,), nodes increasing; weights add up to 1/4.

    Raises:
        OptionError: If q is out of range.
    """
    _check(q)
    with decimal.localcontext() as context:
        context.prec = GUARD_DIGITS + 2 * q
        previous = [Decimal(0)] * (2 * q)
        current = [1 / Decimal((k + 2) ** 2) for k in range(2 * q)]
        # Chebyshev: rows of modified moments ⟨p_j, s^k⟩, each from the two before, give one α and one β
        alphas, betas = [current[1] / current[0]], [current[0]]
        for j in range(1, q):
            following = [Decimal(0)] * (2 * q)
            for k in range(j, 2 * q - j):
                following[k] = current[k + 1] - alphas[-1] * current[k] - betas[-1] * previous[k]
            alphas.append(following[j + 1] / following[j] - current[j] / current[j - 1])
            betas.append(following[j] / current[j - 1])
            previous, current = current, following
    with decimal.localcontext() as context:
        context.prec = GUARD_DIGITS
        return _read_only(gauss_rule(alphas, betas))
