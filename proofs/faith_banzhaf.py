"""Faith-Banzhaf: the best additive-to-order-k fit over all coalitions alike.

Statement: the E minimising Σ_T (v(T) − Σ_{S⊆T, |S|≤k} E(S))² is, for S ≠ ∅, E(S) = Σ_{T⊇S} c(s, t) J(T) with
c(s, t) = [s = t] for t ≤ k and c(s, t) = (−1)^{k−s} 2^{−(t−s)} C(t−s−1, k−s) for t > k; E(∅) is that sum over
T ≠ ∅, plus J(∅).

Hypotheses: none on v; 1 ≤ k ≤ n.

Source: eq. (77); Tsai, Yeh, Ravikumar, arXiv 2203.00870. Derived here for every n: with z_i = 1[i ∈ T], the
functions χ_R = Π_{i∈R} (2z_i − 1) are orthonormal under the uniform distribution (Walsh 1923): the fit keeps
those with |R| ≤ k.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.games import everyone, label, subsets
from proofs.theorem import Number, Step, Theorem

LARGEST = 5


def claimed(s: int, t: int, k: int) -> sp.Expr:
    """Return c(s, t)."""
    if t <= k:
        return sp.Integer(s == t)
    return sp.Integer((-1) ** (k - s)) * sp.binomial(t - s - 1, k - s) / sp.Integer(2) ** (t - s)


def prove(coefficient: Callable[[int, int, int], sp.Expr] = claimed) -> Iterator[Step]:
    """The truncated expansion of Π_{i∈T} z_i for all sizes, then the first-order conditions for small n."""
    q, m, s, t = sp.symbols("q m s t", integer=True, positive=True)
    z = sp.Symbol("z")
    # One factor of χ, z = 0 or 1 alike often: mean 0, mean square 1. The factors are independent.
    chi = 2 * z - 1
    yield Step("mean of χ_i", (chi.subs(z, 0) + chi.subs(z, 1)) / 2, sp.Integer(0))
    yield Step("mean of χ_i²", (chi.subs(z, 0) ** 2 + chi.subs(z, 1) ** 2) / 2, sp.Integer(1))
    yield Step("z_i = (1 + χ_i)/2, so Π_T z_i = 2^{−t} Σ_{R⊆T} χ_R", (1 + chi) / 2, z)
    # χ_R = Σ_{S⊆R} 2^s (−1)^{r−s} Π_S z_i; with r = s + j, C(t−s, j) of the R ⊇ S have this size.
    yield Step("the weight of S in one χ_R", 2**s * 2**-t, 2 ** (s - t))

    def partial(m: Number) -> sp.Expr:
        """Return Σ_{j≤m} (−1)^j C(q, j), q = t − s, m = k − s."""
        return sp.Integer(-1) ** m * sp.binomial(q - 1, m)

    yield Step("the sum over j ≤ 0", partial(sp.Integer(0)), sp.Integer(1))
    yield Step("one more j", partial(m) - partial(m - 1), sp.Integer(-1) ** m * sp.binomial(q, m))
    for largest in range(1, LARGEST + 1):
        for k in range(1, largest + 1):
            for size in range(1, largest + 1):
                yield from _fit(largest, k, size, coefficient)


def _fit(n: int, k: int, size: int, coefficient: Callable[[int, int, int], sp.Expr]) -> Iterator[Step]:
    """The residual of the game J(T) = 1, |T| = size, is orthogonal to every column Π_S z_i, |S| ≤ k."""
    T = frozenset(range(1, size + 1))
    fitted = {S: coefficient(len(S), size, k) for S in subsets(T) if len(S) <= k}
    columns = [S for S in subsets(everyone(n)) if len(S) <= k]
    residual = {
        A: sp.Integer(T <= A) - sp.Add(*(E for S, E in fitted.items() if S <= A))
        for A in subsets(everyone(n))
    }
    for S in columns:
        inner = sp.Add(*(r for A, r in residual.items() if S <= A))
        yield Step(f"n = {n}, k = {k}, t = {size}: column {label(S)}", inner, sp.Integer(0))


THEOREM = Theorem(
    name="faith_banzhaf",
    statement="Faith-Banzhaf(S) = Σ_{T⊇S} c(s, t) J(T);  c = [s = t] for t ≤ k, "
    "else (−1)^{k−s} 2^{−(t−s)} C(t−s−1, k−s)",
    source="(77)",
    covers=f"c(s, t) for symbolic s, t, k; the normal equations of every game for n ≤ {LARGEST}",
    lifts="the fit is linear in v, hence in J: one effect at a time is enough",
    prove=prove,
)
