"""The chaining interaction index as a weighted sum of Möbius effects.

Statement: Σ_{T⊆N∖S} s (n−s−t)!(s+t−1)!/n! · δ_S v(T) = Σ_{T⊇S} (s/t) J(T), where δ_S v is the discrete
derivative. For s = 1 it is the Shapley value.

Hypotheses: none on v; S ≠ ∅.

Source: eq. (77); definition of Marichal, Roubens (1999): the mean over all orders of the players of δ_S v at
those who stand before the last of S and are not of S.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.binomials import hockey_stick
from proofs.games import discrete_derivative, effects, everyone, game, label, subsets
from proofs.theorem import Number, Step, Theorem


def weight(s: Number, t: Number, n: Number) -> sp.Expr:
    """Return s (n−s−t)!(s+t−1)!/n!."""
    return s * sp.factorial(n - s - t) * sp.factorial(s + t - 1) / sp.factorial(n)


def claimed(s: Number, t: Number) -> sp.Expr:
    """Return c(s, t) = s/t."""
    return sp.sympify(s) / t


def prove(coefficient: Callable[..., sp.Expr] = claimed) -> Iterator[Step]:
    """The weight of J(S∪R) for symbolic sizes, then all indices of all games with n ≤ 4."""
    s, r, m, j = sp.symbols("s r m j", integer=True, positive=True)
    # δ_S v(T) = Σ_{R⊆T} J(S∪R). With |R| = r and m = n−s−r, C(m, j) of the T ⊇ R have size r+j.
    n = s + r + m
    outside = s * sp.factorial(m) * sp.factorial(s + r - 1) / sp.factorial(n)
    one = sp.binomial(m, j) * weight(s, r + j, n)
    yield Step("one term", one, outside * sp.binomial(s + r - 1 + j, j))
    yield from hockey_stick()
    yield Step("the weight of J(S∪R)", outside * sp.binomial(n, m), coefficient(s, s + r))
    yield Step("s = 1: the Shapley value", coefficient(1, 1 + r), 1 / (1 + r))
    for players in range(1, 5):
        v = game(players)
        J = effects(v)
        for S in subsets(everyone(players))[1:]:
            defined = sp.Add(
                *(
                    weight(len(S), len(T), players) * discrete_derivative(v, S, T)
                    for T in subsets(everyone(players) - S)
                )
            )
            stated = sp.Add(*(coefficient(len(S), len(T)) * J[T] for T in J if T >= S))
            yield Step(f"n = {players}: index of {label(S)}", defined, stated)


THEOREM = Theorem(
    name="chaining_index",
    statement="Σ_{T⊆N∖S} s(n−s−t)!(s+t−1)!/n! δ_S v(T) = Σ_{T⊇S} (s/t) J(T)",
    source="(77)",
    covers="the weight of J(T) for symbolic s, t, n; all indices for n ≤ 4",
    lifts="δ_S v(T) = Σ_{R⊆T} J(S∪R) is mobius_inversion: every n",
    prove=prove,
)
