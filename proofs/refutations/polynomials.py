"""Small polynomials between b = 0 and an integer input, by size; their effects, and the criteria as claims.

A method is refuted on them in three ways: `once` (C3), `nobody_outside` (C2) and `somebody` (C1) are the
claims that the criteria make about a method, one case for every polynomial of a family.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, product
from typing import Any, TypeAlias

import sympy as sp

from proofs.games import Coalition
from proofs.refutations.refutation import Case, Finding, Size, VerdictKey, cells
from proofs.smooth import MultiIndex, multi_indices, support, up_to
from proofs.theorem import Number

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


Method: TypeAlias = Callable[[sp.Expr, Sequence[sp.Symbol], Sequence[int]], Sequence[sp.Expr]]
"""f, its variables and the input -> a_1, …, a_n against the baseline 0."""

Settings: TypeAlias = Callable[[], Iterable[Setting]]
"""A family of polynomials, from its start."""

IN_FRAME_INPUT: Settings = partial(terms, "input")

BY_SIZE = "n ≤ 3, m ≤ 4, entries of x ±1 and ±2, by n, m, |supp κ|, Σ|x|"
TERMS = f"terms y^κ, {BY_SIZE}"
TERMS_OF_FRAME_INPUT = f"terms (y − x)^κ, {BY_SIZE}"
SUMS = (
    "sums of one and two powers of x_1, m ≤ 4, coefficients ±1, ±2, ±3, x_1 ±1, ±2, by m, terms, Σ|c| + |x|"
)
"""What the families hold, for a reader of the table."""

REACHED_AND_ONCE = (
    "an effect of frame input reaches somebody, Σ|a_i| ≠ 0, and is handed out once, Σ a_i = I^x(κ)"
)


def complete(method: Method, settings: Settings) -> Iterator[Case]:
    """C3: the one effect is handed out once, Σ_i a_i = Σ_κ I(κ)."""
    for s in settings():
        yield Case(s.size, s.says, sp.Add(*method(s.f, s.y, s.x)), sp.Add(*s.effects().values()))


def no_leak(method: Method, settings: Settings) -> Iterator[Case]:
    """C2: who has no part in the effects gets nothing, a_i = 0."""
    for s in settings():
        scores = method(s.f, s.y, s.x)
        for i in range(1, len(s.x) + 1):
            if i not in s.part:
                yield Case(s.size, f"{s.says}, a_{i}", scores[i - 1], sp.Integer(0))


def covered(method: Method, settings: Settings) -> Iterator[Case]:
    """C1: an effect that is not 0 reaches somebody, Σ_i |a_i| ≠ 0."""
    for s in settings():
        if sp.Add(*s.effects().values()) != 0:
            total = sp.Add(*(sp.Abs(a) for a in method(s.f, s.y, s.x)))
            yield Case(s.size, s.says, total, sp.Integer(0))


def once(
    method: Method,
    witness: str,
    left: Number,
    right: Number,
    *,
    settings: Settings = terms,
    claim: str = "Σ a_i = I(κ)",
    refutes: tuple[VerdictKey, ...] = (),
) -> Finding:
    """Return that a method does not hand out each effect of a family once."""
    cases = partial(complete, method=method, settings=settings)
    return Finding(claim, cases, witness, left, right, True, refutes)


def nobody_outside(
    method: Method,
    witness: str,
    left: Number,
    *,
    settings: Settings = terms,
    claim: str = "a_i = 0 if κ_i = 0",
    refutes: tuple[VerdictKey, ...] = (),
) -> Finding:
    """Return that a method gives something to a variable that has no part in the effect."""
    cases = partial(no_leak, method=method, settings=settings)
    return Finding(claim, cases, witness, left, 0, True, refutes)


def somebody(
    method: Method,
    witness: str,
    *,
    settings: Settings = terms,
    claim: str = "Σ|a_i| ≠ 0",
    refutes: tuple[VerdictKey, ...] = (),
    limits: tuple[VerdictKey, ...] = (),
) -> Finding:
    """Return that a method gives nothing to anybody of an effect that is not 0."""
    cases = partial(covered, method=method, settings=settings)
    return Finding(claim, cases, witness, 0, 0, False, refutes, limits)


def dropped_in_frame_input(method: Method, witness: str, rule: str) -> tuple[Finding, Finding]:
    """Return that a term of frame input, with I^x(κ) = −1, reaches nobody, and so is not handed out once."""
    return (
        somebody(
            method, witness, settings=IN_FRAME_INPUT, refutes=cells(rule, "input", "C1 term", "C1 effect")
        ),
        once(
            method,
            witness,
            0,
            -1,
            settings=IN_FRAME_INPUT,
            claim="Σ a_i = I^x(κ)",
            refutes=cells(rule, "input", "C3"),
        ),
    )
