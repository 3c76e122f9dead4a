"""The rules w² and z^B of Deep Taylor share every effect alike, whoever has a part in it.

2x_1 + x_2 at (1, 1): w² gives (12/5, 3/5), and ψ = (2, 1). 2x_1 − x_2 at (1, 1): z^B on the box [0, 4] gives
(2/5, 3/5), and ψ = (2, −1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product

import sympy as sp

from proofs.refutations.polynomials import INPUTS, vector
from proofs.refutations.refutation import Case, Finding, Refutation, cells

LOW, HIGH = 0, 4
"""The box of z^B."""

Shares = Callable[[Sequence[int], Sequence[int]], Sequence[int]]
"""Weights and inputs -> numbers in proportion to which σ(z) is shared."""


def squares(w: Sequence[int], x: Sequence[int]) -> Sequence[int]:
    """Return w_i²."""
    return [a * a for a in w]


def in_the_box(w: Sequence[int], x: Sequence[int]) -> Sequence[int]:
    """Return x_i w_i − l w_i⁺ − h w_i⁻."""
    return [a * b - LOW * max(a, 0) - HIGH * min(a, 0) for a, b in zip(w, x, strict=True)]


def contributions(w: Sequence[int], x: Sequence[int]) -> Sequence[int]:
    """Return w_i x_i, which shares as LRP-0 and Integrated Gradients do."""
    return [a * b for a, b in zip(w, x, strict=True)]


def cases(method: Shares) -> Iterator[Case]:
    """Every active linear unit."""
    for n in (1, 2):
        found = [(w, x) for w in product(INPUTS, repeat=n) for x in product((1, 2), repeat=n)]
        for w, x in sorted(
            found, key=lambda e: (sum(map(abs, e[0])) + sum(e[1]), [-a for a in (*e[0], *e[1])])
        ):
            own = contributions(w, x)
            if sum(own) > 0:
                parts = method(w, x)
                for i in range(n):
                    says = f"w = {vector(w)}, x = {vector(x)}, R_{i + 1}"
                    passed = sp.Rational(parts[i], sum(parts)) * sum(own)
                    yield Case((n, 1, sum(map(abs, w)) + sum(x)), says, passed, sp.Integer(own[i]))


REFUTATION = Refutation(
    name="deep_taylor_first_layer_leaks",
    title="The rules w² and z^B of Deep Taylor share every effect alike, whoever has a part in it.",
    claim="a linear unit, σ(z) = Σ w_i x_i, gives each input its own effect, R_i = ψ_i = w_i x_i",
    hypotheses="c = 0, z > 0, x_i 1 or 2; the shares add up to 1",
    statement="w²: 2x_1 + x_2 at (1, 1): R = (12/5, 3/5), and ψ = (2, 1);  z^B on [0, 4]: 2x_1 − x_2: R = "
    "(2/5, 3/5)",
    source="(37)",
    covers="linear units, n ≤ 2, w_i ±1, ±2, x_i 1 or 2, by n, Σ|w| + Σ x",
    lifts="the shares do not depend on κ, so a term without x_i reaches input i as well",
    findings=(
        Finding(
            claim="R_i = ψ_i, w²",
            cases=partial(cases, method=squares),
            witness="w = (2, 1), x = (1, 1), R_1",
            left=sp.Rational(12, 5),
            right=2,
            refutes=cells("deep_taylor/w2", "baseline", "C2"),
        ),
        Finding(
            claim="R_i = ψ_i, z^B",
            cases=partial(cases, method=in_the_box),
            witness="w = (2, −1), x = (1, 1), R_1",
            left=sp.Rational(2, 5),
            right=2,
            refutes=cells("deep_taylor/z_B", "baseline", "C2"),
        ),
    ),
)
