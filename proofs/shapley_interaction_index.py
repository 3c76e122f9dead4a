"""The Shapley interaction index as a weighted sum of Möbius effects.

Statement: Σ_{T⊆N∖S} t!(n−s−t)!/(n−s+1)! · δ_S v(T) = Σ_{T⊇S} J(T)/(t−s+1), where δ_S v is the discrete
derivative.

Hypotheses: none on v; S ≠ ∅.

Source: eq. (62), T3; definition of Grabisch, Roubens (1999).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.binomials import hockey_stick
from proofs.games import Coalition, Game, discrete_derivative, effects, everyone, game, label, subsets
from proofs.theorem import Number, Step, Theorem


def defined(v: Game, S: Coalition, n: int) -> sp.Expr:
    """Return the index by its definition."""
    q = n - len(S)
    return sp.Add(
        *(
            sp.factorial(len(T))
            * sp.factorial(q - len(T))
            / sp.factorial(q + 1)
            * discrete_derivative(v, S, T)
            for T in subsets(everyone(n) - S)
        )
    )


def claimed(s: Number, t: Number) -> sp.Expr:
    """Return c(s, t) = 1/(t−s+1)."""
    return sp.Integer(1) / (t - s + 1)


def prove(coefficient: Callable[..., sp.Expr] = claimed) -> Iterator[Step]:
    """The weight of J(S∪R) for symbolic sizes, then all indices of all games with n ≤ 4."""
    s, r, m, j = sp.symbols("s r m j", integer=True, positive=True)
    # δ_S v(T) = Σ_{R⊆T} J(S∪R). With |R| = r and m = n−s−r, C(m, j) of the T ⊇ R have size r+j.
    weight = sp.factorial(r + j) * sp.factorial(m - j) / sp.factorial(r + m + 1)
    outside = sp.factorial(m) * sp.factorial(r) / sp.factorial(r + m + 1)
    yield Step("one term", sp.binomial(m, j) * weight, outside * sp.binomial(r + j, j))
    yield from hockey_stick()
    whole = outside * sp.binomial(r + m + 1, m)
    yield Step("the weight of J(S∪R)", whole, coefficient(s, s + r))
    p = sp.Symbol("p", positive=True)
    yield Step("the same, by chance: ∫₀¹ p^{t−s} dp", sp.integrate(p**r, (p, 0, 1)), coefficient(s, s + r))
    for n in range(1, 5):
        v = game(n)
        J = effects(v)
        for S in subsets(everyone(n))[1:]:
            stated = sp.Add(*(coefficient(len(S), len(T)) * J[T] for T in J if T >= S))
            yield Step(f"n = {n}: index of {label(S)}", defined(v, S, n), stated)


THEOREM = Theorem(
    name="shapley_interaction_index",
    statement="SII(S) = Σ_{T⊇S} J(T)/(t−s+1)",
    source="(62), T3",
    covers="the weight of J(T) for symbolic s, t, n; all indices and values for n ≤ 4",
    lifts="δ_S v(T) = Σ_{R⊆T} J(S∪R) is mobius_inversion: every n",
    prove=prove,
)
