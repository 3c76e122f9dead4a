"""Radius of convergence estimated from the first coefficients of a power series.

Three estimates are made from the last coefficients of c_0 + c_1 t + … + c_L t^L and the smallest is
returned, because the question asked is whether a series can be trusted:

- linear recurrences c_m + q_1 c_{m−1} + … + q_p c_{m−p} ≈ 0 of length p = 2 and p = 4, fitted by least
  squares: the smallest root of 1 + q_1 t + … + q_p t^p is the nearest singularity (the denominators of
  Padé approximants, so poles and complex pairs of poles are found to many digits);
- the decay of the largest coefficient from the third to the last quarter of the series, which no
  oscillation of the coefficients can hide.

A finite number of coefficients proves nothing: a singularity weaker than rounding is not seen, and for
an entire function the estimate is the radius at which the terms seen so far stop falling.

Source: Cauchy–Hadamard; Domb and Sykes (1957); Baker and Graves-Morris, "Padé Approximants" (1996), §2.
"""

from __future__ import annotations

import math

import numpy as np

FEWEST_COEFFICIENTS = 9
"""c_0 … c_8: a recurrence of length 4 has four unknowns, and needs as many equations."""

NOISE_SHARE = 1e-13
"""Coefficients below this share of the largest one are rounding noise and count as zero."""


def radius(coefficients: np.ndarray) -> float:
    """Estimate the radius of convergence of Σ c_m t^m.

    Args:
        coefficients: c_0 … c_L, shape (L+1,), L ≥ 8.

    Returns:
        The estimate; ``inf`` when the last four coefficients vanish up to rounding (polynomials, and
        series that fall so fast that no singularity is near), ``nan`` when a coefficient is not finite.

    Raises:
        ValueError: If fewer than nine coefficients are given.

    Example:
        >>> round(radius(np.array([(-0.9) ** (m // 2) * (m % 2 == 0) for m in range(17)])), 6)  # 1/(1+0.9t²)
        1.054093
    """  # noqa: DOC502 -- raised by what is called
    return float(radii(np.asarray(coefficients, dtype=float)[None])[0])


def radii(coefficients: np.ndarray) -> np.ndarray:
    """Estimate the radius of convergence of each of R series, as `radius` does of one.

    Args:
        coefficients: One series per row, shape (R, L+1), L ≥ 8.

    Returns:
        Shape (R,), float64.

    Raises:
        ValueError: If fewer than nine coefficients are given.
    """
    c = np.asarray(coefficients, dtype=float)
    if c.shape[1] < FEWEST_COEFFICIENTS:
        raise ValueError(
            f"a radius needs at least nine coefficients, got {c.shape[1]}; compute the jet to order 8"
        )
    result = np.full(len(c), math.inf)
    finite = np.logical_and.reduce(np.isfinite(c), axis=1)
    result[~finite] = math.nan
    largest = np.abs(np.where(finite[:, None], c, 0.0))[:, 1:].max(axis=1, initial=0.0)
    c = np.where(np.abs(c) > NOISE_SHARE * largest[:, None], c, 0.0)
    # a series that fell to rounding before the end stays at inf: whatever follows is far away
    last = c.shape[1] - 1 - (c[:, ::-1] != 0.0).argmax(axis=1)
    for end in range(max(8, c.shape[1] - 4), c.shape[1]):
        rows = np.flatnonzero(finite & (largest > 0.0) & (last == end))
        if len(rows):
            some = c[rows, : end + 1]
            estimates = _recurrence_roots(some, 2), _recurrence_roots(some, 4), _quarter_decay(some)
            result[rows] = np.minimum.reduce(estimates)
    return result


def _recurrence_roots(c: np.ndarray, p: int) -> np.ndarray:
    """Return the smallest |root| of the fitted recurrence of length p of each row, inf without one."""
    length = c.shape[1]
    first = max(p + 1, length - 3 * p - 1)  # the last 3p + 1 equations: earlier ones know less of the tail
    rows = np.stack([c[:, first - j : length - j] for j in range(1, p + 1)], axis=2)
    right = -c[:, first:]
    size = np.maximum(np.abs(rows).max(axis=2), np.abs(right))
    # every equation counts alike, however small its coefficients: they fall by powers of the radius
    weights = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0.0)
    u, s, vh = np.linalg.svd(rows * weights[:, :, None], full_matrices=False)
    kept = s > 1e-10 * s[:, :1]
    inverse = np.divide(1.0, s, out=np.zeros_like(s), where=kept)
    shares = inverse[:, :, None] * (u.transpose(0, 2, 1) @ (right * weights)[:, :, None])
    q = (vh.transpose(0, 2, 1) @ shares)[:, :, 0]
    # roots of 1 + q_1 t + … + q_p t^p are 1/z, z the eigenvalues of the companion of z^p + q_1 z^{p−1} + …
    companion = np.zeros((len(c), p, p))
    companion[:, 0] = -q
    companion[:, np.arange(1, p), np.arange(p - 1)] = 1.0
    nearest = np.abs(np.linalg.eigvals(companion)).max(axis=1)
    return np.divide(1.0, nearest, out=np.full(len(c), math.inf), where=nearest > 0.0)


def _quarter_decay(c: np.ndarray) -> np.ndarray:
    """Return (max |c| in the third quarter / max |c| in the last)^(1 / distance of the two) of each row."""
    size, rows = np.abs(c), np.arange(len(c))
    half, quarter = c.shape[1] // 2 - 1, c.shape[1] // 2 + c.shape[1] // 4
    here = half + size[:, half:quarter].argmax(axis=1)
    there = quarter + size[:, quarter:].argmax(axis=1)
    before, behind = size[rows, here], size[rows, there]
    ratio = np.divide(before, behind, out=np.full(len(c), math.inf), where=behind > 0.0)
    return ratio ** (1.0 / (there - here))
