"""Expected Gradients share each effect with the reference it belongs to, and in one fixed frame they do not.

Statement: a_i = E_b E_α [(x_i − b_i) ∂_i f(b + α(x − b))], α uniform on [0, 1], equals E_b Σ_κ (κ_i/m)
I_b(κ), and Σ_i a_i = f(x) − E f(b). In the frame of b̄ = E b the weight is another one: f = (x_1 − b̄)²
with b = b̄ ± τ equally likely gives I(2) the weight 1 − τ²/Δ², Δ = x_1 − b̄.

Hypotheses: for almost every b the Taylor series of f at b converges absolutely at x, and means exist.

Source: eq. (21), (22), (18); the attribution is that of Erion et al., arXiv 1906.10670.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import sympy as sp

from proofs.integrated_gradients import integrated, share
from proofs.smooth import Polynomial
from proofs.theorem import Number, Step, Theorem


def share_at_the_mean(tau: sp.Expr, delta: sp.Expr) -> sp.Expr:
    """Return 1 − τ²/Δ², the weight of (x_1 − b̄)² in the frame of b̄."""
    return 1 - tau**2 / delta**2


def prove(
    ratio: Callable[[Number, Number], sp.Expr] = share,
    at_the_mean: Callable[[sp.Expr, sp.Expr], sp.Expr] = share_at_the_mean,
) -> Iterator[Step]:
    """Two references with symbolic probabilities and positions; then the example of one fixed frame.

    Args:
        ratio: The weight w_i(κ) of I_b(κ), for each reference b, from k = κ_i and m = |κ|.
        at_the_mean: The weight of (x_1 − b̄)² in the frame of b̄, from τ and Δ.

    Yields:
        The steps.
    """
    k, q = sp.symbols("kappa_i rest", integer=True, positive=True)
    y, way = sp.symbols("y1:3", positive=True), sp.symbols("Delta1:3", positive=True)
    own, others = way[0] ** k, way[1] ** q
    product = integrated(y[0] ** k * y[1] ** q, y, way, 0)
    yield Step("one reference, (y − b)^κ", product, ratio(k, k + q) * own * others)
    yield Step("one reference, a pure power", integrated(y[0] ** k, y, way, 0), ratio(k, k) * own)
    yield Step("one reference, a term without y_i", integrated(y[1] ** q, y, way, 0), ratio(0, q) * others)

    for n, order in ((1, 4), (2, 3)):
        f, chances = Polynomial(n, order), sp.symbols("p1:3", positive=True)
        references = [sp.symbols(f"b{r}_1:{n + 1}") for r in (1, 2)]
        moves = [sp.symbols(f"Delta{r}_1:{n + 1}", nonzero=True) for r in (1, 2)]
        tables = []
        for b, delta in zip(references, moves, strict=True):
            table = {}
            for kappa in f.indices:
                derivative = f.expression
                for variable, times in zip(f.y, kappa, strict=True):
                    derivative = sp.diff(derivative, variable, times)
                factor = f.power(delta, kappa) / math.prod(map(math.factorial, kappa))
                table[kappa] = factor * derivative.subs(dict(zip(f.y, b, strict=True)))
            tables.append(table)
        whole = sp.Integer(0)
        for i in range(n):
            direct = sp.Integer(0)
            for p, b, delta in zip(chances, references, moves, strict=True):
                shifted = f.at([start + v for start, v in zip(b, f.y, strict=True)])
                direct += p * integrated(shifted, f.y, delta, i)
            stated = sp.Add(
                *(
                    p * ratio(e[i], sum(e)) * effect
                    for p, table in zip(chances, tables, strict=True)
                    for e, effect in table.items()
                )
            )
            yield Step(f"n = {n}, order ≤ {order}: a_{i + 1}", direct, stated)
            whole += stated
        ends = sp.Add(
            *(
                p * (f.at([s + d for s, d in zip(b, delta, strict=True)]) - f.at(b))
                for p, b, delta in zip(chances, references, moves, strict=True)
            )
        )
        yield Step(f"n = {n}, order ≤ {order}: Σ a_i = E[f(x) − f(b)]", whole, ends)

    delta, tau = sp.symbols("Delta tau", nonzero=True)
    v = (sp.Symbol("v"),)
    means = [integrated((start + v[0]) ** 2, v, (delta - start,), 0) / 2 for start in (tau, -tau)]
    effect = delta**2  # I(2) of (x_1 − b̄)² at b̄
    yield Step("in the frame of b̄", sp.Add(*means), at_the_mean(tau, delta) * effect)


THEOREM = Theorem(
    name="expected_gradients",
    statement="E_b E_α (x_i − b_i) ∂_i f(b + α(x − b)) = E_b Σ_κ (κ_i/|κ|) I_b(κ);  "
    "at b̄ alone (x_1 − b̄)² has the weight 1 − τ²/Δ²",
    source="(21), (22)",
    covers="per reference monomials with symbolic exponents; two references with symbolic "
    "probabilities, all coefficients for n = 1, order ≤ 4 and n = 2, order ≤ 3",
    lifts="the theorem integrated_gradients for each reference; the mean is linear: any distribution "
    "with means",
    prove=prove,
)
