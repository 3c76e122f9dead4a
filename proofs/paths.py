"""Averages of gradients along any path share a term by how its variables arrive.

Statement: a path b + Δ∘s(t), s(0) = 0, s(1) = 1, gives a_i = Δ_i ∫ ∂_i f ds_i the weights w_i(κ) = κ_i ∫
Π_j s_j^{κ_j} ds_i/s_i, and Σ_i w_i(κ) = ∫ d(s^κ) = 1. For s_i = t^{p_i}: κ_i p_i/Σ_j κ_j p_j; p = 1 is
Integrated Gradients, which agrees with Shapley on a term iff all nonzero κ_i are equal.

Hypotheses: s is absolutely continuous, and each s_i increases (for C1); the Taylor series of f at b
converges absolutely at x.

Source: eq. (64), (18), T7, T8; Friedman 2004 and Sundararajan, Taly, Yan, arXiv 1703.01365 for paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sympy as sp

from proofs.smooth import Polynomial
from proofs.theorem import Number, Step, Theorem

TIME = sp.Symbol("t", positive=True)


def share(i: int, kappa: Sequence[Number], powers: Sequence[Number]) -> sp.Expr:
    """Return κ_i p_i/Σ_j κ_j p_j, the weight along s_j = t^{p_j}."""
    return sp.sympify(kappa[i]) * powers[i] / sp.Add(*(k * p for k, p in zip(kappa, powers, strict=True)))


def prove(
    ratio: Callable[[int, Sequence[Number], Sequence[Number]], sp.Expr] = share,
) -> Iterator[Step]:
    """An unspecified path and symbolic exponents; power paths; a polynomial of order 4.

    Args:
        ratio: The weight of player i along the path of powers, from i, κ and the powers.

    Yields:
        The steps.
    """
    k, q = sp.symbols("kappa_i rest", integer=True, positive=True)
    y, delta = sp.symbols("y1:3", positive=True), sp.symbols("Delta1:3", positive=True)
    s: list[Any] = [sp.Function(f"s{i}", positive=True)(TIME) for i in (1, 2)]
    f = y[0] ** k * y[1] ** q
    effect = delta[0] ** k * delta[1] ** q
    product = s[0] ** k * s[1] ** q
    way = {v: d * arrival for v, d, arrival in zip(y, delta, s, strict=True)}
    integrands = []
    for i, exponent in enumerate((k, q)):
        direct = delta[i] * sp.diff(f, y[i]).subs(way) * sp.diff(s[i], TIME)
        integrands.append(exponent * product * sp.diff(s[i], TIME) / s[i])
        stated = integrands[-1] * effect
        yield Step(
            f"any path: the integrand of w_{i + 1}", sp.powsimp(sp.expand_power_base(direct / stated)), 1
        )
    yield Step("T7: Σ_i κ_i s^κ s_i'/s_i = (s^κ)'", sp.Add(*integrands), sp.diff(product, TIME))

    p = sp.symbols("p1:3", positive=True)
    arrival = [TIME**power for power in p]
    total = k * p[0] + q * p[1]
    for i, exponent in enumerate((k, q)):
        integrand = exponent * arrival[0] ** k * arrival[1] ** q * sp.diff(arrival[i], TIME) / arrival[i]
        yield Step(f"T8: the integrand {i + 1}", sp.powsimp(integrand), exponent * p[i] * TIME ** (total - 1))
        weight = sp.integrate(exponent * p[i] * TIME ** (total - 1), (TIME, 0, 1))
        yield Step(f"T8: w_{i + 1}", weight, ratio(i, (k, q), p))
    yield Step("the weights add up to 1", ratio(0, (k, q), p) + ratio(1, (k, q), p), sp.Integer(1))
    yield Step("p = 1: Integrated Gradients", ratio(0, (k, q), (1, 1)), k / (k + q))

    polynomial = Polynomial(2, 4)
    for powers in ((1, 1), (1, 2), (3, 2)):
        point = {v: d * TIME**e for v, d, e in zip(polynomial.y, polynomial.delta, powers, strict=True)}
        for i in range(2):
            slope = sp.diff(polynomial.expression, polynomial.y[i]).subs(point)
            speed = polynomial.delta[i] * sp.diff(TIME ** powers[i], TIME)
            direct = sp.integrate(sp.expand(slope * speed), (TIME, 0, 1))
            stated = sp.Add(*(ratio(i, e, powers) * J for e, J in polynomial.effects().items()))
            yield Step(f"n = 2, order ≤ 4, s = t^{powers}: a_{i + 1}", direct, stated)

    size = sp.Symbol("s", integer=True, positive=True)
    yield Step("equal exponents k on S: IG is Shapley", k / (size * k), 1 / size)
    # κ_i/m = 1/s for all i ∈ S says that κ_i is the same for all i; two weights differ by (κ_i − κ_j)/m.
    gap = ratio(0, (k, q), (1, 1)) - ratio(1, (k, q), (1, 1))
    yield Step("unequal exponents: unequal weights", gap * (k + q), k - q)


THEOREM = Theorem(
    name="paths",
    statement="along b + Δ∘s(t): w_i = κ_i ∫ s^κ ds_i/s_i, Σ_i w_i = 1;  s_i = t^{p_i}: κ_i p_i/Σ_j κ_j p_j",
    source="(64), T7, T8",
    covers="an unspecified path and power paths with symbolic exponents, two variables; three power "
    "paths with all coefficients for n = 2, order ≤ 4",
    lifts="the product rule, one variable after the other: every n; linearity and absolute convergence: "
    "series; ds_i ≥ 0 gives w_i ≥ 0",
    prove=prove,
)
