"""Mixtures of rules that satisfy the three criteria satisfy them.

Statement: let the rows w and w' of two rules vanish off supp κ (C2) and add up to 1 (C3). Then so do the
rows λw + (1−λ)w' for every λ, and C3 implies C1: Σ_i |w_i(κ)| ≥ |Σ_i w_i(κ)| = 1. The scores mix in the
same way, and mixing commutes with the change of frame.

Hypotheses: none.

Source: eq. (71), (11), (10), (9a).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import sympy as sp

from proofs.frame_of_ratios import below, transport
from proofs.smooth import support, up_to
from proofs.theorem import Step, Theorem

LAMBDA = sp.Symbol("lambda")


def mix(first: sp.Expr, second: sp.Expr) -> sp.Expr:
    """Return λ·first + (1−λ)·second."""
    return LAMBDA * first + (1 - LAMBDA) * second


def prove(mixture: Callable[[sp.Expr, sp.Expr], sp.Expr] = mix) -> Iterator[Step]:
    """Two arbitrary complete rules without leak on n ≤ 3 variables to order 4."""
    for n, order in ((1, 4), (2, 4), (3, 3)):
        rules = []
        for letter in ("w", "r"):
            rows = {}
            for kappa in up_to(n, order):
                inside = sorted(support(kappa))
                free = [sp.Symbol(f"{letter}{i}{kappa}") for i in inside[1:]]
                entries = dict(zip(inside, [1 - sp.Add(*free), *free], strict=True))
                rows[kappa] = [entries.get(i, sp.Integer(0)) for i in range(1, n + 1)]
            rules.append(rows)
        mixed = {
            kappa: [mixture(a, b) for a, b in zip(rules[0][kappa], rules[1][kappa], strict=True)]
            for kappa in rules[0]
        }
        for kappa, row in mixed.items():
            yield Step(f"κ = {kappa}: C3", sp.Add(*row), sp.Integer(1))
            for i in range(n):
                if not kappa[i]:
                    yield Step(f"κ = {kappa}: C2 for {i + 1}", row[i], sp.Integer(0))
        effects = {kappa: sp.Symbol(f"I{kappa}") for kappa in mixed}
        for i in range(n):
            scores = [sp.Add(*(rows[k][i] * J for k, J in effects.items())) for rows in rules]
            stated = sp.Add(*(mixed[k][i] * J for k, J in effects.items()))
            yield Step(f"n = {n}: the scores of {i + 1}", mixture(*scores), stated)
        for kappa, i in product(up_to(n, 2), range(n)):
            moved = [sp.Add(*(transport(kappa, mu) * rows[mu][i] for mu in below(kappa))) for rows in rules]
            after = sp.Add(*(transport(kappa, mu) * mixed[mu][i] for mu in below(kappa)))
            yield Step(f"κ = {kappa}: the other frame, {i + 1}", mixture(*moved), after)


THEOREM = Theorem(
    name="mixtures",
    statement="λw + (1−λ)w' satisfies C2 and C3 if w and w' do; C3 implies C1; scores and frames mix alike",
    source="(71), (11), (9a)",
    covers="any two complete rules without leak, n ≤ 2 to order 4, n = 3 to order 3; frames to order 2",
    lifts="C2 and C3 are linear equations of one row: every κ and n; the triangle inequality: C1",
    prove=prove,
)
