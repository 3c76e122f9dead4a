"""The Shapley–Taylor interaction index as a weighted sum of Möbius effects.

Statement: for |S| < k, STII(S) = δ_S v(∅) = J(S); for |S| = k,
STII(S) = (k/n) Σ_{T⊆N∖S} δ_S v(T)/C(n−1, t) = Σ_{T⊇S} J(T)/C(t, k).

Hypotheses: none on v; 1 ≤ k ≤ n.

Source: eq. (62), T4; definition of Sundararajan, Dhamdhere, Agarwal, arXiv 1902.05622.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.binomials import beta_integral, binomial_theorem
from proofs.games import (
    EMPTY,
    Coalition,
    Game,
    discrete_derivative,
    effects,
    everyone,
    game,
    label,
    subsets,
)
from proofs.theorem import Number, Step, Theorem


def defined(v: Game, S: Coalition, n: int) -> sp.Expr:
    """Return the index of highest order, |S| = k, by its definition."""
    k = len(S)
    terms = (discrete_derivative(v, S, T) / sp.binomial(n - 1, len(T)) for T in subsets(everyone(n) - S))
    return sp.Rational(k, n) * sp.Add(*terms)


def claimed(t: Number, k: Number) -> sp.Expr:
    """Return c(k, t) = 1/C(t, k)."""
    return 1 / sp.binomial(t, k)


def prove(coefficient: Callable[..., sp.Expr] = claimed) -> Iterator[Step]:
    """The weight of J(S∪R) as a beta integral, then all indices of all games with n ≤ 4."""
    n, k, r, t = sp.symbols("n k r t", integer=True, positive=True)

    def beta(a: Number, b: Number) -> sp.Expr:
        return sp.factorial(a) * sp.factorial(b) / sp.factorial(a + b + 1)  # ∫₀¹ p^a (1−p)^b dp

    # The weight of J(S∪R), |R| = r: (k/n) Σ_{T⊇R} 1/C(n−1, t) = k ∫ Σ_j C(m, j) p^{r+j} (1−p)^{m−j}
    # (1−p)^{k−1} dp with m = n−k−r. The sum in the integral is p^r (p + 1−p)^m = p^r by the binomial theorem.
    yield from beta_integral()
    yield Step("1/(n C(n−1, t)) is a beta integral", 1 / (n * sp.binomial(n - 1, t)), beta(t, n - 1 - t))
    yield from binomial_theorem()
    yield Step("the weight of J(S∪R): k ∫ p^r (1−p)^{k−1} dp", k * beta(r, k - 1), coefficient(k + r, k))
    for size in range(1, 5):
        v = game(size)
        J = effects(v)
        for S in subsets(everyone(size))[1:]:
            yield Step(f"n = {size}: δ of {label(S)} at ∅", discrete_derivative(v, S, EMPTY), J[S])
            stated = sp.Add(*(coefficient(len(T), len(S)) * J[T] for T in J if T >= S))
            yield Step(f"n = {size}, k = {len(S)}: index of {label(S)}", defined(v, S, size), stated)


THEOREM = Theorem(
    name="shapley_taylor_index",
    statement="STII(S) = J(S) for s < k;  Σ_{T⊇S} J(T)/C(t, k) for s = k",
    source="(62), T4",
    covers="the weight of J(T) for symbolic k, t, n; all indices and values for n ≤ 4",
    lifts="δ_S v(T) = Σ_{R⊆T} J(S∪R) is mobius_inversion: every n",
    prove=prove,
)
