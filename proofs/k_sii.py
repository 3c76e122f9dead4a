"""k-SII (n-Shapley values): the Bernoulli form, and why the values add up.

Statement: the recursion Φ_k(S) = SII(S) for s = k, Φ_k(S) = Φ_{k−1}(S) + B_{k−s} Σ_{R⊆N∖S, |S∪R|=k} SII(S∪R)
for s < k has the solution Φ_k(S) = Σ_{T⊇S} c(s, t) J(T) with
c(s, t) = Σ_{r=0}^{min(k,t)−s} C(t−s, r) B_r/(t−s−r+1), B_1 = −½. Here
c(s, t) = [s = t] for t ≤ k, and Σ_{1≤|S|≤k} Φ_k(S) = v(N) − v(∅).

Hypotheses: none on v; 1 ≤ k ≤ n.

Source: eq. (62); Bordt, von Luxburg, arXiv 2209.04012.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.games import effects, everyone, game, label, subsets
from proofs.shapley_interaction_index import defined as sii
from proofs.theorem import Step, Theorem


def bernoulli(r: int) -> sp.Expr:
    """Return B_r with B_1 = −½: r! times the coefficient of z^r in z/(e^z − 1)."""
    return sp.Rational(-1, 2) if r == 1 else sp.bernoulli(r)


def claimed(s: int, t: int, k: int) -> sp.Expr:
    """Return c(s, t)."""
    terms = (sp.binomial(t - s, r) * bernoulli(r) / (t - s - r + 1) for r in range(min(k, t) - s + 1))
    return sp.Add(*terms)


def prove(coefficient: Callable[[int, int, int], sp.Expr] = claimed) -> Iterator[Step]:
    """Two identities for all sizes, the recursion for n ≤ 4, and finite ranges of the coefficients."""
    z, q, r, s, t, u = sp.symbols("z q r s t u", positive=True, integer=True)
    # Σ_r C(q, r) B_r/(q−r+1) is q! times the coefficient of z^q in (Σ B_r z^r/r!)(Σ z^j/(j+1)!), which is 1:
    # c(s, t) = [s = t] for t ≤ k, and, times q+1, Σ_{r<u} C(u, r) B_r = [u = 1].
    yield Step("the two generating functions", z / (sp.exp(z) - 1) * ((sp.exp(z) - 1) / z), sp.Integer(1))
    yield Step(
        "the product's coefficient",
        sp.factorial(q) / (sp.factorial(r) * sp.factorial(q - r + 1)),
        sp.binomial(q, r) / (q - r + 1),
    )
    yield Step("the same over q+1", sp.binomial(q, r) / (q - r + 1), sp.binomial(q + 1, r) / (q + 1))
    # Sum over S: a T of t players has C(t, s) subsets S. Regroup over u = s+r ≤ k, r from 0 to u−1.
    yield Step(
        "regrouping the sum over S",
        sp.binomial(t, s) * sp.binomial(t - s, u - s) / (t - u + 1),
        sp.binomial(t, u) * sp.binomial(u, u - s) / (t - u + 1),
    )
    yield Step("what is left, u = 1", sp.binomial(t, 1) / t, sp.Integer(1))

    for n in (1, 2, 3, 4):
        N, v = everyone(n), game(n)
        J = effects(v)
        index = {S: sii(v, S, n) for S in subsets(N)[1:]}
        values = {}
        for k in range(1, n + 1):
            for S in (S for S in index if len(S) <= k):
                further = sp.Add(*(index[S | R] for R in subsets(N - S) if len(S | R) == k))
                values[S] = index[S] if len(S) == k else values[S] + bernoulli(k - len(S)) * further
                stated = sp.Add(*(coefficient(len(S), len(T), k) * J[T] for T in J if T >= S))
                yield Step(f"n = {n}, k = {k}: the recursion at {label(S)}", values[S], stated)
            yield Step(f"n = {n}, k = {k}: the sum", sp.Add(*values.values()), v[N] - v[frozenset()])
    for k in range(1, 7):
        for size in range(1, 11):
            total = sp.Add(
                *(sp.binomial(size, s) * coefficient(s, size, k) for s in range(1, min(size, k) + 1))
            )
            yield Step(f"k = {k}, t = {size}: J(T) is given out once", total, sp.Integer(1))
            if size <= k:
                for s in range(1, size + 1):
                    yield Step(f"k = {k}: c({s}, {size})", coefficient(s, size, k), sp.Integer(s == size))


THEOREM = Theorem(
    name="k_sii",
    statement="k-SII(S) = Σ_{T⊇S} J(T) Σ_{r=0}^{min(k,t)−s} C(t−s, r) B_r/(t−s−r+1);  "
    "[s = t] for t ≤ k;  sums to v(N) − v(∅)",
    source="(62)",
    covers="the two sums for symbolic sizes by generating functions; recursion for n ≤ 4; k ≤ 6, t ≤ 10",
    lifts="the recursion collects Σ_r B_r Σ_{|R|=r} SII(S∪R), where C(t−s, r) of the R lie in T: every n, k",
    prove=prove,
)
