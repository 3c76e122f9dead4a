"""The Möbius effect of a coalition is the sum of the Taylor effects with that support.

Statement: J(S) = Σ_{T⊆S} (−1)^{|S|−|T|} f(x_T) = Σ_{supp κ = S} I(κ), S ≠ ∅, with I(κ) = ∂^κ f(b) Δ^κ/κ!.

Hypotheses: the Taylor series of f at b converges absolutely at x (then it does at every x_T).

Source: eq. (1), (2), (3); Deng et al., arXiv 2303.01506, for the effects of a support.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.binomials import alternating_sum
from proofs.games import alternating, everyone, label, mobius, subsets
from proofs.smooth import Polynomial, support
from proofs.theorem import Step, Theorem


def monomials(sign: Callable[[int, int], sp.Expr]) -> Iterator[Step]:
    """f = (y − b)^κ with symbolic exponents on a support U: J(S) is Δ^κ for S = U and 0 otherwise, n ≤ 3."""
    for n in (1, 2, 3):
        N = everyone(n)
        delta = {i: sp.Symbol(f"Delta{i}", nonzero=True) for i in N}
        kappa = {i: sp.Symbol(f"kappa{i}", integer=True, positive=True) for i in N}
        for U in subsets(N):
            v = {
                T: sp.Mul(*((delta[i] if i in T else sp.Integer(0)) ** kappa[i] for i in U))
                for T in subsets(N)
            }
            effect = sp.Mul(*(delta[i] ** kappa[i] for i in U))
            for S in subsets(N):
                says = f"n = {n}: J({label(S)}) of a monomial on {label(U)}"
                yield Step(says, mobius(v, S, sign), effect if S == U else sp.Integer(0))


def prove(sign: Callable[[int, int], sp.Expr] = alternating) -> Iterator[Step]:
    """One monomial with symbolic exponents, then a polynomial with a symbol for every coefficient."""
    # For S ⊋ U: v depends on T ∩ U only, so J(S) holds the factor Σ_j (−1)^j C(|S∖U|, j).
    yield from alternating_sum()
    yield from monomials(sign)
    f = Polynomial(3, 4)
    v = f.game()
    for S in subsets(everyone(3))[1:]:
        taylor = sp.Add(*(f.derivative(kappa) for kappa in f.indices if support(kappa) == S))
        yield Step(f"order ≤ 4: J({label(S)}) = Σ I(κ) over its support", mobius(v, S, sign), taylor)
    everything = sp.Add(*(f.derivative(kappa) for kappa in f.indices))
    yield Step("order ≤ 4: f(x) − f(b) = Σ I(κ)", f.at(f.delta) - f.at([0] * 3), everything)


THEOREM = Theorem(
    name="mobius_is_taylor",
    statement="J(S) = Σ_{T⊆S} (−1)^{|S|−|T|} f(x_T) = Σ_{supp κ = S} I(κ)",
    source="(1), (2), (3)",
    covers="monomials with symbolic exponents, n ≤ 3; all coefficients of order ≤ 4 for n = 3",
    lifts="v of a monomial is a product over players, so J(S) factors into one-player differences: every n; "
    "linearity: polynomials; absolute convergence at every x_T: series",
    prove=prove,
)
