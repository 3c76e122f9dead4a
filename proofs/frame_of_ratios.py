"""The weights of one rule in the two frames, and the rules whose weights are the same in both.

Statement: a_i = Σ_κ w_i(κ) I(κ) = Σ_κ w^x_i(κ) I^x(κ) with w^x(κ) = Σ_{0≠μ≤κ} (−1)^{|μ|+1} C(κ, μ) w(μ).
This fixes κ_i/m (Integrated Gradients) and 1/|S| (Shapley), and turns κ_i into 1[κ = e_i] and 1[i ∈ S]
into 1[S = {i}]. On coalitions w^x_S = Σ_{∅≠R⊆S} (−1)^{|R|+1} w_R. The map is its own inverse.

Hypotheses: f a polynomial, or a series whose re-expansion converges absolutely.

Source: eq. (9a), (9), (7), (8), (13), (25).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import sympy as sp

from proofs.binomials import alternating_sum, binomial_theorem
from proofs.frame_of_taylor_effects import seen_from_the_input
from proofs.smooth import MultiIndex, Polynomial, support, up_to
from proofs.theorem import Number, Step, Theorem


def transport(kappa: Sequence[Number], mu: Sequence[Number]) -> sp.Expr:
    """Return (−1)^{|μ|+1} C(κ, μ), what w(μ) contributes to w^x(κ)."""
    sign = sp.Integer(-1) ** (sum(mu) + 1)
    return sign * sp.Mul(*(sp.binomial(k, m) for k, m in zip(kappa, mu, strict=True)))


def below(kappa: MultiIndex) -> list[MultiIndex]:
    """Return every μ ≠ 0 with μ ≤ κ."""
    return [mu for mu in product(*(range(k + 1) for k in kappa)) if any(mu)]


RULES: dict[str, tuple[Callable[[MultiIndex], sp.Expr], Callable[[MultiIndex], sp.Expr]]] = {
    "Integrated Gradients": (
        lambda k: sp.Rational(k[0], sum(k)),
        lambda k: sp.Rational(k[0], sum(k)),
    ),
    "Shapley": (
        lambda k: sp.Rational(k[0] > 0, len(support(k))),
        lambda k: sp.Rational(k[0] > 0, len(support(k))),
    ),
    "Gradient × Input": (lambda k: sp.Integer(k[0]), lambda k: sp.Integer(k[0] == sum(k) == 1)),
    "Occlusion-1": (lambda k: sp.Integer(k[0] > 0), lambda k: sp.Integer(support(k) == {1})),
}


def prove(coefficient: Callable[[Sequence[Number], Sequence[Number]], sp.Expr] = transport) -> Iterator[Step]:
    """Any weights on polynomials; generating functions with symbolic exponents; four rules to order 6."""
    for n, order in ((1, 5), (2, 4), (3, 3)):
        f = Polynomial(n, order)
        effects = f.effects()
        weights = {kappa: sp.Symbol("w" + "".join(map(str, kappa))) for kappa in effects}
        moved = {
            kappa: sp.Add(*(coefficient(kappa, mu) * weights[mu] for mu in below(kappa))) for kappa in effects
        }
        direct = sp.Add(*(weights[kappa] * effect for kappa, effect in effects.items()))
        dual = sp.Add(*(moved[kappa] * other for kappa, other in seen_from_the_input(effects).items()))
        yield Step(f"any weights, n = {n}, order ≤ {order}", direct, dual)
        for kappa in effects:
            again = sp.Add(*(coefficient(kappa, mu) * moved[mu] for mu in below(kappa)))
            yield Step(f"twice, κ = {kappa}", again, weights[kappa])

    # Σ_μ C(κ, μ) (−t)^μ = Π (1−t_j)^{κ_j}; −∂/∂t_i at t = (α, …, α): Σ_μ (−1)^{|μ|+1} C(κ, μ) μ_i α^{|μ|−1}.
    yield from binomial_theorem()
    k, q, j, l = sp.symbols("kappa_i rest j l", integer=True, positive=True)  # noqa: E741
    t = sp.symbols("t1:3", positive=True)
    alpha = sp.Symbol("alpha", positive=True)
    term = coefficient((k, q), (j, l)) * j * alpha ** (j + l - 1)
    generated = sp.diff((-t[0]) ** j * (-t[1]) ** l, t[0]) * sp.binomial(k, j) * sp.binomial(q, l)
    yield Step("one term of the generating function", term, -generated.subs({t[0]: alpha, t[1]: alpha}))
    sums = -sp.diff((1 - t[0]) ** k * (1 - t[1]) ** q, t[0]).subs({t[0]: alpha, t[1]: alpha})
    yield Step("its sum: κ_i (1−α)^{m−1}", sums, k * (1 - alpha) ** (k + q - 1))
    primitive = -k * (1 - alpha) ** (k + q) / (k + q)
    yield Step("κ_i/m: a primitive", sp.diff(primitive, alpha), k * (1 - alpha) ** (k + q - 1))
    mass = primitive.subs(alpha, 1) - primitive.subs(alpha, 0)
    yield Step("κ_i/m stays, because μ_i/|μ| = ∫ μ_i α^{|μ|−1} dα", mass, k / (k + q))
    at_one = (k * (1 - alpha) ** (k + q - 1)).subs(k, j + 1).subs(alpha, 1)
    yield Step("κ_i, at α = 1: 0 for κ_i > 1", at_one, sp.Integer(0))
    yield Step("κ_i, at α = 1: 0 for κ ≥ e_i + e_j", ((1 - alpha) ** q).subs(alpha, 1), sp.Integer(0))
    # On a support R the μ_j ≥ 1 are summed freely: Σ_{μ_j≥1} (−1)^{μ_j} C(κ_j, μ_j) = −1 for each j ∈ R.
    yield from alternating_sum()
    s = sp.Symbol("s", integer=True, positive=True)
    p = sp.Symbol("p", positive=True)
    # Σ_r (−1)^{r+1} C(s−1, r−1)/r = ∫₀¹ (1−p)^{s−1} dp.
    primitive = -((1 - p) ** s) / s
    yield Step("1/s: a primitive", sp.diff(primitive, p), (1 - p) ** (s - 1))
    yield Step("1/s stays", primitive.subs(p, 1) - primitive.subs(p, 0), 1 / s)

    for name, (weight, expected) in RULES.items():
        for n, order in ((2, 6), (3, 4)):
            for kappa in up_to(n, order):
                moved = sp.Add(*(coefficient(kappa, mu) * weight(mu) for mu in below(kappa)))
                yield Step(f"{name}, κ = {kappa}", moved, expected(kappa))


THEOREM = Theorem(
    name="frame_of_ratios",
    statement="w^x(κ) = Σ_{0≠μ≤κ} (−1)^{|μ|+1} C(κ, μ) w(μ); it keeps κ_i/|κ| and 1/|S|, turns κ_i into "
    "1[κ = e_i] and 1[i ∈ S] into 1[S = {i}]",
    source="(9a), (9), (7), (8)",
    covers="any weights for n = 1, order ≤ 5; n = 2, order ≤ 4; n = 3, order ≤ 3; κ_i/m and 1/s for "
    "symbolic exponents; the four rules for n = 2, order ≤ 6 and n = 3, order ≤ 4",
    lifts="(7) exchanged with the sum over κ: every n and order; the variables other than i enter as "
    "one power; absolute convergence: series",
    prove=prove,
)
