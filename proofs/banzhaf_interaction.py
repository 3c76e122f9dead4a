"""The Banzhaf interaction index as a weighted sum of Möbius effects.

Statement: 2^{−(n−s)} Σ_{T⊆N∖S} δ_S v(T) = Σ_{T⊇S} 2^{−(t−s)} J(T), where δ_S v is the discrete
derivative. For s = 1 it is the Banzhaf value.

Hypotheses: none on v; S ≠ ∅.

Source: eq. (62), (63); definition of Grabisch, Roubens (1999).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.binomials import binomial_theorem
from proofs.games import discrete_derivative, effects, everyone, game, label, subsets
from proofs.theorem import Number, Step, Theorem


def claimed(s: Number, t: Number) -> sp.Expr:
    """Return c(s, t) = 2^{−(t−s)}."""
    return sp.Integer(2) ** (s - t)


def prove(coefficient: Callable[..., sp.Expr] = claimed) -> Iterator[Step]:
    """The weight of J(S∪R) for symbolic sizes, then all indices of all games with n ≤ 4."""
    s, r, m = sp.symbols("s r m", integer=True, positive=True)
    # δ_S v(T) = Σ_{R⊆T} J(S∪R). With |R| = r, n − s = r + m, there are Σ_j C(m, j) = 2^m sets T ⊇ R.
    yield from binomial_theorem()
    two = sp.Integer(2)
    yield Step("the weight of J(S∪R)", two**m / two ** (r + m), coefficient(s, s + r))
    yield Step("s = 1: the Banzhaf value", coefficient(1, 1 + r), two**-r)
    for n in range(1, 5):
        v = game(n)
        J = effects(v)
        for S in subsets(everyone(n))[1:]:
            free = subsets(everyone(n) - S)
            defined = sp.Add(*(discrete_derivative(v, S, T) for T in free)) / len(free)
            stated = sp.Add(*(coefficient(len(S), len(T)) * J[T] for T in J if T >= S))
            yield Step(f"n = {n}: index of {label(S)}", defined, stated)


THEOREM = Theorem(
    name="banzhaf_interaction",
    statement="2^{−(n−s)} Σ_{T⊆N∖S} δ_S v(T) = Σ_{T⊇S} 2^{−(t−s)} J(T)",
    source="(62), (63)",
    covers="the weight of J(T) for symbolic s, t, n; all indices and values for n ≤ 4",
    lifts="δ_S v(T) = Σ_{R⊆T} J(S∪R) is mobius_inversion: every n",
    prove=prove,
)
