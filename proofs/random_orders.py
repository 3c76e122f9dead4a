"""Marginal contributions along random orders give each effect to its last member.

Statement: let the players join in an order drawn from any distribution, and let a_i be the mean of
v(T∪i) − v(T), T those before i. Then a_i = Σ_{S∋i} P(i is the last of S) J(S): C2 holds, and C3, since one
member of S is the last. Drawn from the end in proportion to λ, an order gives λ_i/Σ_S λ; stage by stage
1/#(members of the latest stage of S) for those; groups after one another, inside each at random,
1/(#groups in S · #members of S in the group of i).

Hypotheses: λ_i > 0.

Source: eq. (72), (3), (11); Shapley 1953, Kalai & Samet 1987, Owen 1977; Frye, Rowat & Feige,
arXiv 1910.06358.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations

import sympy as sp

from proofs.games import Coalition, effects, everyone, game, label, subsets
from proofs.theorem import Step, Theorem

Order = tuple[int, ...]
Law = Mapping[Order, sp.Expr]
"""Order -> its probability."""


def last_of(order: Order, S: Coalition) -> int:
    """Return the member of S that joins last."""
    return max(S, key=order.index)


def by_weight(i: int, S: Coalition, weights: Mapping[int, sp.Expr]) -> sp.Expr:
    """Return λ_i/Σ_S λ."""
    return weights[i] / sp.Add(*(weights[j] for j in S))


def chance(law: Law, receives: Callable[[Order, Coalition], int], i: int, S: Coalition) -> sp.Expr:
    """Return the probability that i receives the effect of S."""
    return sp.Add(*(p for order, p in law.items() if receives(order, S) == i))


def drawn_from_the_end(weights: Mapping[int, sp.Expr]) -> Law:
    """Return Π_k λ_{π_k}/(λ_{π_1} + … + λ_{π_k}): the last is drawn first, in proportion to λ."""
    law = {}
    for order in permutations(sorted(weights)):
        ends = [order[: k + 1] for k in range(len(order))]
        law[order] = sp.Mul(*(weights[end[-1]] / sp.Add(*(weights[j] for j in end)) for end in ends))
    return law


def uniform_among(orders: Sequence[Order]) -> Law:
    """Return equal probabilities."""
    return {order: sp.Rational(1, len(orders)) for order in orders}


def by_stage(n: int, stages: Sequence[int]) -> list[Order]:
    """Return the orders in which no player comes before one of an earlier stage."""
    return [o for o in permutations(range(1, n + 1)) if sorted(o, key=lambda i: stages[i - 1]) == list(o)]


def by_group(n: int, groups: Sequence[int]) -> list[Order]:
    """Return the orders in which every group comes without a gap."""
    found = []
    for order in permutations(range(1, n + 1)):
        seen = [groups[i - 1] for i in order]
        changes = sum(a != b for a, b in zip(seen, seen[1:], strict=False))
        if changes == len(set(groups)) - 1:
            found.append(order)
    return found


def latest(i: int, S: Coalition, stages: Sequence[int]) -> sp.Expr:
    """Return 1/#(members of the latest stage of S) for those, 0 for the others."""
    top = max(stages[j - 1] for j in S)
    members = [j for j in S if stages[j - 1] == top]
    return sp.Rational(int(i in members), len(members))


def owen(i: int, S: Coalition, groups: Sequence[int]) -> sp.Expr:
    """Return 1/(#groups in S · #members of S in the group of i)."""
    beside = sum(groups[j - 1] == groups[i - 1] for j in S)
    return sp.Rational(1, len({groups[j - 1] for j in S}) * beside)


def prove(
    receives: Callable[[Order, Coalition], int] = last_of,
    weighted: Callable[[int, Coalition, Mapping[int, sp.Expr]], sp.Expr] = by_weight,
    grouped: Callable[[int, Coalition, Sequence[int]], sp.Expr] = owen,
) -> Iterator[Step]:
    """Any law of orders for n ≤ 3; λ symbolic for n ≤ 3; every stage and grouping of n ≤ 4.

    Args:
        receives: Who of S receives its effect in an order.
        weighted: The share of i in S where orders are drawn in proportion to weights.
        grouped: The share of i in S where groups follow one another.

    Yields:
        The steps.
    """
    for n in (1, 2, 3):
        v, players = game(n), everyone(n)
        J = effects(v)
        law = {order: sp.Symbol("p" + "".join(map(str, order))) for order in permutations(sorted(players))}
        whole = sp.Add(*law.values())
        for i in players:
            mean = sp.Integer(0)
            for order, p in law.items():
                before = frozenset(order[: order.index(i)])
                mean += p * (v[before | {i}] - v[before])
            stated = sp.Add(*(chance(law, receives, i, S) * J[S] for S in J if i in S))
            yield Step(f"any law, n = {n}: the mean contribution of {i}", mean, stated)
        for S in subsets(players)[1:]:
            total = sp.Add(*(chance(law, receives, i, S) for i in S))
            yield Step(f"any law, n = {n}: the effect of {label(S)} is given once", total, whole)
        weights = {i: sp.Symbol(f"lambda{i}", positive=True) for i in players}
        drawn = drawn_from_the_end(weights)
        yield Step(f"λ, n = {n}: the probabilities add up to 1", sp.Add(*drawn.values()), sp.Integer(1))
        for S in subsets(players)[1:]:
            for i in S:
                found = chance(drawn, receives, i, S)
                yield Step(f"λ, n = {n}: {i} in {label(S)}", found, weighted(i, S, weights))

    # A set of four: the same four players in every way to lie in stages, or in groups.
    for marks in ((1, 1, 1, 1), (1, 1, 2, 2), (2, 1, 2, 1), (1, 2, 2, 3), (1, 1, 1, 2), (3, 1, 2, 4)):
        laws = (("stages", by_stage(4, marks), latest), ("groups", by_group(4, marks), grouped))
        for words, orders, share in laws:
            law = uniform_among(orders)
            for S in subsets(everyone(4))[1:]:
                for i in S:
                    found = chance(law, receives, i, S)
                    yield Step(f"{words} {marks}: {i} in {label(S)}", found, share(i, S, marks))


THEOREM = Theorem(
    name="random_orders",
    statement="mean contributions along random orders: w_{i,S} = P(i is the last of S), complete without "
    "leak; λ_i/Σ_S λ, the latest stage, Owen",
    source="(72), (3), (11)",
    covers="any probabilities of the orders, and symbolic λ, for n ≤ 3; six ways to put four players into "
    "stages or groups",
    lifts="v(T∪i) − v(T) = Σ_{i∈S⊆T∪i} J(S), so J(S) comes in when the last of S joins: every n; of "
    "exponential clocks of rates λ the first of S to ring is i with probability λ_i/Σ_S λ; orders of stages "
    "and groups, restricted to S, are uniform again",
    prove=prove,
)
