"""Prediction Difference is Occlusion-1 in the frame of each reference, averaged.

Statement: a_i = f(x) − E_b f(x with coordinate i replaced by b_i) = E_b Σ_S 1[i ∈ S] J_b(S), where v_b(T)
= f(x on T, b elsewhere) and J_b is its Möbius transform. The inner sum does not depend on b_j, j ≠ i.

Hypotheses: none on f; the means exist; the output is averaged as it is, without a nonlinear function
around it.

Source: eq. (26), (25); the attribution is that of Robnik-Šikonja, Kononenko 2008 (per variable) and
Zintgraf et al., arXiv 1702.04595.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import sympy as sp

from proofs.games import Coalition, Game, effects, everyone, subsets
from proofs.occlusion_1 import share
from proofs.theorem import Step, Theorem


def prove(ratio: Callable[[int, Coalition], sp.Expr] = share) -> Iterator[Step]:
    """A symbol for f at every mixture of the input and the references, and symbolic probabilities.

    Args:
        ratio: The weight of J_b(S), for each reference b, from the player i and the coalition S.

    Yields:
        The steps.
    """
    for n, sources in ((1, 3), (2, 3), (3, 2)):
        N = everyone(n)

        def value(origins: Sequence[int]) -> sp.Symbol:
            return sp.Symbol("f(" + " ".join("x" if not r else f"b{r}" for r in origins) + ")")

        def masked(reference: Sequence[int], n: int = n) -> Game:
            """Return v(T) for a point whose coordinate j comes from reference[j−1]."""
            return {
                T: value([0 if j in T else reference[j - 1] for j in range(1, n + 1)])
                for T in subsets(everyone(n))
            }

        def counted(reference: Sequence[int], i: int) -> sp.Expr:
            return sp.Add(*(ratio(i, S) * J for S, J in effects(masked(reference)).items() if S))

        chances = sp.symbols(f"p1:{sources + 1}", positive=True)
        certain = {chances[-1]: 1 - sp.Add(*chances[:-1])}
        for i in N:
            kept = value([0] * n)
            means = sp.Add(
                *(
                    p * value([r if j == i else 0 for j in range(1, n + 1)])
                    for r, p in enumerate(chances, start=1)
                )
            )
            stated = sp.Add(*(p * counted([r] * n, i) for r, p in enumerate(chances, start=1)))
            yield Step(
                f"n = {n}, {sources} references: a_{i}", (kept - means).subs(certain), stated.subs(certain)
            )
            for reference in product(range(1, sources + 1), repeat=n):
                same = [reference[i - 1]] * n
                yield Step(
                    f"n = {n}, reference {reference}: only coordinate {i} of it matters",
                    counted(reference, i),
                    counted(same, i),
                )


THEOREM = Theorem(
    name="prediction_difference",
    statement="f(x) − E_b f(x with b_i for x_i) = E_b Σ_{S∋i} J_b(S), and Σ_{S∋i} J_b(S) depends on b_i "
    "alone",
    source="(26), (25)",
    covers="all values of f, symbolic probabilities; n ≤ 2 with 3 references, n = 3 with 2",
    lifts="the theorem occlusion_1 for each reference: every n; the mean is linear: any distribution",
    prove=prove,
)
