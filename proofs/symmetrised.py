"""The mean over all names keeps the criteria, and leads from every complete support-level rule to Shapley.

Statement: w̄_i(κ) = (1/n!) Σ_π w_{π(i)}(πκ), πκ the term with its exponents at the players π gives them to,
keeps C2 and C3. If w is support-level, does not leak and is complete, then w̄_{i,S} = 1/|S| on S.

Hypotheses: none.

Source: eq. (74), (27), (11).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import permutations
from math import factorial

import sympy as sp

from proofs.games import Coalition, everyone, label, subsets
from proofs.smooth import support, up_to
from proofs.theorem import Step, Theorem


def equal_parts(i: int, S: Coalition) -> sp.Expr:
    """Return 1/|S| for i ∈ S."""
    return sp.Rational(int(i in S), len(S))


def renamings(n: int) -> list[Mapping[int, int]]:
    """Return every π of 1, …, n."""
    return [dict(enumerate(order, 1)) for order in permutations(range(1, n + 1))]


def prove(mean: Callable[[int, Coalition], sp.Expr] = equal_parts) -> Iterator[Step]:
    """Any complete support-level rule for n ≤ 4, any complete rule for n ≤ 3.

    Args:
        mean: What a complete support-level rule without leak becomes.

    Yields:
        The steps.
    """
    for n in (1, 2, 3, 4):
        rows = {}
        for S in subsets(everyone(n))[1:]:
            first, *others = sorted(S)
            free = {j: sp.Symbol(f"w{j}[{label(S)}]") for j in others}
            rows[S] = {first: 1 - sp.Add(*free.values()), **free}
        for S in rows:
            for i in everyone(n):
                moved = [(pi[i], frozenset(pi[j] for j in S)) for pi in renamings(n)]
                total = sp.Add(*(rows[T].get(j, sp.Integer(0)) for j, T in moved))
                yield Step(f"n = {n}: {i} in {label(S)}", total / factorial(n), mean(i, S))
    for n, order in ((2, 4), (3, 3)):
        rows = {}
        for kappa in up_to(n, order):
            inside = sorted(support(kappa))
            free = {j: sp.Symbol(f"w{j}{kappa}") for j in inside[1:]}
            rows[kappa] = {inside[0]: 1 - sp.Add(*free.values()), **free}
        for kappa in rows:
            means = []
            for i in range(1, n + 1):
                parts = []
                for pi in renamings(n):
                    moved = [0] * n
                    for j, power in enumerate(kappa, 1):
                        moved[pi[j] - 1] = power
                    parts.append(rows[tuple(moved)].get(pi[i], sp.Integer(0)))
                means.append(sp.Add(*parts) / factorial(n))
                if not kappa[i - 1]:
                    yield Step(f"κ = {kappa}: C2 for {i}", means[-1], sp.Integer(0))
            yield Step(f"κ = {kappa}: C3", sp.Add(*means), sp.Integer(1))


THEOREM = Theorem(
    name="symmetrised",
    statement="the mean over all names keeps C2 and C3; of a support-level rule with both it is Shapley",
    source="(74), (27), (11)",
    covers="any rule with C2 and C3: support-level for n ≤ 4; to order 4 for n = 2 and order 3 for n = 3",
    lifts="w̄ gives members of S that can be exchanged the same, and all of S can: 1/|S| each, every n",
    prove=prove,
)
