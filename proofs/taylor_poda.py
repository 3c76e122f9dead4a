"""TaylorPODA is Occlusion-1 less the parts of the interactions that others get.

Statement: a_i = v(N) − v(N∖i) − Σ_{S∋i, s>1} (1 − ξ_{i,S}) J(S) = Σ_{S∋i} ξ_{i,S} J(S), ξ_{i,{i}} = 1. If
Σ_{i∈S} ξ_{i,S} = 1 for all S, the weights satisfy C2 and C3 and Σ_i a_i = v(N) − v(∅).

Hypotheses: none on v.

Source: eq. (68), (25), (3); the method is that of arXiv 2507.10643.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.games import effects, everyone, game, label
from proofs.theorem import Step, Theorem


def withheld(xi: sp.Expr) -> sp.Expr:
    """Return 1 − ξ, the part of an interaction that is taken away again."""
    return 1 - xi


def prove(taken: Callable[[sp.Expr], sp.Expr] = withheld) -> Iterator[Step]:
    """All values and all ξ for n ≤ 4."""
    for n in range(1, 5):
        N, v = everyone(n), game(n)
        J = effects(v)
        xi = {}
        for S in J:
            members = sorted(S)
            free = [sp.Symbol(f"xi{i}_{label(S)}") for i in members[1:]]
            xi.update({(i, S): x for i, x in zip(members, [1 - sp.Add(*free), *free], strict=bool(S))})
        whole = sp.Integer(0)
        for i in N:
            removed = v[N] - v[N - {i}]
            corrected = removed - sp.Add(*(taken(xi[i, S]) * J[S] for S in J if i in S and len(S) > 1))
            stated = sp.Add(*(xi[i, S] * J[S] for S in J if i in S))
            yield Step(f"n = {n}: a_{i}", corrected, stated)
            whole += corrected
        yield Step(f"n = {n}: Σ a_i = v(N) − v(∅)", whole, v[N] - v[frozenset()])
        for S in J:
            if S:
                row = sp.Add(*(1 - taken(xi[i, S]) for i in S))
                yield Step(f"n = {n}, S = {label(S)}: C3", row, sp.Integer(1))


THEOREM = Theorem(
    name="taylor_poda",
    statement="v(N) − v(N∖i) − Σ_{S∋i, s>1} (1 − ξ_{i,S}) J(S) = Σ_{S∋i} ξ_{i,S} J(S);  complete if "
    "Σ_{i∈S} ξ_{i,S} = 1",
    source="(68), (25)",
    covers="all values and all ξ for n ≤ 4",
    lifts="the theorem occlusion_1 and one coalition at a time: every n",
    prove=prove,
)
