"""Faith-SII: the best additive-to-order-k fit under the Shapley kernel.

Statement: the E minimising Σ_{∅≠T≠N} μ(|T|) (v(T) − Σ_{S⊆T, |S|≤k} E(S))², μ(t) ∝ 1/(C(n, t) t (n−t)),
subject to a fit without error at ∅ and N, is E(S) = Σ_{T⊇S} c(s, t) J(T) with c(s, t) = [s = t] for t ≤ k and
c(s, t) = (−1)^{k−s} · s/(k+s) · C(k, s) · C(t−1, k)/C(t+k−1, k+s) for t > k.

Hypotheses: none on v; 1 ≤ k < n (for k = n the fit is exact and E = J).

Source: eq. (62); Tsai, Yeh, Ravikumar, arXiv 2203.00870. The closed form is theirs; here it is verified for
finite n by exact rational least squares, not derived. There is one minimiser: a fit that vanishes on all |A|
≤ k < n has E = 0 (mobius_inversion) and μ > 0, so the problem is strictly convex and its first-order
conditions are sufficient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.theorem import Step, Theorem

LARGEST = 7


def claimed(s: int, t: int, k: int) -> sp.Expr:
    """Return c(s, t)."""
    if t <= k:
        return sp.Integer(s == t)
    sign, share = (-1) ** (k - s), sp.Rational(s, k + s)
    return sign * share * sp.binomial(k, s) * sp.binomial(t - 1, k) / sp.binomial(t + k - 1, k + s)


def kernel(n: int, t: int) -> sp.Expr:
    """Return μ(t) up to a factor, 0 < t < n."""
    return sp.Integer(1) / (sp.binomial(n, t) * t * (n - t))


def fit(size: int, k: int, row: list[sp.Expr]) -> sp.Expr:
    """Return Σ_{S⊆A, |S|≤k} E(S), A holding `size` players of T; E(S) = row[|S|] for S ⊆ T, 0 otherwise."""
    return sp.Add(*(sp.binomial(size, s) * row[s] for s in range(1, min(size, k) + 1)))


def gradient(n: int, t: int, k: int, inside: int, outside: int, row: list[sp.Expr]) -> sp.Expr:
    """Return Σ_{A⊇S, A≠N} μ(A) (v(A) − fit(A)) for v(A) = 1[T ⊆ A], `inside` and `outside` the parts of S."""
    total = sp.Integer(0)
    for a in range(inside, t + 1):
        residual = sp.Integer(a == t) - fit(a, k, row)
        for b in range(outside, n - t + 1):
            if 0 < a + b < n:
                ways = sp.binomial(t - inside, a - inside) * sp.binomial(n - t - outside, b - outside)
                total += ways * kernel(n, a + b) * residual
    return total


def prove(coefficient: Callable[[int, int, int], sp.Expr] = claimed) -> Iterator[Step]:
    """Optimality of the claimed E for each game with one effect: exact at N, equal derivatives for all S."""
    for n in range(2, LARGEST + 1):
        for k in range(1, n):
            for t in range(1, n + 1):
                row = [
                    sp.Integer(0),
                    *(coefficient(s, t, k) if s <= t else sp.Integer(0) for s in range(1, k + 1)),
                ]
                yield Step(f"n = {n}, k = {k}, t = {t}: exact at N", fit(t, k, row), sp.Integer(1))
                # The multiplier: all derivatives equal the one of S = {i}, i ∈ T.
                multiplier = gradient(n, t, k, 1, 0, row)
                for s in range(1, k + 1):
                    for inside in range(max(0, s - (n - t)), min(s, t) + 1):
                        says = f"n = {n}, k = {k}, t = {t}: |S∩T| = {inside}, |S∖T| = {s - inside}"
                        yield Step(says, gradient(n, t, k, inside, s - inside, row), multiplier)


THEOREM = Theorem(
    name="faith_sii",
    statement="Faith-SII(S) = Σ_{T⊇S} c(s, t) J(T);  c = [s = t] for t ≤ k, "
    "else (−1)^{k−s} s/(k+s) C(k, s) C(t−1, k)/C(t+k−1, k+s)",
    source="(62)",
    covers=f"finite: every k < n ≤ {LARGEST}, all games, by exact least squares",
    lifts="nothing here: for larger n the closed form is cited",
    prove=prove,
)
