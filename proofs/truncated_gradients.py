"""What Gradient × Input loses if only effects up to an order are known.

Statement: Δ_i ∂_i f(x) from the orders ≤ K is off by Σ_{|κ|>K} κ_i I(κ). On a polydisc with |f| ≤ M and |Δ_j|
≤ r R_j, r < 1, the order m contributes at most M C(n+m−1, n) r^m, since Σ_{|κ|=m} κ_i = C(n+m−1, n); this is
m/n times M C(n+m−1, m) r^m, and so less than the bound with m r^m in place of r^m. For n = 1 the sum over m >
K is M r^{K+1} (K + 1 − K r)/(1 − r)².

Hypotheses: f analytic on the polydisc.

Source: eq. (61), (13).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.smooth import Polynomial, multi_indices
from proofs.theorem import Number, Step, Theorem


def exponents(n: Number, m: Number) -> sp.Expr:
    """Return Σ_{|κ|=m} κ_i = C(n+m−1, n)."""
    return sp.binomial(n + m - 1, n)


def tail(r: sp.Expr, K: Number) -> sp.Expr:
    """Return Σ_{m>K} m r^m."""
    return r ** (K + 1) * (K + 1 - K * r) / (1 - r) ** 2


def prove(
    counted: Callable[[Number, Number], sp.Expr] = exponents,
    rest: Callable[[sp.Expr, Number], sp.Expr] = tail,
) -> Iterator[Step]:
    """The error written out on polynomials; the exponents of one order added up; the tail for n = 1.

    Args:
        counted: Σ_{|κ|=m} κ_i from n and m.
        rest: Σ_{m>K} m r^m from r and K.

    Yields:
        The steps.
    """
    for n, order in ((2, 4), (3, 3)):
        f = Polynomial(n, order)
        table = f.effects()
        for i in range(n):
            slope = sp.diff(f.expression, f.y[i]).subs(dict(zip(f.y, f.delta, strict=True)))
            for K in range(1, order):
                kept = sp.Add(*(e[i] * J for e, J in table.items() if sum(e) <= K))
                lost = sp.Add(*(e[i] * J for e, J in table.items() if sum(e) > K))
                yield Step(f"n = {n}, K = {K}: the error, i = {i + 1}", f.delta[i] * slope - kept, lost)

    # |I(κ)| ≤ M r^{|κ|} by Cauchy in each variable. n Σ κ_i = Σ |κ| = m C(n+m−1, m) by symmetry.
    n, m, K = sp.symbols("n m K", integer=True, positive=True)
    yield Step("n Σ_{|κ|=m} κ_i = m C(n+m−1, m)", n * counted(n, m), m * sp.binomial(n + m - 1, m))
    for players in range(1, 5):
        for order in range(1, 6):
            listed = sp.Integer(sum(kappa[0] for kappa in multi_indices(players, order)))
            yield Step(f"n = {players}, m = {order}: Σ κ_i", counted(players, order), listed)
    r, gap = sp.symbols("r gap", positive=True)
    yield Step("Σ_{m>K} m r^m: one term", rest(r, K - 1) - rest(r, K), K * r**K)
    # With r = 1/(1 + gap) the tail is a polynomial in K over (1 + gap)^K.
    shrunk = sp.limit(rest(1 / (1 + gap), m), m, sp.oo)
    yield Step("Σ_{m>K} m r^m: nothing is left", shrunk, sp.Integer(0))


THEOREM = Theorem(
    name="truncated_gradients",
    statement="Gradient × Input to order K: |error| ≤ M Σ_{m>K} C(n+m−1, n) r^m = M Σ_{m>K} (m/n) C(n+m−1, "
    "m) r^m",
    source="(61), (13)",
    covers="the error terms with all coefficients for n = 2, order ≤ 4 and n = 3, order ≤ 3; Σ κ_i for "
    "symbolic n, m; the tail for n = 1 and symbolic K",
    lifts="Cauchy's estimate in n variables, the symmetry of Σ_{|κ|=m} κ_i in i, the triangle inequality",
    prove=prove,
)
