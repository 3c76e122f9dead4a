"""Taylor effects are power series coefficients, and those of a ridge function have a closed form.

Statement: with x_i = b_i + Δ_i t_i, I(κ) = [t^κ] f. For σ(c + Σ_i u_i t_i), u_i = w_i Δ_i:
I(κ) = s_m (m!/κ!) u^κ with s_m = σ^{(m)}(c)/m!, m = |κ|.

Hypotheses: f (σ) has the derivatives in question.

Source: eq. (5).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import sympy as sp

from proofs.smooth import Smooth, up_to
from proofs.theorem import Number, Step, Theorem


def multinomial(m: sp.Expr, kappa_factorial: sp.Expr) -> sp.Expr:
    """Return m!/κ!, what multiplies s_m u^κ."""
    return sp.factorial(m) / kappa_factorial


def prove(coefficient: Callable[[sp.Expr, sp.Expr], sp.Expr] = multinomial) -> Iterator[Step]:
    """Derivatives of symbolic order by induction, then all coefficients of a tanh unit to order 4."""
    kappa = sp.symbols("kappa1:4", integer=True, nonnegative=True)
    t, b, delta, u = (sp.symbols(f"{name}1:4") for name in ("t", "b", "Delta", "u"))
    c = sp.Symbol("c")

    def along(k: Sequence[Number]) -> sp.Expr:
        path = [start + way * s for start, way, s in zip(b, delta, t, strict=True)]
        return sp.Mul(*(way**e for way, e in zip(delta, k, strict=True))) * Smooth(*k, *path)

    z = c + sum(a * s for a, s in zip(u, t, strict=True))

    def ridge(k: Sequence[Number]) -> sp.Expr:
        return sp.Mul(*(a**e for a, e in zip(u, k, strict=True))) * Smooth(sum(k), z)

    for i in range(3):
        higher = [k + int(j == i) for j, k in enumerate(kappa)]
        yield Step(f"Δ^κ ∂^κ f, once more in t{i + 1}", sp.diff(along(kappa), t[i]), along(higher))
        yield Step(f"u^κ σ^(m), once more in t{i + 1}", sp.diff(ridge(kappa), t[i]), ridge(higher))
    m, factorials = sp.Add(*kappa), sp.Mul(*map(sp.factorial, kappa))
    s_m = Smooth(m, c) / sp.factorial(m)
    claim = s_m * coefficient(m, factorials) * sp.Mul(*(a**e for a, e in zip(u, kappa, strict=True)))
    origin = dict.fromkeys(t, 0)
    yield Step("at t = 0, divided by κ!", ridge(kappa).subs(origin) / factorials, claim)

    unit = sp.tanh(c + u[0] * t[0] + u[1] * t[1])
    for k in up_to(2, 4):
        order, below = sum(k), math.prod(map(math.factorial, k))
        measured = sp.diff(unit, t[0], k[0], t[1], k[1]).subs(origin) / below
        s = sp.diff(sp.tanh(c), c, order) / math.factorial(order)
        stated = s * coefficient(sp.Integer(order), sp.Integer(below)) * u[0] ** k[0] * u[1] ** k[1]
        yield Step(f"tanh unit, κ = {k}", measured, stated)


THEOREM = Theorem(
    name="ridge_coefficients",
    statement="I(κ) = [t^κ] f(b + t∘Δ); for σ(c + u·t): I(κ) = (σ^{(m)}(c)/m!) (m!/κ!) u^κ",
    source="(5)",
    covers="symbolic κ for n = 3 and unspecified f, σ; tanh, n = 2, order ≤ 4, by differentiation",
    lifts="induction over κ, variable by variable: every n",
    prove=prove,
)
