"""Games with a symbol for every coalition, and the sums over coalitions that definitions are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain, combinations
from typing import TypeAlias

import sympy as sp

Coalition: TypeAlias = frozenset[int]
Game: TypeAlias = Mapping[Coalition, sp.Expr]

EMPTY: Coalition = frozenset()


def subsets(coalition: Coalition) -> list[Coalition]:
    """Return every T ⊆ S, by size."""
    players = sorted(coalition)
    found = chain.from_iterable(combinations(players, r) for r in range(len(players) + 1))
    return [frozenset(members) for members in found]


def everyone(n: int) -> Coalition:
    """Return N = {1, …, n}."""
    return frozenset(range(1, n + 1))


def label(coalition: Coalition) -> str:
    """Return ∅, 1, 12, … ."""
    return "".join(map(str, sorted(coalition))) or "∅"


def game(n: int, letter: str = "v") -> Game:
    """Return a game of n players whose 2ⁿ values are independent symbols."""
    return {T: sp.Symbol(f"{letter}({label(T)})") for T in subsets(everyone(n))}


def alternating(s: int, t: int) -> sp.Expr:
    """Return (−1)^{s−t}, the sign of v(T) in J(S)."""
    return sp.Integer(-1) ** (s - t)


def mobius(v: Game, S: Coalition, sign: Callable[[int, int], sp.Expr] = alternating) -> sp.Expr:
    """Return J(S) = Σ_{T⊆S} (−1)^{|S|−|T|} v(T) as the sum that eq. (3) writes."""
    return sp.Add(*(sign(len(S), len(T)) * v[T] for T in subsets(S)))


def effects(v: Game) -> Game:
    """Return J(S) for every S."""
    return {S: mobius(v, S) for S in v}


def unanimity(n: int, R: Coalition) -> Game:
    """Return the game with J(R) = 1 and no other effect: v(T) = 1[R ⊆ T]."""
    return {T: sp.Integer(R <= T) for T in subsets(everyone(n))}


def discrete_derivative(v: Game, S: Coalition, T: Coalition) -> sp.Expr:
    """Return δ_S v(T) = Σ_{W⊆S} (−1)^{|S|−|W|} v(T ∪ W) for T disjoint from S."""
    return sp.Add(*(alternating(len(S), len(W)) * v[T | W] for W in subsets(S)))


def pairs(n: int) -> Iterator[tuple[Coalition, Coalition]]:
    """Yield (S, R) for every nonempty S and every R ⊇ S."""
    for S in subsets(everyone(n))[1:]:
        for R in subsets(everyone(n) - S):
            yield S, S | R
