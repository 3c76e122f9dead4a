"""A rule that needs no repair is left as it is.

Statement: if w vanishes off S and Σ_S w = 1, then w_i + (1 − Σ_S w)/(q_i Σ_S 1/q) = w_i, and w_i/Σ_S w = w_i;
if w ≥ 0 as well, it is its own projection on the simplex, with θ = 0. So a repair applied twice is that
applied once.

Hypotheses: q_i > 0.

Source: eq. (53), (54).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.nearest_ratios import Row, nearest
from proofs.theorem import Step, Theorem


def prove(repair: Callable[[Row, Row], Row] = nearest) -> Iterator[Step]:
    """Complete rows for |S| ≤ 4, and any row repaired twice for |S| ≤ 3."""
    for size in range(1, 5):
        q = sp.symbols(f"q1:{size + 1}", positive=True)
        free = sp.symbols(f"w1:{size}")
        row = [*free, 1 - sp.Add(*free)]
        for entry, same in zip(repair(row, q), row, strict=True):
            yield Step(f"|S| = {size}: a complete row is its own projection", entry, same)
        for entry, same in zip((value / sp.Add(*row) for value in row), row, strict=True):
            yield Step(f"|S| = {size}: and its own normalisation", entry, same)
        yield Step(f"|S| = {size}: θ = (Σ w − 1)/|S| = 0", (sp.Add(*row) - 1) / size, sp.Integer(0))
        if size == 4:
            continue
        any_row = sp.symbols(f"a1:{size + 1}")
        once = repair(any_row, q)
        for entry, same in zip(repair(once, q), once, strict=True):
            yield Step(f"|S| = {size}: twice is once", sp.cancel(entry), sp.cancel(same))


THEOREM = Theorem(
    name="repair_twice",
    statement="a row with C2 and C3 is its own projection and normalisation; repaired twice is repaired once",
    source="(53), (54)",
    covers="symbolic rows and q for |S| ≤ 4, twice for |S| ≤ 3",
    lifts="the correction has the factor 1 − Σ_S w: every |S|",
    prove=prove,
)
