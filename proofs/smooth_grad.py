"""SmoothGrad × Input counts a Taylor effect with moments of a normal distribution.

Statement: a_i = Δ_i E ∂_i f(x + ξ), ξ_j ~ N(0, σ_j²) independent, ρ_j = σ_j/Δ_j, gives I(κ) the weight
κ_i M_{κ_i−1}(ρ_i) Π_{j≠i} M_{κ_j}(ρ_j), where M_k(ρ) = E(1 + ρZ)^k = Σ_r C(k, 2r) (2r−1)!! ρ^{2r} = ρ^k
i^{−k} He_k(i/ρ), M_0 = M_1 = 1, M_{k+1} = M_k + kρ² M_{k−1}. In frame input I^x(κ) has the weight
κ!/(2^{|μ|} μ!) Π_j ρ_j^{2μ_j} if κ = 2μ + e_i, else 0. If Δ_j = 0 for a j there is no finite weight, and
the scores are those of coefficients: ∂^κ f(b)/κ! has the weight Δ_i κ_i E(Δ_i + σ_i Z)^{κ_i−1} Π_{j≠i}
E(Δ_j + σ_j Z)^{κ_j}.

Hypotheses: f a polynomial; Δ_j ≠ 0 for all j, except in the coefficient form.

Source: eq. (14), (15), (16), (17), T9; the attribution is that of Smilkov et al., arXiv 1706.03825.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import sympy as sp

from proofs.smooth import Polynomial, Smooth
from proofs.theorem import Number, Step, Theorem

Vector: TypeAlias = Sequence[sp.Expr]

Z = sp.Symbol("Z", real=True)


def coefficient(k: Number, r: Number) -> sp.Expr:
    """Return C(k, 2r) (2r−1)!!, with (2r−1)!! = (2r)!/(2^r r!)."""
    return sp.binomial(k, 2 * r) * sp.factorial(2 * r) / (sp.Integer(2) ** r * sp.factorial(r))


def moment(k: int, rho: sp.Expr) -> sp.Expr:
    """Return M_k(ρ) = Σ_r C(k, 2r) (2r−1)!! ρ^{2r}."""
    return sp.Add(*(coefficient(k, sp.Integer(r)) * rho ** (2 * r) for r in range(k // 2 + 1)))


def share(kappa: Sequence[int], rho: Sequence[sp.Expr]) -> sp.Expr:
    """Return κ_i M_{κ_i−1}(ρ_i) Π_{j≠i} M_{κ_j}(ρ_j), i the first entry of κ and of ρ."""
    if not kappa[0]:
        return sp.Integer(0)
    others = (moment(k, r) for k, r in zip(kappa[1:], rho[1:], strict=True))
    return kappa[0] * moment(kappa[0] - 1, rho[0]) * sp.Mul(*others)


def share_from_the_input(kappa: Sequence[int], rho: Sequence[sp.Expr]) -> sp.Expr:
    """Return κ!/(2^{|μ|} μ!) Π_j ρ_j^{2μ_j} for κ = 2μ + e_i, i the first entry, and 0 for other κ."""
    doubled = (kappa[0] - 1, *kappa[1:])
    if any(k < 0 or k % 2 for k in doubled):
        return sp.Integer(0)
    below = math.prod(2 ** (k // 2) * math.factorial(k // 2) for k in doubled)
    above = math.prod(map(math.factorial, kappa))
    return sp.Rational(above, below) * Polynomial.power(rho, doubled)


def share_of_coefficients(kappa: Sequence[int], delta: Vector, sigma: Vector) -> sp.Expr:
    """Return Δ_i κ_i E(Δ_i + σ_i Z)^{κ_i−1} Π_{j≠i} E(Δ_j + σ_j Z)^{κ_j}, i first: for ∂^κ f(b)/κ!."""
    if not kappa[0]:
        return sp.Integer(0)
    lowered = (kappa[0] - 1, *kappa[1:])
    means = (
        sp.Add(
            *(
                coefficient(sp.Integer(k), sp.Integer(r)) * s ** (2 * r) * d ** (k - 2 * r)
                for r in range(k // 2 + 1)
            )
        )
        for k, d, s in zip(lowered, delta, sigma, strict=True)
    )
    return delta[0] * kappa[0] * sp.Mul(*means)


def mean(polynomial: sp.Expr, variables: Sequence[sp.Symbol]) -> sp.Expr:
    """Return the mean over independent standard normal variables: Z^{2r} becomes (2r−1)!!."""
    terms = sp.Poly(sp.expand(polynomial), *variables).terms()
    return sp.Add(
        *(
            weight * sp.prod([sp.factorial2(p - 1) for p in powers])
            for powers, weight in terms
            if not any(p % 2 for p in powers)
        )
    )


def moments() -> Iterator[Step]:
    """E Z^{2r}, then M_k: Stein's identity, the recurrence with symbolic k and r, the closed forms."""
    k, r, q = sp.symbols("k r q", integer=True, positive=True)
    rho, delta = sp.symbols("rho Delta", positive=True)
    bell, h = sp.exp(-(Z**2) / 2), Smooth(0, Z)
    yield Step("T9: (−h e^{−Z²/2})′", sp.diff(-h * bell, Z), (Z * h - sp.diff(h, Z)) * bell)
    power = (1 + rho * Z) ** k
    yield Step("h = (1+ρZ)^k: M_{k+1} = M_k + ρ E[Zh]", (1 + rho * Z) ** (k + 1), power + rho * Z * power)
    yield Step("E[Zh] = E h′ = kρ M_{k−1}", sp.diff(power, Z), k * rho * (1 + rho * Z) ** (k - 1))
    raised = coefficient(k, r) + k * coefficient(k - 1, r - 1)
    yield Step("closed form, M_{k+1} = M_k + kρ² M_{k−1}, at ρ^{2r}", coefficient(k + 1, r), raised)
    last = (2 * q - 1) * coefficient(2 * q - 2, q - 1)
    yield Step("the same at the highest power, k + 1 = 2r", coefficient(2 * q, q), last)
    yield Step("closed form, at ρ⁰", coefficient(k, sp.Integer(0)), sp.Integer(1))
    for p in range(7):
        integral = sp.integrate(Z**p * bell, (Z, -sp.oo, sp.oo)) / sp.sqrt(2 * sp.pi)
        yield Step(f"E Z^{p}", integral, mean(Z**p, (Z,)))
    for p in range(9):
        yield Step(f"M_{p} from E Z^{{2r}}", mean((1 + rho * Z) ** p, (Z,)), moment(p, rho))
        argument = sp.I / rho / sp.sqrt(2)
        he = sp.Integer(2) ** sp.Rational(-p, 2) * sp.hermite(p, argument)
        yield Step(f"M_{p} as a Hermite polynomial", rho**p * sp.I ** (-p) * he, moment(p, rho))
    yield Step("(Δ + σZ)^k = Δ^k (1 + ρZ)^k", (delta + rho * delta * Z) ** k, delta**k * (1 + rho * Z) ** k)


