"""Shapley values share a coalition's effect equally, in either frame.

Statement: a_i = (1/n!) Σ over the orders of the players of v(those before i, and i) − v(those before i)
= Σ_{S∋i} J(S)/|S| = Σ_{S∋i} J^x(S)/|S|.

Hypotheses: none on v.

Source: eq. (27), (9), T3; Shapley 1953, Harsanyi 1963, Owen 1972 for the integral.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import permutations

import sympy as sp

from proofs.frame_of_coalition_effects import from_above
from proofs.games import Game, effects, everyone, game
from proofs.semivalues import share as semivalue
from proofs.smooth import Polynomial, support
from proofs.theorem import Number, Step, Theorem


def share(s: Number) -> sp.Expr:
    """Return 1/|S|."""
    return 1 / sp.sympify(s)


def value(v: Game, i: int) -> sp.Expr:
    """Return the mean of what i adds over all orders."""
    players = sorted(max(v, key=len))
    total = sp.Integer(0)
    for order in permutations(players):
        before = frozenset(order[: order.index(i)])
        total += v[before | {i}] - v[before]
    return total / math.factorial(len(players))


def prove(ratio: Callable[[Number], sp.Expr] = share) -> Iterator[Step]:
    """One coalition of symbolic size; arbitrary games over all orders; a polynomial.

    Args:
        ratio: The weight of J(S), i ∈ S, from |S|, a symbol or an integer; the same in both frames.

    Yields:
        The steps.
    """
    # Arrival times independent and uniform on [0, 1]: i completes S if the other s−1 come before it.
    s = sp.Symbol("s", integer=True, positive=True)
    p, others = sp.symbols("p others", positive=True)
    primitive = p**s / s
    yield Step("T3: a primitive of p^{s−1}", sp.diff(primitive, p), p ** (s - 1))
    yield Step("T3: ∫₀¹ p^{s−1} dp", primitive.subs(p, 1) - primitive.subs(p, 0), ratio(s))
    yield Step("the extension p^S of a unanimity game, along p = (p, …, p)", sp.diff(p * others, p), others)
    for n in range(1, 7):
        weights = [sp.Rational(1, n) / sp.binomial(n - 1, t) for t in range(n)]
        for size in range(1, n + 1):
            yield Step(f"n = {n}, s = {size}: by coalitions", semivalue(size, n, weights), ratio(size))

    for n in range(1, 5):
        N, v = everyone(n), game(n)
        J = effects(v)
        other = {S: from_above(J, S) for S in J if S}
        for i in N:
            direct = value(v, i)
            for frame, table in (("baseline", J), ("input", other)):
                stated = sp.Add(*(ratio(len(S)) * effect for S, effect in table.items() if i in S))
                yield Step(f"n = {n}: a_{i} over all orders, frame {frame}", direct, stated)

    f = Polynomial(3, 4)
    for i in everyone(3):
        direct = value(f.game(), i)
        for frame, table in (("baseline", f.effects()), ("input", f.effects_from_the_input())):
            stated = sp.Add(
                *(ratio(len(support(k))) * effect for k, effect in table.items() if i in support(k))
            )
            yield Step(f"n = 3, order ≤ 4: a_{i} from Taylor effects, frame {frame}", direct, stated)


THEOREM = Theorem(
    name="shapley",
    statement="a_i = Σ_{S∋i} J(S)/|S| = Σ_{S∋i} J^x(S)/|S|",
    source="(27), (9), T3",
    covers="one coalition of symbolic size; all values over all orders for n ≤ 4, in both frames; all "
    "Taylor coefficients of order ≤ 4, n = 3",
    lifts="in a random order every member of S is its last with the same chance: every n; linearity in v",
    prove=prove,
)
