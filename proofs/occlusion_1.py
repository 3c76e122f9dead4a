"""Occlusion of one variable counts every effect the variable takes part in, whole.

Statement: a_i = v(N) − v(N∖i) = Σ_{S∋i} J(S): the weight of J(S) is 1[i ∈ S]. In frame input a_i =
J^x({i}): the weight of J^x(S) is 1[S = {i}].

Hypotheses: none on v.

Source: eq. (25) for windows of one variable, (63), (8), T12; the attribution is that of Zeiler, Fergus,
arXiv 1311.2901.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.binomials import alternating_sum
from proofs.frame_of_coalition_effects import from_above
from proofs.games import Coalition, effects, everyone, game
from proofs.smooth import Polynomial, support
from proofs.theorem import Step, Theorem


def share(i: int, S: Coalition) -> sp.Expr:
    """Return 1[i ∈ S]."""
    return sp.Integer(i in S)


def share_from_the_input(i: int, S: Coalition) -> sp.Expr:
    """Return 1[S = {i}]."""
    return sp.Integer({i} == S)


def prove(
    ratio: Callable[[int, Coalition], sp.Expr] = share,
    from_the_input: Callable[[int, Coalition], sp.Expr] = share_from_the_input,
) -> Iterator[Step]:
    """Arbitrary games in both frames; then a polynomial, whose effects are sums of Taylor terms.

    Args:
        ratio: The weight of J(S) from the player i and the coalition S.
        from_the_input: The weight of J^x(S).

    Yields:
        The steps.
    """
    # v(N) and v(N∖i) are the sums of J over the subsets of N and of N∖i (mobius_inversion).
    yield from alternating_sum()
    for n in range(1, 6):
        N, v = everyone(n), game(n)
        J = effects(v)
        other = {S: from_above(J, S) for S in J if S} if n < 5 else {}
        for i in N:
            removed = v[N] - v[N - {i}]
            stated = sp.Add(*(ratio(i, S) * effect for S, effect in J.items() if S))
            yield Step(f"n = {n}: a_{i}", removed, stated)
            if other:
                dual = sp.Add(*(from_the_input(i, S) * effect for S, effect in other.items()))
                yield Step(f"n = {n}: a_{i} in frame input", removed, dual)

    f = Polynomial(3, 4)
    N, table, other = everyone(3), f.effects(), f.effects_from_the_input()
    for i in N:
        removed = f.masked(N) - f.masked(N - {i})
        stated = sp.Add(*(ratio(i, support(kappa)) * effect for kappa, effect in table.items()))
        yield Step(f"n = 3, order ≤ 4: a_{i} from Taylor effects", removed, stated)
        dual = sp.Add(*(from_the_input(i, support(kappa)) * effect for kappa, effect in other.items()))
        yield Step(f"n = 3, order ≤ 4: a_{i} from Taylor effects, frame input", removed, dual)


THEOREM = Theorem(
    name="occlusion_1",
    statement="v(N) − v(N∖i) = Σ_{S∋i} J(S) = J^x({i})",
    source="(25), (8)",
    covers="all values for n ≤ 5, in frame input n ≤ 4; all Taylor coefficients of order ≤ 4, n = 3",
    lifts="v(N) and v(N∖i) are the sums of J over all S and over all S without i, for every n; J^x({i}) is "
    "v(N) − v(N∖i) by (8)",
    prove=prove,
)
