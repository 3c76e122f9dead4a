"""The three criteria as claims about a method, one case for every small polynomial."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

import sympy as sp

from proofs.refutations.polynomials import Setting
from proofs.refutations.refutation import Case

Method: TypeAlias = Callable[[sp.Expr, Sequence[sp.Symbol], Sequence[int]], Sequence[sp.Expr]]
"""f, its variables and the input -> a_1, …, a_n against the baseline 0."""


def complete(method: Method, settings: Iterable[Setting]) -> Iterator[Case]:
    """C3: the one effect is handed out once, Σ_i a_i = Σ_κ I(κ)."""
    for s in settings:
        yield Case(s.size, s.says, sp.Add(*method(s.f, s.y, s.x)), sp.Add(*s.effects().values()))


def no_leak(method: Method, settings: Iterable[Setting]) -> Iterator[Case]:
    """C2: who has no part in the effects gets nothing, a_i = 0."""
    for s in settings:
        scores = method(s.f, s.y, s.x)
        for i in range(1, len(s.x) + 1):
            if i not in s.part:
                yield Case(s.size, f"{s.says}, a_{i}", scores[i - 1], sp.Integer(0))


def covered(method: Method, settings: Iterable[Setting]) -> Iterator[Case]:
    """C1: an effect that is not 0 reaches somebody, Σ_i |a_i| ≠ 0."""
    for s in settings:
        if sp.Add(*s.effects().values()) != 0:
            total = sp.Add(*(sp.Abs(a) for a in method(s.f, s.y, s.x)))
            yield Case(s.size, s.says, total, sp.Integer(0))
