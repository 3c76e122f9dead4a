"""The part of order m of a coalition's effect, from one-variable jets at masked directions.

Statement: with g_T(t) = f(b + tΔ_T) and G_m(T) = [t^m] g_T,
J_m(S) = Σ_{T⊆S} (−1)^{|S|−|T|} G_m(T) = Σ_{supp κ = S, |κ| = m} I(κ). In particular J_m(S) = 0 for m < |S|.

Hypotheses: f has m derivatives at b.

Source: eq. (57).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.games import alternating, everyone, label, mobius, subsets
from proofs.smooth import Polynomial, support
from proofs.theorem import Step, Theorem


def prove(sign: Callable[[int, int], sp.Expr] = alternating) -> Iterator[Step]:
    """One monomial with symbolic exponents, then every support and order of a polynomial."""
    N, t = everyone(3), sp.Symbol("t", positive=True)
    delta = {i: sp.Symbol(f"Delta{i}", positive=True) for i in N}
    kappa = {i: sp.Symbol(f"kappa{i}", integer=True, positive=True) for i in N}
    for U in subsets(N)[1:]:
        order, effect = sum(kappa[i] for i in U), sp.Mul(*(delta[i] ** kappa[i] for i in U))
        jets = {T: sp.Mul(*((t * delta[i] if i in T else 0) ** kappa[i] for i in U)) for T in subsets(N)}
        for S in subsets(N)[1:]:
            says = f"monomial on {label(U)}: Möbius transform of g_T(t) at {label(S)}"
            yield Step(says, mobius(jets, S, sign), t**order * effect if S == U else sp.Integer(0))

    f = Polynomial(3, 4)
    s = sp.Symbol("t")
    series = {T: sp.Poly(f.masked(T, s), s) for T in subsets(N)}
    for m in range(1, 5):
        G = {T: g.coeff_monomial(s**m) for T, g in series.items()}
        for S in subsets(N)[1:]:
            taylor = sp.Add(*(f.derivative(k) for k in f.indices if support(k) == S and sum(k) == m))
            yield Step(f"J_{m}({label(S)})", mobius(G, S, sign), taylor)
            if m < len(S):
                yield Step(f"J_{m}({label(S)}) = 0, m < |S|", mobius(G, S, sign), sp.Integer(0))


THEOREM = Theorem(
    name="order_by_support",
    statement="J_m(S) = Σ_{T⊆S} (−1)^{|S|−|T|} [t^m] f(b + tΔ_T) = Σ_{supp κ = S, |κ| = m} I(κ)",
    source="(57)",
    covers="monomials with symbolic exponents, n = 3; all coefficients of order ≤ 4 for n = 3",
    lifts="[t^m] and the Möbius transform commute, so mobius_is_taylor applies to "
    "the part of order m: every n, m",
    prove=prove,
)
