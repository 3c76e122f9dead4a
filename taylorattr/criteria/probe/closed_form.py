"""A formula for a ratio that no known rule has: a quotient of sums, fitted on some terms, checked on others.

w_i(κ) = num/(Σ_k c_k d_k): with num one of 1[i∈S], κ_i, κ_i² and at most three d_k the equation
w·Σ c_k d_k = num is linear in c. Degree-homogeneous ratios κ_i·Q(m), eq. (19), are looked for first.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from taylorattr.allocation.rule import RULES
from taylorattr.maths.multi_index import factorial

COMMON_DENOMINATOR = 12
"""Coefficients are rounded to multiples of 1/12."""

MOST_DENOMINATOR_TERMS = 3
"""Terms in a denominator at most."""

NUMERATORS = ("1[κᵢ > 0]", "κᵢ", "κᵢ²")
"""What a quotient has above its line, in the order of the values in `_features`."""

FAR_FROM_ROUND = 0.3
"""Part of 1/12 by which a coefficient may be off: more is no fraction that rounding has blurred."""

MIXED_RULES = (
    "gradient_x_input", "measure/first_order", "integrated_gradients", "occlusion_1", "shapley",
    "semivalue/banzhaf",
)  # fmt: skip
"""Rules of which mixtures are sought."""


@dataclass(frozen=True)
class ClosedForm:
    """A formula that fits.

    Attributes:
        text: The formula.
        error: Largest difference on the terms it was fitted on.
        held_back: Number of ratios it was checked on.
        held_back_error: Largest difference on these.
    """

    text: str
    error: float
    held_back: int
    held_back_error: float


def degree_factor(ratios: np.ndarray, tolerance: np.ndarray, kappas: np.ndarray) -> dict[int, float] | None:
    """Return m -> Q(m) if w_i(κ) = κ_i Q(|κ|) within the tolerance, else None.

    Args:
        ratios: Shape (M, n).
        tolerance: Shape (M, n).
        kappas: Shape (M, n).
    """
    orders, factors = kappas.sum(1), {}
    for m in range(1, int(orders.max()) + 1):
        rows = orders == m
        factor = float((ratios[rows] * kappas[rows]).sum() / np.square(kappas[rows]).sum())
        if (np.abs(ratios[rows] - factor * kappas[rows]) > tolerance[rows]).any():
            return None
        factors[m] = factor
    return factors


@functools.lru_cache(maxsize=8)
def _features(rows: tuple[tuple[int, ...], ...]) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Return names of the d_k, their values (D, E), numerators (3, E), for each κ and i in its support."""
    names = (
        "1", "m", "s", "κ_max", "Σκ²", "m²", "s²", "m·s", "2^(s-1)", "2^(m-1)", "κᵢ", "Πκ", "m!", "C(m+1, 2)",
        "C(s, 2)",
    )  # fmt: skip
    values, numerators = [], []
    for kappa in rows:
        m, s = sum(kappa), sum(k > 0 for k in kappa)
        for k in kappa:
            if k:
                values.append([
                    1, m, s, max(kappa), sum(v * v for v in kappa), m * m, s * s, m * s, 2 ** (s - 1),
                    2 ** (m - 1), k, math.prod(v for v in kappa if v), factorial((m,)), math.comb(m + 1, 2),
                    math.comb(s, 2),
                ])  # fmt: skip
                numerators.append([1, k, k * k])
    return names, np.array(values, dtype=float).T, np.array(numerators, dtype=float).T


