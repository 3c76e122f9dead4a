"""What rules lose if only effects up to an order are known.

Statement: Integrated Gradients from the orders ≤ K are off by Σ_{|κ|>K} (κ_i/m) I(κ) = Σ_{m>K} (1/m)
[t^{m−1}] Δ_i ∂_i f(b + tΔ), which is at most |Δ_i| M_i ρ^{−(K−1)}/((K+1)(ρ−1)) if |∂_i f(b + tΔ)| ≤ M_i
on |t| = ρ > 1. Shapley values from those orders are off by Σ_{S∋i} tail(S)/|S|. On a polydisc with |f| ≤
M and |Δ_j| ≤ r R_j, r < 1, Σ_{|κ|=m} |I(κ)| ≤ M C(n+m−1, m) r^m.

Hypotheses: f analytic on the sets named.

Source: eq. (60), (61), (58), (59), (18), T14.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.binomials import hockey_stick
from proofs.games import everyone
from proofs.shapley import value
from proofs.smooth import Polynomial, multi_indices, support
from proofs.theorem import Number, Step, Theorem


def geometric(rho: sp.Expr, K: sp.Expr) -> sp.Expr:
    """Return ρ^{−(K−1)}/(ρ−1), the sum of ρ^{−(m−1)} over m > K."""
    return rho ** (1 - K) / (rho - 1)


def prove(tail: Callable[[sp.Expr, sp.Expr], sp.Expr] = geometric) -> Iterator[Step]:
    """The error written out on polynomials, Cauchy's estimate summed, the number of terms of one order."""
    t = sp.Symbol("t")
    for n, order in ((2, 4), (3, 3)):
        f = Polynomial(n, order)
        table = f.effects()
        for i in range(n):
            way = {v: t * d for v, d in zip(f.y, f.delta, strict=True)}
            along = sp.Poly(sp.expand(f.delta[i] * sp.diff(f.expression, f.y[i]).subs(way)), t)
            for m in range(1, order + 1):
                layer = sp.Add(*(e[i] * J for e, J in table.items() if sum(e) == m))
                yield Step(f"n = {n}: Σ_{{|κ|={m}}} κ_i I(κ), i = {i + 1}", along.nth(m - 1), layer)
            for K in range(1, order):
                whole = sp.integrate(along.as_expr(), (t, 0, 1))
                kept = sp.Add(*(sp.Rational(e[i], sum(e)) * J for e, J in table.items() if sum(e) <= K))
                lost = sp.Add(*(along.nth(m - 1) / m for m in range(K + 1, order + 1)))
                yield Step(f"n = {n}, K = {K}: the error of IG, i = {i + 1}", whole - kept, lost)
    f, K = Polynomial(3, 3), 2
    table = f.effects()
    for i in everyone(3):
        kept = sp.Add(*(J / len(support(e)) for e, J in table.items() if sum(e) <= K and i in support(e)))
        tails = sp.Add(*(J / len(support(e)) for e, J in table.items() if sum(e) > K and i in support(e)))
        yield Step(f"n = 3, K = {K}: the error of Shapley, i = {i}", value(f.game(), i) - kept, tails)

    K, m = sp.symbols("K m", integer=True, positive=True)
    rho, excess = sp.symbols("rho delta", positive=True)
    # |[t^{m−1}] ∂_i f| ≤ M_i ρ^{−(m−1)} (series_remainder) and 1/m ≤ 1/(K+1) for m > K.
    yield Step("Σ_{m>K} ρ^{−(m−1)}: one term", tail(rho, K - 1) - tail(rho, K), rho ** (1 - K))
    yield Step("Σ_{m>K} ρ^{−(m−1)}: nothing is left", sp.limit(tail(1 + excess, m), m, sp.oo), sp.Integer(0))

    # |I(κ)| ≤ M r^{|κ|} by Cauchy in each variable. The κ of order m, counted by the last exponent.
    yield from hockey_stick()

    def count(n: Number, m: Number) -> sp.Expr:
        return sp.binomial(n + m - 1, m)

    n = sp.Symbol("n", integer=True, positive=True)
    yield Step("terms of order m: n + 1 variables", count(n, m) + count(n + 1, m - 1), count(n + 1, m))
    yield Step("terms of order m: one variable", count(1, m), sp.Integer(1))
    yield Step("terms of order 0", count(n, sp.Integer(0)), sp.Integer(1))
    for players in range(1, 5):
        for order in range(1, 6):
            listed = sp.Integer(len(list(multi_indices(players, order))))
            yield Step(f"n = {players}, m = {order}: terms", count(players, order), listed)


THEOREM = Theorem(
    name="truncated_ratios",
    statement="IG to order K: |error| ≤ |Δ_i| M_i ρ^{−(K−1)}/((K+1)(ρ−1));  Shapley: Σ_{S∋i} tail(S)/|S|;  "
    "Σ_{|κ|=m} |I(κ)| ≤ M C(n+m−1, m) r^m",
    source="(60), (61), T14",
    covers="the error terms with all coefficients for n = 2, order ≤ 4 and n = 3, order ≤ 3; the "
    "geometric tail for symbolic K; the number of terms for symbolic n, m",
    lifts="Cauchy's estimate in one and in n variables, 1/m ≤ 1/(K+1), the triangle inequality",
    prove=prove,
)
