"""Shapley is the only semivalue that hands out every effect exactly once.

Statement: the map from the weights p_0, …, p_{n−1} of a semivalue to the shares w_1, …, w_n is
invertible, p_t = Σ_j (−1)^j C(n−1−t, j) w_{t+1+j}. So s w_s = 1 for all s (C3) holds for one p alone: p_t
= t! (n−1−t)!/n!. For WeightedSHAP, p_t = ω_{t+1}/(n C(n−1, t)), w_1 is the mean of ω.

Hypotheses: none on v; p any weights.

Source: eq. (63), (27), (11).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sympy as sp

from proofs.binomials import alternating_sum, beta_integral
from proofs.semivalues import share
from proofs.theorem import Number, Step, Theorem


def shapley_weight(t: Number, n: Number) -> sp.Expr:
    """Return t! (n−1−t)!/n!."""
    return sp.factorial(t) * sp.factorial(n - 1 - t) / sp.factorial(n)


def inverse(t: int, n: int, w: Mapping[int, Any]) -> sp.Expr:
    """Return Σ_j (−1)^j C(n−1−t, j) w_{t+1+j}."""
    return sp.Add(*(sp.Integer(-1) ** j * sp.binomial(n - 1 - t, j) * w[t + 1 + j] for j in range(n - t)))


def prove(weight: Callable[[Number, Number], sp.Expr] = shapley_weight) -> Iterator[Step]:
    """The inverse for n ≤ 7; its value at w_s = 1/s for symbolic n and t."""
    for n in range(1, 8):
        p, w = sp.symbols(f"p0:{n}"), {s: sp.Symbol(f"w{s}") for s in range(1, n + 1)}
        shares = {s: share(s, n, p) for s in w}
        for t in range(n):
            yield Step(f"n = {n}: p_{t} from the shares", inverse(t, n, shares), p[t])
        back = [inverse(t, n, w) for t in range(n)]
        for s in w:
            yield Step(f"n = {n}: w_{s} from the weights", share(s, n, back), w[s])
        complete = {s: sp.Rational(1, s) for s in w}
        for t in range(n):
            yield Step(f"n = {n}: C3 leaves one p_{t}", inverse(t, n, complete), weight(t, n))
        omega = sp.symbols(f"omega1:{n + 1}")
        uneven = [omega[t] / (n * sp.binomial(n - 1, t)) for t in range(n)]
        yield Step(f"n = {n}: WeightedSHAP, w_1", share(1, n, uneven), sp.Add(*omega) / n)

    # Twice: C(n−s, a) C(n−s−a, j) = C(n−s, a+j) C(a+j, j), and Σ_j (−1)^j C(r, j) = 0 for r ≥ 1.
    yield from alternating_sum()
    m, a, j = sp.symbols("m a j", integer=True, nonnegative=True)
    yield Step(
        "the map and its inverse",
        sp.binomial(m, a) * sp.binomial(m - a, j),
        sp.binomial(m, a + j) * sp.binomial(a + j, j),
    )
    # Σ_j (−1)^j C(n−1−t, j)/(t+1+j) = ∫₀¹ p^t (1−p)^{n−1−t} dp.
    yield from beta_integral()
    r, k = sp.symbols("r k", integer=True, nonnegative=True)
    value = sp.factorial(r) * sp.factorial(k) / sp.factorial(r + k + 1)
    yield Step("C3 for symbolic n = r + k + 1 and t = r", weight(r, r + k + 1), value)


THEOREM = Theorem(
    name="shapley_among_semivalues",
    statement="p_t = Σ_j (−1)^j C(n−1−t, j) w_{t+1+j} inverts w_s = Σ_t C(n−s, t−s+1) p_t;  s w_s = 1 "
    "for all s ⇔ p_t = t! (n−1−t)!/n!",
    source="(63), (27)",
    covers="both compositions for symbolic weights, n ≤ 7; the one p for symbolic n and t",
    lifts="C(m, a) C(m−a, j) = C(m, a+j) C(a+j, j) and T12: the maps are inverse for every n",
    prove=prove,
)
