"""Small polynomials between b = 0 and an integer input, by size, and their effects by derivatives."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import sympy as sp

from proofs.games import Coalition
from proofs.refutations.refutation import Size
from proofs.smooth import MultiIndex, multi_indices, support, up_to

Y: tuple[sp.Symbol, ...] = sp.symbols("y1:4")
"""Variables, three at most."""

INPUTS = (1, -1, 2, -2)
COEFFICIENTS = (1, -1, 2, -2, 3, -3)
ORDER = 4

POWERS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class Setting:
    """A polynomial, the input it is seen from, and the frame of its effects; the baseline is 0.

    Attributes:
        size: What settings are ordered by.
        says: The polynomial and the input.
        f: The polynomial in `Y`.
        x: The input.
        frame: ``baseline`` or ``input``.
        part: Variables of its effects.
        degree: Its degree.
    """

    size: Size
    says: str
    f: sp.Expr
    x: tuple[int, ...]
    frame: str
    part: Coalition
    degree: int

    @property
    def y(self) -> tuple[sp.Symbol, ...]:
        """Variables."""
        return Y[: len(self.x)]

    def effects(self) -> dict[MultiIndex, sp.Expr]:
        """Return the effects that are not 0, by derivatives at the baseline or the input: eq. (1), (6)."""
        return effects(self.f, self.y, self.x, self.frame, self.degree)


def effects(
    f: sp.Expr, y: Sequence[sp.Symbol], x: Sequence[int], frame: str, degree: int
) -> dict[MultiIndex, sp.Expr]:
    """Return I(κ) = ∂^κ f(0) x^κ/κ!, or I^x(κ) = (−1)^{m+1} ∂^κ f(x) x^κ/κ!, where they are not 0."""
    at: dict[Any, Any] = dict(zip(y, x if frame == "input" else [0] * len(x), strict=True))
    found = {}
    for kappa in up_to(len(y), degree):
        slope = f
        for variable, times in zip(y, kappa, strict=True):
            slope = sp.diff(slope, variable, times)
        sign = -1 if frame == "input" and sum(kappa) % 2 == 0 else 1
        step = math.prod(a**k for a, k in zip(x, kappa, strict=True))
        value = sign * slope.subs(at) * step / sp.Integer(math.prod(map(math.factorial, kappa)))
        if value != 0:
            found[kappa] = value
    return found


def monomial(kappa: Sequence[int], frame: str = "baseline") -> str:
    """Return x₁²x₂, or (y₁−x₁)²(y₂−x₂) in frame input."""
    parts = []
    for i, power in enumerate(kappa, start=1):
        index = str(i).translate(SUBSCRIPTS)
        letter = f"x{index}" if frame == "baseline" else f"(y{index}−x{index})"
        if power:
            parts.append(letter + (str(power).translate(POWERS) if power > 1 else ""))
    return "".join(parts)


def vector(values: Sequence[object]) -> str:
    """Return (1, −2)."""
    return "(" + ", ".join(map(str, values)).replace("-", "−") + ")"


def power(kappa: Sequence[int], x: Sequence[int], frame: str) -> sp.Expr:
    """Return y^κ, or (y − x)^κ, which has one effect in frame input."""
    start = x if frame == "input" else [0] * len(x)
    return sp.Mul(*((v - a) ** k for v, a, k in zip(Y, start, kappa, strict=False)))


def terms(
    frame: str = "baseline", inputs: Sequence[int] = INPUTS, signs: Sequence[int] = (1,)
) -> Iterator[Setting]:
    """Iterate over polynomials with one effect: by players n, order m, |supp κ|, Σ|x|.

    Args:
        frame: Frame in which there is one effect.
        inputs: Entries of x.
        signs: Coefficients of the monomial.

    Yields:
        n ≤ 3, m ≤ 4, every κ of that order and every x.
    """
    for n, m in product(range(1, len(Y) + 1), range(1, ORDER + 1)):
        found = []
        for kappa, x, sign in product(multi_indices(n, m), product(inputs, repeat=n), signs):
            part = support(kappa)
            words = f"{'−' if sign < 0 else ''}{monomial(kappa, frame)} at {vector(x)}"
            size = (n, m, len(part), sum(map(abs, x)))
            found.append((size, words, kappa, x, sign, part))
        for size, words, kappa, x, sign, part in sorted(found, key=lambda entry: entry[0]):
            yield Setting(size, words, sign * power(kappa, x, frame), x, frame, part, m)


def sums(frame: str = "baseline") -> Iterator[Setting]:
    """Iterate over sums of one and two terms in x_1: by order m, number of terms, Σ|c| + |x|.

    Yields:
        n = 1, m ≤ 4, coefficients ±1, ±2, ±3, those with f(x) = f(0) left out.
    """
    for m, count in product(range(1, ORDER + 1), (1, 2)):
        found = []
        for lower in combinations(range(1, m), count - 1):
            for x, weights in product(INPUTS, product(COEFFICIENTS, repeat=count)):
                exponents = (*lower, m)
                start = x if frame == "input" else 0
                f = sum(c * (Y[0] - start) ** k for c, k in zip(weights, exponents, strict=True))
                other = 0 if frame == "input" else x
                if sum(c * (other - start) ** k for c, k in zip(weights, exponents, strict=True)):
                    size = (1, m, count, sum(map(abs, weights)) + abs(x))
                    found.append((size, weights, exponents, x, f))
        for size, weights, exponents, x, f in sorted(found, key=lambda entry: entry[0]):
            words = " + ".join(
                f"{'' if c == 1 else c}{monomial((k,), frame)}"
                for c, k in zip(weights, exponents, strict=True)
            )
            words = words.replace("-1x", "-x").replace("-1(", "-(").replace("+ -", "− ").replace("-", "−")
            yield Setting(size, f"{words} at ({x})".replace("-", "−"), f, (x,), frame, support((1,)), m)
