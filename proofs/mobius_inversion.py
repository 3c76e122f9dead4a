"""Möbius inversion over coalitions.

Statement: for v, J on the subsets of N, v(S) = Σ_{T⊆S} J(T) for all S exactly if
J(S) = Σ_{T⊆S} (−1)^{|S|−|T|} v(T) for all S.

Hypotheses: none; v is any table of 2ⁿ numbers.

Source: eq. (3) and T12; Rota (1964), Harsanyi (1963).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.binomials import alternating_sum
from proofs.games import alternating, effects, everyone, game, label, mobius, subsets
from proofs.theorem import Step, Theorem


def prove(sign: Callable[[int, int], sp.Expr] = alternating) -> Iterator[Step]:
    """Count how often v(T) arrives in Σ_{R⊆S} J(R); then write every sum out for n ≤ 4."""
    # v(T) arrives through every R with T ⊆ R ⊆ S, hence through C(|S∖T|, j) of them with |R| = |T| + j.
    yield from alternating_sum(sign)
    for n in range(1, 5):
        N = everyone(n)
        v, J = game(n), game(n, "J")
        back = sp.Add(*(mobius(v, R, sign) for R in subsets(N)))
        yield Step(f"n = {n}: Σ_R J(R) over R ⊆ N is v(N)", back, v[N])
        sums = {S: sp.Add(*(J[T] for T in subsets(S))) for S in J}
        for S in subsets(N):
            yield Step(f"n = {n}: J({label(S)}) from the sums of J", mobius(sums, S, sign), J[S])
            yield Step(
                f"n = {n}: the same S of the table of all J",
                sp.Add(*(effects(v)[T] for T in subsets(S))),
                v[S],
            )


THEOREM = Theorem(
    name="mobius_inversion",
    statement="v(S) = Σ_{T⊆S} J(T) for all S  ⇔  J(S) = Σ_{T⊆S} (−1)^{|S|−|T|} v(T)",
    source="(3), T12",
    covers="the coefficient of v(T) for symbolic |S∖T|; all sums written out for n ≤ 4",
    lifts="the coefficient depends on |S∖T| only, so the symbolic sum is every n",
    prove=prove,
)