def prove(
    ratio: Callable[[Sequence[int], Sequence[sp.Expr]], sp.Expr] = share,
    from_the_input: Callable[[Sequence[int], Sequence[sp.Expr]], sp.Expr] = share_from_the_input,
    of_coefficients: Callable[[Sequence[int], Vector, Vector], sp.Expr] = share_of_coefficients,
) -> Iterator[Step]:
    """Moments with symbolic k; then every coefficient to order 5, symbolic Δ and ρ, in both frames.

    Args:
        ratio: The weight w_i(κ) in frame baseline from integers κ and symbols ρ, i being the first entry.
        from_the_input: The same in frame input.
        of_coefficients: The weight of ∂^κ f(b)/κ! from κ, Δ and σ, which needs no Δ_j ≠ 0.

    Yields:
        The steps.
    """
    yield from moments()
    r = sp.Symbol("r", integer=True, nonnegative=True)
    double_factorial = sp.factorial(2 * r) / (2**r * sp.factorial(r))
    yield Step(
        "heat semigroup: E Z^{2r}/(2r)!",
        double_factorial / sp.factorial(2 * r),
        1 / (sp.Integer(2) ** r * sp.factorial(r)),
    )
    for n, order in ((1, 7), (2, 5), (3, 3)):
        f, rho, noise = Polynomial(n, order), sp.symbols(f"rho1:{n + 1}"), sp.symbols(f"Z1:{n + 1}")
        effects, other = f.effects(), f.effects_from_the_input()
        disturbed = [d * (1 + p * z) for d, p, z in zip(f.delta, rho, noise, strict=True)]
        for i in range(n):
            slope = sp.diff(f.expression, f.y[i]).subs(dict(zip(f.y, disturbed, strict=True)))
            direct = f.delta[i] * mean(slope, noise)
            first = [i, *(j for j in range(n) if j != i)]
            for frame, table, weight in (("baseline", effects, ratio), ("input", other, from_the_input)):
                stated = sp.Add(
                    *(
                        weight([e[j] for j in first], [rho[j] for j in first]) * effect
                        for e, effect in table.items()
                    )
                )
                yield Step(f"n = {n}, order ≤ {order}: a_{i + 1}, frame {frame}", direct, stated)
    for k in range(1, 5):
        without = ratio([k, 2], [sp.Integer(0), sp.Integer(0)])
        yield Step(f"κ = ({k}, 2) without noise: Gradient × Input", without, sp.Integer(k))

    # Coefficients in place of effects: Δ_j = 0 is allowed. y1 y2² with b = 0, x = (1, 0) has no effect.
    f, sigma, noise = Polynomial(2, 4), sp.symbols("sigma1:3"), sp.symbols("Z1:3")
    for way in (f.delta, (f.delta[0], sp.Integer(0))):
        disturbed = [d + s * z for d, s, z in zip(way, sigma, noise, strict=True)]
        slope = sp.diff(f.expression, f.y[0]).subs(dict(zip(f.y, disturbed, strict=True)))
        stated = sp.Add(
            *(of_coefficients(e, way, sigma) * J / f.power(f.delta, e) for e, J in f.effects().items())
        )
        yield Step(f"by coefficients, Δ = {way}: a_1", way[0] * mean(slope, noise), stated)
    one, zero = sp.Integer(1), sp.Integer(0)
    yield Step("Δ_2 = 0: the only effect of y1 y2²", one * zero**2, zero)
    yield Step("Δ_2 = 0: a_1", of_coefficients([1, 2], (one, zero), sigma), sigma[1] ** 2)


THEOREM = Theorem(
    name="smooth_grad",
    statement="Δ_i E ∂_i f(x + ξ) = Σ_κ κ_i M_{κ_i−1}(ρ_i) Π_{j≠i} M_{κ_j}(ρ_j) I(κ);  in frame input "
    "κ!/(2^{|μ|} μ!) ρ^{2μ} for κ = 2μ + e_i;  M_{k+1} = M_k + kρ² M_{k−1}",
    source="(14), (15), (16), (17), T9",
    covers="the recurrence and closed form of M_k for symbolic k; Hermite form for k ≤ 8; all "
    "coefficients, symbolic Δ and ρ, in both frames for n = 1, order ≤ 7; n = 2, order ≤ 5; n = 3, "
    "order ≤ 3",
    lifts="(Δ_j + σ_j Z)^k = Δ_j^k (1 + ρ_j Z)^k and independence: every κ and n; linearity: polynomials",
    prove=prove,
)
