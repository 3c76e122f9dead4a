"""What the coverage of every term says about the coverage of a whole effect.

Statement: if Σ_i w_i(κ) = r_S for all κ with supp κ = S, the scores hand out Σ_S r_S J(S): each effect as
a whole r_S times. If the row sums differ on a support it may get nothing: Gradient × Input has the row
sums |κ|, gives the terms −2 and +1 of (1 − x_1)², b = 0, x = 1, the weights 1 and 2, and its effect ψ_1 =
−1 the total 0.

Hypotheses: the sums converge absolutely.

Source: eq. (12), (10), (13).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.games import effects, everyone, label, subsets
from proofs.smooth import Polynomial, support
from proofs.theorem import Number, Step, Theorem


def total(row_sum: sp.Expr, effect: sp.Expr) -> sp.Expr:
    """Return r_S J(S)."""
    return row_sum * effect


def prove(
    handed_out: Callable[[sp.Expr, sp.Expr], sp.Expr] = total,
    sums: Callable[[Number], sp.Expr] = sp.sympify,
) -> Iterator[Step]:
    """Any weights whose rows have one sum per support, on a polynomial of order 4; then the example."""
    f = Polynomial(3, 4)
    J, table = effects(f.game()), f.effects()
    for S in subsets(everyone(3))[1:]:
        r = sp.Symbol(f"r({label(S)})")
        shared = sp.Integer(0)
        for kappa, effect in table.items():
            if support(kappa) == S:
                free = [sp.Symbol(f"w{i}({kappa})") for i in (1, 2)]
                rows = [*free, r - sp.Add(*free)]  # three weights of any size that add up to r
                shared += sp.Add(*(w * effect for w in rows))
        yield Step(f"supp κ = {label(S)}: what is handed out", shared, handed_out(r, J[S]))

    x = sp.Symbol("x")
    terms = sp.Poly(sp.expand((1 - x) ** 2), x)
    effect = [terms.coeff_monomial(x**m) for m in (1, 2)]
    yield Step("(1 − x_1)²: ψ_1 from the terms −2 and +1", sp.Add(*effect), sp.Integer(-1))
    attributed = (x * sp.diff((1 - x) ** 2, x)).subs(x, 1)
    weighted = sp.Add(*(sums(m) * e for m, e in zip((1, 2), effect, strict=True)))
    yield Step("(1 − x_1)²: Gradient × Input", attributed, weighted)
    yield Step("(1 − x_1)²: ψ_1 gets nothing", weighted, sp.Integer(0))


THEOREM = Theorem(
    name="coverage_of_effects",
    statement="row sums r_S on supp κ = S hand out Σ_S r_S J(S); unequal ones can hand out 0 of an effect: "
    "Gradient × Input on (1 − x_1)²",
    source="(12), (10)",
    covers="any weights of any sums r_S, all coefficients of order ≤ 4, n = 3; the example",
    lifts="r_S is a common factor of the terms of S: every n and order; absolute convergence: series",
    prove=prove,
)
