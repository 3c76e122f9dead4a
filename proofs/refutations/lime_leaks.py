"""LIME gives an interaction to variables that have no part in it.

J({1, 2}) = 1 of three players, kernel π ∝ 1/(1 + k) for k players present: a_3 = −1/110.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.games import everyone, label, subsets, unanimity
from proofs.refutations.refutation import Case, Finding, Refutation, cells

LARGEST = 4
"""Players of a game at most."""


def by_distance(n: int, k: int) -> sp.Expr:
    """Return 1/(1 + k)."""
    return sp.Rational(1, 1 + k)


def uniform(n: int, k: int) -> sp.Expr:
    """Return 1, which makes the fit Banzhaf's."""
    return sp.Integer(1)


def cases(kernel: Callable[[int, int], sp.Expr] = by_distance) -> Iterator[Case]:
    """Every unanimity game, outside its coalition."""
    for n in range(1, LARGEST + 1):
        masks = subsets(everyone(n))
        design = sp.Matrix([[1, *(int(i in T) for i in range(1, n + 1))] for T in masks])
        scale = sp.diag(*(kernel(n, len(T)) for T in masks))
        fit = (design.T * scale * design).inv() * design.T * scale
        for S in masks[1:]:
            v = unanimity(n, S)
            scores = fit * sp.Matrix([v[T] for T in masks])
            for i in sorted(everyone(n) - S):
                yield Case((n, len(S)), f"n = {n}, S = {label(S)}, a_{i}", scores[i], sp.Integer(0))


REFUTATION = Refutation(
    name="lime_leaks",
    title="LIME gives an interaction to variables that have no part in it.",
    claim="a player i ∉ S gets nothing of the game with J(S) = 1 and no other effect",
    hypotheses="weighted least squares over all masks, no penalty",
    statement="J({1, 2}) = 1 of three players, kernel 1/(1 + k): a_3 = −1/110",
    source="(67)",
    covers="unanimity games, n ≤ 4, by n, |S|",
    lifts="B_s ≠ 0 in general; uniform weights and Shapley's kernel are exceptions, see the theorem lime",
    findings=(
        Finding(
            claim="a_i = 0 for i ∉ S",
            cases=cases,
            witness="n = 3, S = 12, a_3",
            left=sp.Rational(-1, 110),
            right=0,
            refutes=cells("lime", "baseline", "C2"),
        ),
    ),
)
