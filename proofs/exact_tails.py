"""What a truncated decomposition leaves out, coalition by coalition.

Statement: tail(S) = J(S) − Σ_{m≤K} J_m(S) = Σ_{T⊆S} (−1)^{|S|−|T|} R_K(g_T), R_K(g) = g(1) − Σ_{m≤K} [t^m] g.
Hence |tail(S)| ≤ Σ_{T⊆S} |R_K(g_T)|; Σ_{S≠∅} tail(S) = R_K(g_N); and tail(S) = J(S) for |S| > K.

Hypotheses: K derivatives at b. Nothing is assumed about a remainder term or a radius of convergence.

Source: eq. (58), with (3) and (57).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.games import EMPTY, Coalition, Game, everyone, game, label, mobius, subsets
from proofs.smooth import Polynomial, support
from proofs.theorem import Step, Theorem


def left_over(effect: sp.Expr, parts: list[sp.Expr]) -> sp.Expr:
    """Return tail(S) from J(S) and J_1(S), …, J_K(S)."""
    return effect - sp.Add(*parts)


def prove(tail: Callable[[sp.Expr, list[sp.Expr]], sp.Expr] = left_over) -> Iterator[Step]:
    """Values and jets as independent symbols, n ≤ 4 and K ≤ 3; then a polynomial of order 4."""
    for n, K in ((1, 3), (2, 1), (2, 2), (2, 3), (3, 2), (4, 2), (4, 3)):
        N, v = everyone(n), game(n)
        # g_T(0) = f(b) for every T, and g_∅ is constant: G_0(T) = v(∅), G_m(∅) = 0.
        jets: list[Game] = [{**game(n, f"G{m}"), EMPTY: sp.Integer(0)} for m in range(1, K + 1)]
        tails = {S: tail(mobius(v, S), [mobius(G, S) for G in jets]) for S in subsets(N)[1:]}
        rest = {T: v[T] - v[EMPTY] - sp.Add(*(G[T] for G in jets)) for T in v}
        for S, value in tails.items():
            yield Step(f"n = {n}, K = {K}: tail({label(S)}) from remainders", value, mobius(rest, S))
        yield Step(f"n = {n}, K = {K}: the tails add up to R_K(g_N)", sp.Add(*tails.values()), rest[N])

    f = Polynomial(3, 4)
    v, t = f.game(), sp.Symbol("t")
    series = {T: sp.Poly(f.masked(T, t), t) for T in v}

    def part(S: Coalition, m: int) -> sp.Expr:
        return mobius({T: g.coeff_monomial(t**m) for T, g in series.items()}, S)

    for K in (1, 2, 3):
        for S in subsets(everyone(3))[1:]:
            value = tail(mobius(v, S), [part(S, m) for m in range(1, K + 1)])
            omitted = sp.Add(*(f.derivative(k) for k in f.indices if support(k) == S and sum(k) > K))
            yield Step(f"order ≤ 4, K = {K}: tail({label(S)}) is what was left out", value, omitted)
            if len(S) > K:
                yield Step(f"order ≤ 4, K = {K}: tail({label(S)}) = J({label(S)})", value, mobius(v, S))


THEOREM = Theorem(
    name="exact_tails",
    statement="tail(S) = J(S) − Σ_{m≤K} J_m(S) = Σ_{T⊆S} (−1)^{|S|−|T|} R_K(g_T);  "
    "Σ_{S≠∅} tail(S) = R_K(g_N)",
    source="(58)",
    covers="arbitrary values and jets, n ≤ 4, K ≤ 3; all coefficients of order ≤ 4 for n = 3",
    lifts="linearity of the Möbius transform and mobius_inversion: every n, K; "
    "the bound is the triangle inequality",
    prove=prove,
)
