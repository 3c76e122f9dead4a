"""No leak and completeness of a rule hold in one frame iff they hold in the other.

Statement: w^x(κ) = Σ_{0≠μ≤κ} (−1)^{|μ|+1} C(κ, μ) w(μ) vanishes at i if w does wherever μ_i = 0 and κ_i = 0,
and its row sums are 1 if those of w are, since Σ_{0≠μ≤κ} (−1)^{|μ|+1} C(κ, μ) = 1. The map is its own
inverse, so the converse holds too.

Hypotheses: none.

Source: eq. (9a), (11).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import sympy as sp

from proofs.binomials import binomial_theorem
from proofs.frame_of_ratios import below, transport
from proofs.smooth import support, up_to
from proofs.theorem import Number, Step, Theorem


def prove(coefficient: Callable[[Sequence[Number], Sequence[Number]], sp.Expr] = transport) -> Iterator[Step]:
    """Any complete rule without leak for n ≤ 3; the sum of the coefficients for symbolic exponents."""
    for n, order in ((1, 5), (2, 4), (3, 3)):
        rows = {}
        for kappa in up_to(n, order):
            inside = sorted(support(kappa))
            free = [sp.Symbol(f"w{i}{kappa}") for i in inside[1:]]
            entries = dict(zip(inside, [1 - sp.Add(*free), *free], strict=True))
            rows[kappa] = [entries.get(i, sp.Integer(0)) for i in range(1, n + 1)]
        for kappa in rows:
            moved = [sp.Add(*(coefficient(kappa, mu) * rows[mu][i] for mu in below(kappa))) for i in range(n)]
            yield Step(f"κ = {kappa}: C3", sp.Add(*moved), sp.Integer(1))
            for i in range(n):
                if not kappa[i]:
                    yield Step(f"κ = {kappa}: C2 for {i + 1}", moved[i], sp.Integer(0))
    # Σ_μ C(κ, μ) (−t)^μ = Π (1 − t_j)^{κ_j} is 0 at t = 1 for κ ≠ 0; its term μ = 0 is 1.
    yield from binomial_theorem()
    k, q = sp.symbols("kappa_1 kappa_2", integer=True, positive=True)
    t = sp.Symbol("t", positive=True)
    generated = (1 - t) ** k * (1 - t) ** q
    yield Step("Σ_{0≠μ≤κ} (−1)^{|μ|+1} C(κ, μ) = 1", 1 - generated.subs(t, 1), sp.Integer(1))
    term = coefficient((k, q), (sp.Integer(1), sp.Integer(0)))
    yield Step("its first term", term, k)


THEOREM = Theorem(
    name="criteria_in_both_frames",
    statement="w^x keeps C2, as μ ≤ κ has only players of κ, and C3, as Σ_{0≠μ≤κ} (−1)^{|μ|+1} C(κ, μ) = 1",
    source="(9a), (11)",
    covers="any complete rule without leak for n = 1, order ≤ 5; n = 2, order ≤ 4; n = 3, order ≤ 3; the sum "
    "of the coefficients for two symbolic exponents",
    lifts="the generating function is a product over players: every n and κ; C2 is about one term at a time",
    prove=prove,
)
