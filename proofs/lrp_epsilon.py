"""LRP-ε shares effects of one neuron like Integrated Gradients, times a factor, and the constant too.

Statement: one unit σ(z), z = c + U, U = Σ u_i, u_i = w_i a_i, d = z + ε sgn z, frame a = 0, multiplier 1:
R_i = u_i σ(z)/d = (U/d) Σ_κ (κ_i/m) I(κ) + (u_i/d) I(0), I(0) = σ(c), hence Σ_i R_i = (U/d) σ(z). A
linear unit: R_i = (z/d) ψ_i. Frame input: R_i = σ(z)/(d σ'(z)) I^x(e_i), for an active ReLU (z/d)
I^x(e_i).

Hypotheses: d ≠ 0; the Taylor series of σ at c converges absolutely at z; in frame input σ'(z) ≠ 0.

Source: eq. (29), (30), (31), (28); the rule is that of Bach et al. 2015.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.smooth import Smooth
from proofs.theorem import Number, Step, Theorem
from proofs.units import Unit, proportional_share


def share(k: Number, m: Number, U: sp.Expr, d: sp.Expr) -> sp.Expr:
    """Return (U/d) κ_i/|κ|, for k = κ_i and m = |κ|."""
    return U / d * k / m


def share_of_the_constant(u: sp.Expr, d: sp.Expr) -> sp.Expr:
    """Return u_i/d, the weight of I(0)."""
    return u / d


def share_from_the_input(value: sp.Expr, slope: sp.Expr, d: sp.Expr) -> sp.Expr:
    """Return σ(z)/(d σ'(z)), the weight of I^x(e_i); all other effects get 0."""
    return value / (d * slope)


def prove(
    ratio: Callable[[Number, Number, sp.Expr, sp.Expr], sp.Expr] = share,
    of_the_constant: Callable[[sp.Expr, sp.Expr], sp.Expr] = share_of_the_constant,
    from_the_input: Callable[[sp.Expr, sp.Expr, sp.Expr], sp.Expr] = share_from_the_input,
) -> Iterator[Step]:
    """Powers of symbolic order, the other inputs as one; three inputs to order 5; the special units.

    Args:
        ratio: The weight w_i(κ) of I(κ), κ ≠ 0, from k = κ_i, m = |κ|, U and d.
        of_the_constant: The weight of I(0) from u_i and d.
        from_the_input: The weight of I^x(e_i) from σ(z), σ'(z) and d.

    Yields:
        The steps.
    """
    u = sp.symbols("u1:3")
    U, d, c = sp.symbols("U d c", nonzero=True)
    # R_i = (U/d) [(u_i/U) s_m U^m] for each m ≥ 1.
    yield from proportional_share(lambda j, k: ratio(j, k, U, d) * d / U)
    unit = Unit((*u, U - sp.Add(*u)), 5)
    effects, whole = unit.effects(), sp.Integer(0)
    for i, own in enumerate(unit.inputs):
        direct = own * unit.at(U) / d
        shared = sp.Add(*(ratio(e[i], sum(e), U, d) * effect for e, effect in effects.items()))
        stated = shared + of_the_constant(own, d) * unit.s[0]
        yield Step(f"order ≤ 5: R_{i + 1}", direct, stated)
        whole += stated
    yield Step("Σ R_i = (U/d) σ(z)", whole, U / d * unit.at(U))

    z = c + U
    effect = ratio(1, 1, U, d) * u[0]  # σ(z) = z has the effects ψ_i = u_i and I(0) = c
    yield Step("a linear unit: z/d", effect + of_the_constant(u[0], d) * c, z / d * u[0])
    k, q = sp.symbols("kappa_i rest", integer=True, positive=True)
    yield Step("c = ε = σ(0) = 0, so that d = U: κ_i/m", ratio(k, k + q, U, U), k / (k + q))

    t = sp.symbols("t1:3")
    inside = c + sp.Add(*(a * s for a, s in zip(u, t, strict=True)))
    at_x = dict.fromkeys(t, 1)
    first = sp.diff(Smooth(0, inside), t[0]).subs(at_x)  # I^x(e_1) = Δ_1 ∂_1 of the unit at the input
    value, slope = Smooth(0, inside).subs(at_x), Smooth(1, inside).subs(at_x)
    yield Step("frame input, any σ", u[0] * value / d, from_the_input(value, slope, d) * first)
    active = sp.diff(inside, t[0]).subs(at_x)
    yield Step("frame input, active ReLU", u[0] * z / d, from_the_input(z, sp.Integer(1), d) * active)


THEOREM = Theorem(
    name="lrp_epsilon",
    statement="u_i σ(z)/d = (U/d) Σ_κ (κ_i/|κ|) I(κ) + (u_i/d) I(0) = σ(z)/(d σ'(z)) I^x(e_i)",
    source="(29), (30), (31)",
    covers="each order m symbolic, the inputs other than i as one; three inputs with symbolic u and σ "
    "to order 5; unspecified σ in frame input",
    lifts="the others enter as their sum: every n; absolute convergence: series; a factor M_j: other "
    "multipliers",
    prove=prove,
)
