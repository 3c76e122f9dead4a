"""The double integral along a path is a single one.

Statement: ∫₀¹∫₀¹ αβ h(αβ) dα dβ = ∫₀¹ s (−ln s) h(s) ds and ∫₀¹∫₀¹ h(αβ) dα dβ = ∫₀¹ (−ln s) h(s) ds.

Hypotheses: h continuous on [0, 1].

Source: eq. (65), its last sentence. The first form carries second derivatives, the second the gradient on the
diagonal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.theorem import Step, Theorem


def density(s: sp.Expr) -> sp.Expr:
    """Return −ln s, the density of a product of two uniform variables."""
    return -sp.log(s)


def prove(weight: Callable[[sp.Expr], sp.Expr] = density) -> Iterator[Step]:
    """Substitute s = αβ at fixed α and integrate α out; then evaluate both integrals for symbolic powers."""
    alpha, beta, s, k = sp.symbols("alpha beta s k", positive=True)
    h = sp.Function("h")
    # αβ h(αβ) dβ with β = s/α, 0 < s < α: exchanging the order, α runs from s to 1.
    inner = (alpha * beta * h(alpha * beta)).subs(beta, s / alpha) * sp.diff(s / alpha, s)
    yield Step("substitution β = s/α", inner, s * h(s) / alpha)
    yield Step("α integrated out", sp.integrate(1 / alpha, (alpha, s, 1)), weight(s))
    for says, factor in (("αβ h(αβ)", alpha * beta), ("h(αβ)", sp.Integer(1))):
        double: sp.Expr = sp.expand_power_base(factor * (alpha * beta) ** k)
        for variable in (alpha, beta):
            double = sp.integrate(sp.powsimp(double), (variable, 0, 1))
        single = sp.integrate(factor.subs(alpha, s).subs(beta, 1) * weight(s) * s**k, (s, 0, 1))
        yield Step(f"{says}, h(s) = s^k", double, single)


THEOREM = Theorem(
    name="double_path_integral",
    statement="∫∫ αβ h(αβ) dα dβ = ∫ s (−ln s) h(s) ds;  ∫∫ h(αβ) dα dβ = ∫ (−ln s) h(s) ds  on [0, 1]",
    source="(65)",
    covers="unspecified h by substitution; powers of symbolic exponent, both integrals evaluated",
    lifts="Fubini; or: polynomials are dense in C[0, 1] and both sides are bounded functionals",
    prove=prove,
)
