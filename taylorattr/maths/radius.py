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
    """
    c = np.asarray(coefficients, dtype=float)
    if len(c) < FEWEST_COEFFICIENTS:
        raise ValueError(
            f"a radius needs at least nine coefficients, got {len(c)}; compute the jet to order 8"
        )
    if not np.isfinite(c).all():
        return math.nan
    largest = np.abs(c[1:]).max()
    if largest == 0.0:
        return math.inf
    c = np.where(np.abs(c) > NOISE_SHARE * largest, c, 0.0)
    last = int(np.flatnonzero(c).max())
    if last + 3 < len(c) - 1 or last < 8:
        return math.inf  # fell to rounding before the end: whatever follows is far away
    c = c[: last + 1]
    return min(_recurrence_root(c, 2), _recurrence_root(c, 4), _quarter_decay(c))


def _recurrence_root(c: np.ndarray, p: int) -> float:
    """Return the smallest |root| of the fitted recurrence of length p, inf when nothing is left to fit."""
    first = max(p + 1, len(c) - 3 * p - 1)  # the last 3p + 1 equations: earlier ones know less of the tail
    rows = np.array([[c[m - j] for j in range(1, p + 1)] for m in range(first, len(c))])
    right = -c[first:]
    size = np.abs(np.column_stack([rows, right])).max(axis=1)
    usable = size > 0.0
    if not usable.any() or not right.any():
        return math.inf
    # every equation counts alike, however small its coefficients: they fall by powers of the radius
    weights = 1.0 / size[usable]
    q = np.linalg.lstsq(rows[usable] * weights[:, None], right[usable] * weights, rcond=1e-10)[0]
    roots = np.roots(np.append(q[::-1], 1.0))
    return float(np.abs(roots).min()) if len(roots) else math.inf


def _quarter_decay(c: np.ndarray) -> float:
    """Return (max |c| in the third quarter / max |c| in the last)^(1 / distance of the two)."""
    size = np.abs(c)
    half, quarter = len(c) // 2 - 1, len(c) // 2 + len(c) // 4
    last = size[quarter:]
    if not last.any():
        return math.inf
    here = half + int(size[half:quarter].argmax())
    there = quarter + int(last.argmax())
    return float((size[here] / size[there]) ** (1.0 / (there - here)))
