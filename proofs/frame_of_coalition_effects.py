"""Coalition effects seen from the other end: AND becomes OR.

Statement: for S ≠ ∅, J^x(S) = (−1)^{|S|+1} Σ_{R⊇S} J(R) = −Σ_{T⊆S} (−1)^{|S|−|T|} v(N∖T), and
v(T) − v(∅) = Σ_{S∩T≠∅} J^x(S). Where f has a series, J^x(S) = Σ_{supp κ = S} I^x(κ).

Hypotheses: none for the first two; for the last the series of f at b and its re-expansion at x converge
absolutely.

Source: eq. (8), with (6) and (7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.binomials import alternating_sum
from proofs.games import Coalition, Game, alternating, effects, everyone, game, label, subsets
from proofs.smooth import Polynomial, support
from proofs.theorem import Step, Theorem


def outer_sign(s: int) -> sp.Expr:
    """Return (−1)^{|S|+1}."""
    return sp.Integer(-1) ** (s + 1)


def from_above(J: Game, S: Coalition, sign: Callable[[int], sp.Expr] = outer_sign) -> sp.Expr:
    """Return (−1)^{|S|+1} Σ_{R⊇S} J(R)."""
    return sign(len(S)) * sp.Add(*(J[R] for R in J if R >= S))


def prove(sign: Callable[[int], sp.Expr] = outer_sign) -> Iterator[Step]:
    """Every sum written out for n ≤ 4; then a polynomial of order 4."""
    # J(R) stands in v(N∖T) if R∩T = ∅: in −Σ_{T⊆S} it is counted −(−1)^{|S|} Σ_{T⊆S∖R} (−1)^{|T|} times,
    # which is 0 unless S ⊆ R. In Σ_{S∩T≠∅} J^x(S) it is counted −Σ_{S⊆R} (−1)^{|S|} + Σ_{S⊆R∖T} (−1)^{|S|} =
    # [R ⊆ T] times.
    yield from alternating_sum()
    for n in range(1, 5):
        N = everyone(n)
        v = game(n)
        J = effects(v)
        other = {S: from_above(J, S, sign) for S in subsets(N)[1:]}
        for S, value in other.items():
            values = -sp.Add(*(alternating(len(S), len(T)) * v[N - T] for T in subsets(S)))
            yield Step(f"n = {n}: J^x({label(S)}) from values", value, values)
        for T in subsets(N):
            met = sp.Add(*(value for S, value in other.items() if S & T))
            yield Step(f"n = {n}: v({label(T)}) − v(∅) as a sum of OR-effects", met, v[T] - v[frozenset()])

    f = Polynomial(3, 4)
    J = effects(f.game())
    for S in subsets(everyone(3))[1:]:
        expanded = sp.Add(
            *(
                sp.Integer(-1) ** (sum(kappa) + 1) * f.derivative(kappa, at_input=True)
                for kappa in f.indices
                if support(kappa) == S
            )
        )
        yield Step(
            f"order ≤ 4: J^x({label(S)}) = Σ I^x(κ) over its support", from_above(J, S, sign), expanded
        )


THEOREM = Theorem(
    name="frame_of_coalition_effects",
    statement="J^x(S) = (−1)^{|S|+1} Σ_{R⊇S} J(R) = −Σ_{T⊆S} (−1)^{|S|−|T|} v(N∖T);  "
    "v(T) − v(∅) = Σ_{S∩T≠∅} J^x(S)",
    source="(8), (6)",
    covers="counts with symbolic sizes; all values for n ≤ 4; Σ I^x(κ) for order ≤ 4, n = 3",
    lifts="the counts depend on |S∖R|, |R| and |R∖T| only: every n",
    prove=prove,
)
