"""Polynomials as {exponents: coefficient}: values, exact Taylor effects, exact shares along a path.

Nothing here rounds: results are in the arithmetic of the coefficients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from taylorattr.aliases import Coalition, MultiIndex
from taylorattr.maths.frames import binomial, lower
from taylorattr.maths.multi_index import support

Polynomial: TypeAlias = Mapping[MultiIndex, Any]
"""Exponents κ -> coefficient c of the monomial c·x^κ; one exponent per variable."""


def evaluate(polynomial: Polynomial, x: Sequence[Any]) -> Any:
    """Return Σ c_κ x^κ."""
    return sum(c * math.prod(v**k for v, k in zip(x, kappa, strict=True)) for kappa, c in polynomial.items())


def taylor_effects(
    polynomial: Polynomial, x: Sequence[Any], baseline: Sequence[Any]
) -> dict[MultiIndex, Any]:
    """Return I(κ) = ∂^κ f(b) Δ^κ/κ! for every κ ≠ 0 with a non-zero effect, eq. (1).

    I(κ) = [t^κ] f(b + t∘Δ) = Σ_{μ≥κ} c_μ C(μ, κ) b^{μ−κ} Δ^κ.

    Args:
        polynomial: Coefficients.
        x: Input.
        baseline: Baseline b; Δ = x − b.

    Returns:
        κ -> I(κ); frame x is ``other_frame_terms`` of it, or minus the effects from x to b.
    """
    delta = [p - q for p, q in zip(x, baseline, strict=True)]
    effects: dict[MultiIndex, Any] = {}
    for mu, c in polynomial.items():
        for kappa in lower(mu):
            at_b = math.prod(b ** (m - k) for b, m, k in zip(baseline, mu, kappa, strict=True))
            steps = math.prod(d**k for d, k in zip(delta, kappa, strict=True))
            effects[kappa] = effects.get(kappa, 0) + c * binomial(mu, kappa) * at_b * steps
    return {kappa: effect for kappa, effect in effects.items() if effect != 0}


def by_support(effects: Mapping[MultiIndex, Any]) -> dict[Coalition, Any]:
    """Return J(S) = Σ_{supp κ = S} I(κ) from all Taylor effects; J({i}) is ψ_i."""
    sums: dict[Coalition, Any] = {}
    for kappa, effect in effects.items():
        coalition = support(kappa)
        sums[coalition] = sums.get(coalition, 0) + effect
    return sums


def path_shares(knots: Sequence[Sequence[Fraction]], kappa: MultiIndex) -> list[Fraction]:
    """Return the share of each player in the term κ along a path of straight pieces, exactly, eq. (64).

    Player i is given κ_i ∫ Π_j s_j^{κ_j} ds_i/s_i. On a straight piece s is linear in t, so that the
    integrand is a polynomial in t whose coefficients are multiplied out.

    Args:
        knots: Positions s of the players, shape (K + 1, n); the path is straight from one to the next.
        kappa: κ ≠ 0.

    Returns:
        n shares; they add up to s(end)^κ − s(start)^κ.
    """
    shares = [Fraction(0)] * len(kappa)
    for start, end in zip(knots[:-1], knots[1:], strict=True):
        for i, power in enumerate(kappa):
            if not power or start[i] == end[i]:
                continue  # a player that stands still is given nothing on this piece
            integrand = [Fraction(power) * (end[i] - start[i])]
            for j, exponent in enumerate(kappa):
                for _ in range(exponent - (j == i)):
                    integrand = _times(integrand, start[j], end[j] - start[j])
            shares[i] += sum((c / (k + 1) for k, c in enumerate(integrand)), Fraction(0))
    return shares


def _times(coefficients: list[Fraction], constant: Fraction, slope: Fraction) -> list[Fraction]:
    """Return the coefficients of a polynomial in t times (constant + slope·t), by power of t."""
    product = [constant * c for c in coefficients] + [Fraction(0)]
    for k, c in enumerate(coefficients):
        product[k + 1] += slope * c
    return product