def closed_form(
    ratios: np.ndarray, tolerance: np.ndarray, kappas: np.ndarray, random: np.random.Generator
) -> ClosedForm | None:
    """Return the shortest quotient that gives every ratio within its tolerance, or None.

    Two thirds of the ratios are fitted, the rest is looked at only by the formulas that fit.

    Args:
        ratios: Shape (M, n); those off the support must be 0.
        tolerance: Shape (M, n).
        kappas: Shape (M, n).
        random: Decides which ratios are held back.
    """
    inside = kappas > 0
    if (np.abs(ratios[~inside]) > tolerance[~inside]).any():
        return None
    names, values, numerators = _features(tuple(tuple(int(k) for k in row) for row in kappas))
    w, slack = ratios[inside], tolerance[inside]
    fitted = np.zeros(len(w), dtype=bool)
    fitted[random.permutation(len(w))[: max(1, 2 * len(w) // 3)]] = True
    for size in range(1, MOST_DENOMINATOR_TERMS + 1):
        for group in itertools.combinations(range(len(names)), size):
            for numerator_name, numerator in zip(NUMERATORS, numerators, strict=True):
                system = w * values[list(group)]
                coefficients = _rounded(system[:, fitted], numerator[fitted])
                if coefficients is None:
                    continue
                below = np.array([float(c) for c in coefficients]) @ values[list(group)]
                if (np.abs(below) < 1e-12).any():
                    continue
                error = np.abs(numerator / below - w)
                if (error <= slack).all():
                    text = _quotient(numerator_name, coefficients, [names[k] for k in group])
                    held_out = error[~fitted]
                    return ClosedForm(
                        text, float(error[fitted].max()), len(held_out), float(held_out.max(initial=0.0))
                    )
    return None


def _rounded(system: np.ndarray, wanted: np.ndarray) -> list[Fraction] | None:
    """Return least-squares coefficients as multiples of 1/12; None where they are no such or one is 0."""
    gram = system @ system.T
    if np.linalg.matrix_rank(gram) < len(gram):
        return None
    raw = np.linalg.solve(gram, system @ wanted)
    near = np.round(raw * COMMON_DENOMINATOR) / COMMON_DENOMINATOR
    if (
        not np.isfinite(raw).all()
        or (near == 0).any()
        or np.abs(raw - near).max() > FAR_FROM_ROUND / COMMON_DENOMINATOR
    ):
        return None
    return [Fraction(int(round(c * COMMON_DENOMINATOR)), COMMON_DENOMINATOR) for c in raw]


def _quotient(numerator: str, coefficients: Sequence[Fraction], names: Sequence[str]) -> str:
    """Return num/(Σ c d) as text, with whole coefficients."""
    common = math.lcm(*(c.denominator for c in coefficients))
    whole = [int(c * common) for c in coefficients]
    above = numerator if common == 1 else f"{common}·{numerator}"
    parts = [
        (f"{c}" if name == "1" else name if c == 1 else f"-{name}" if c == -1 else f"{c}·{name}")
        for c, name in zip(whole, names, strict=True)
    ]
    below = " + ".join(parts).replace("+ -", "- ")
    if below == "1":
        return above
    return f"{above}/{below}" if len(parts) == 1 and whole[0] == 1 else f"{above}/({below})"


def mixture(
    ratios: np.ndarray, tolerance: np.ndarray, kappas: np.ndarray, random: np.random.Generator
) -> tuple[dict[str, float], float] | None:
    """Return rule -> weight of a mixture of two known rules that gives every ratio, with its error, or None.

    The weights are fitted on two thirds of the terms and checked on all.

    Args:
        ratios: Shape (M, n).
        tolerance: Shape (M, n).
        kappas: Shape (M, n).
        random: Decides which terms are held back.
    """
    fitted = random.permutation(len(kappas))[: max(2, 2 * len(kappas) // 3)]
    tables = {name: RULES[name].ratios(kappas) for name in MIXED_RULES}
    for one, two in itertools.combinations(MIXED_RULES, 2):
        columns = np.stack([tables[one][fitted].ravel(), tables[two][fitted].ravel()], axis=1)
        weights, _, rank, _ = np.linalg.lstsq(columns, ratios[fitted].ravel(), rcond=None)
        if rank < 2:
            continue
        error = np.abs(weights[0] * tables[one] + weights[1] * tables[two] - ratios)
        if (error <= tolerance).all():
            return {one: float(weights[0]), two: float(weights[1])}, float(error.max())
    return None
