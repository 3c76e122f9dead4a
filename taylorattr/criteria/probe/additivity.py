"""Is a method linear in the function? Only then is it an allocation: a(f + g) = a(f) + a(g), eq. (49)."""

from __future__ import annotations

import numpy as np
from torch import nn

from taylorattr.criteria.probe.monomials import AttributeFn, Monomial, Setting, Together, scores

PAIRS = 4
"""Random pairs f, g."""

TERMS = 3
"""Monomials in each of them, of order 1 to 3."""


def _polynomial(n: int, baseline: np.ndarray, random: np.random.Generator) -> nn.Module:
    parts = []
    for _ in range(TERMS):
        order = int(random.integers(1, 4))
        kappa = np.bincount(random.integers(0, n, order), minlength=n)
        parts.append(Monomial(kappa, baseline, random.uniform(0.5, 1.5) * random.choice([-1.0, 1.0])))
    return Together(*parts)


def additivity_gap(
    attribute: AttributeFn, setting: Setting, random: np.random.Generator, repeats: int = 1
) -> tuple[float, float]:
    """Return the largest |a(f + g) − a(f) − a(g)| over random pairs relative to the largest score, and noise.

    Args:
        attribute: The black box.
        setting: Input and baseline.
        random: Draws the polynomials.
        repeats: Calls per function, for a method that draws random numbers.

    Returns:
        Gap, and the standard error of the entry with the largest gap (0 with one repeat), on the same scale.
    """
    worst, noise = 0.0, 0.0
    for _ in range(PAIRS):
        f, g = (_polynomial(len(setting.delta), setting.baseline, random) for _ in range(2))
        drawn = np.stack([
            np.stack([scores(attribute, h, setting.x, setting.baseline) for _ in range(repeats)])
            for h in (f, g, Together(f, g))
        ])  # fmt: skip
        scale = max(float(np.abs(drawn.mean(1)).max()), 1e-300)
        of_f, of_g, of_both = drawn.mean(1)
        gaps = np.abs(of_both - of_f - of_g)
        place = int(gaps.argmax())
        if gaps[place] / scale >= worst:
            worst = float(gaps[place] / scale)
            spread = drawn[:, :, place].var(1, ddof=1).sum() / repeats if repeats > 1 else 0.0
            noise = float(np.sqrt(spread) / scale)
    return worst, noise
