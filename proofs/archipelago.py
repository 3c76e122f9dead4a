"""Archipelago's two second differences are effects of the two frames, and its score is a sum of effects.

Statement: v({i,j}) − v({i}) − v({j}) + v(∅) = J({i,j}); the same difference at the input, v(N) − v(N∖i) −
v(N∖j) + v(N∖{i,j}), is Σ_{S⊇{i,j}} J(S) = −J^x({i,j}). ArchAttribute(S) = v(S) − v(∅) = Σ_{∅≠T⊆S} J(T).

Hypotheses: none on v.

Source: eq. (66), (8), (3); the method is that of Tsang, Rambhatla, Liu, arXiv 2006.10965.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

import sympy as sp

from proofs.binomials import alternating_sum
from proofs.frame_of_coalition_effects import from_above
from proofs.games import EMPTY, Coalition, discrete_derivative, effects, everyone, game, label, subsets
from proofs.theorem import Step, Theorem


def contains(pair: Coalition, S: Coalition) -> sp.Expr:
    """Return 1[{i, j} ⊆ S], the weight of J(S) in the difference at the input."""
    return sp.Integer(pair <= S)


def prove(at_the_input: Callable[[Coalition, Coalition], sp.Expr] = contains) -> Iterator[Step]:
    """All values for n ≤ 5."""
    # In the difference at the input J(R) is counted Σ_{W ⊆ {i,j}∖R} (−1)^{|W|} times: 0 unless {i, j} ⊆ R.
    yield from alternating_sum()
    for n in range(2, 6):
        N, v = everyone(n), game(n)
        J = effects(v)
        for pair in map(frozenset, combinations(sorted(N), 2)):
            name = f"n = {n}, {{{label(pair)}}}"
            yield Step(f"{name}: at the baseline", discrete_derivative(v, pair, EMPTY), J[pair])
            difference = discrete_derivative(v, pair, N - pair)
            stated = sp.Add(*(at_the_input(pair, S) * effect for S, effect in J.items() if S))
            yield Step(f"{name}: at the input", difference, stated)
            yield Step(f"{name}: an OR-effect", difference, -from_above(J, pair))
        for S in subsets(N)[1:]:
            inside = sp.Add(*(J[T] for T in subsets(S)[1:]))
            yield Step(f"n = {n}: ArchAttribute({label(S)})", v[S] - v[EMPTY], inside)


THEOREM = Theorem(
    name="archipelago",
    statement="second difference at b: J({i,j}); at x: Σ_{S⊇{i,j}} J(S) = −J^x({i,j});  v(S) − v(∅) = "
    "Σ_{∅≠T⊆S} J(T)",
    source="(66), (8)",
    covers="all values for n ≤ 5",
    lifts="the counts depend on |{i,j}∖R| only: every n",
    prove=prove,
)
