"""The Möbius effect as an integral of a mixed derivative.

Statement: J(S) = Π_{i∈S} Δ_i · ∫_{[0,1]^S} ∂^S f(b + t∘Δ_S) dt, where ∂^S differentiates once in each
variable of S.

Hypotheses: f is |S| times continuously differentiable. No series and no radius of convergence.

Source: eq. (4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import sympy as sp

from proofs.games import everyone, label, mobius, subsets
from proofs.smooth import Smooth
from proofs.theorem import Step, Theorem


def product(delta: Sequence[sp.Expr]) -> sp.Expr:
    """Return the factor in front of the integral, Π_{i∈S} Δ_i."""
    return sp.Mul(*delta)


def prove(factor: Callable[[Sequence[sp.Expr]], sp.Expr] = product) -> Iterator[Step]:
    """Chain rule, then the fundamental theorem once per player of S, for an unspecified f of S = N."""
    for n in (1, 2, 3):
        N = everyone(n)
        t, b, delta = (sp.symbols(f"{name}1:{n + 1}") for name in ("t", "b", "Delta"))
        path = [start + way * s for start, way, s in zip(b, delta, t, strict=True)]
        mixed = sp.diff(Smooth(*[0] * n, *path), *t)  # ∂^S of t ↦ f(b + t∘Δ)
        yield Step(f"|S| = {n}: chain rule", mixed, factor(delta) * Smooth(*[1] * n, *path))
        g = sp.Function("g")(*t)  # t ↦ f(b + t∘Δ)
        integral: sp.Expr = sp.diff(g, *t)
        for variable in t:
            integral = sp.integrate(integral, (variable, 0, 1))
        corners = {T: g.subs({s: int(i in T) for i, s in enumerate(t, start=1)}) for T in subsets(N)}
        yield Step(f"|S| = {n}: ∫ ∂^S over the cube is J({label(N)})", integral, mobius(corners, N))
        kappa = sp.symbols(f"kappa1:{n + 1}", integer=True, positive=True)
        away = sp.symbols(f"Delta1:{n + 1}", positive=True)
        term = sp.Integer(1)
        for k, way in zip(kappa, away, strict=True):
            s, y = sp.symbols("s y", positive=True)
            slope = sp.diff(y**k, y).subs(y, way * s)
            term *= sp.integrate(sp.expand_power_base(slope), (s, 0, 1))
        effect = sp.Mul(*(way**k for way, k in zip(away, kappa, strict=True)))
        yield Step(f"|S| = {n}: a monomial with symbolic exponents", factor(away) * term, effect)


THEOREM = Theorem(
    name="mobius_as_integral",
    statement="J(S) = Π_{i∈S} Δ_i · ∫_{[0,1]^S} ∂^S f(b + t∘Δ_S) dt",
    source="(4)",
    covers="an unspecified f ∈ C^{|S|}, |S| ≤ 3",
    lifts="Fubini and the same step for one more player: every |S|; players outside S are constants",
    prove=prove,
)
