"""Coarse quadrature or a small defect? The deficit with N nodes and with 4N tells them apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from taylorattr.criteria.audit.measured import measure
from taylorattr.criteria.audit.statistics import deficit
from taylorattr.criteria.audit.subject import Bound, Subject
from taylorattr.effects.result import Result

NODES = 32
FACTOR = 4
NUMERICAL, STRUCTURAL = 0.6, 0.9
_ROWS = 128


@dataclass(frozen=True, eq=False)
class Refinement(Result):
    """Deficits with N and 4N nodes over the same coalitions.

    Attributes:
        nodes: N.
        coarse: Deficit with N.
        fine: Deficit with 4N.
        cause: ``numerical`` where the ratio is below 0.6, ``structural`` above 0.9, else ``unclear``.
        needed: Nodes at which the tolerance would be met, where the cause is numerical.
    """

    nodes: int
    coarse: float
    fine: float
    cause: str
    needed: int | None = None

    @property
    def sentence(self) -> str:
        """What to do."""
        seen = (
            f"deficit {self.coarse:.2g} with {self.nodes} nodes, {self.fine:.2g} with {FACTOR * self.nodes}"
        )
        if self.cause == "numerical":
            return f"{seen}: numerical, use ≥ {self.needed} nodes"
        if self.cause == "structural":
            return f"{seen}: more nodes do not help, the defect is in the method"
        return f"{seen}: partly numerical; refine further"


def refinement(
    bound: Bound, subject: Subject, present: np.ndarray, tol: float, nodes: int = NODES
) -> Refinement | None:
    """Measure the deficit with N and 4N nodes.

    Args:
        bound: The method.
        subject: What it is bound to.
        present: Coalitions, ∅ first; at most 128 of them are looked at.
        tol: Tolerance that should be met.
        nodes: N.

    Returns:
        What was found; None where the method has no nodes.
    """
    coarse, fine = bound.refined(nodes), bound.refined(FACTOR * nodes)
    if coarse is None or fine is None:
        return None
    some = np.sort(np.random.default_rng(0).permutation(len(present) - 1)[: _ROWS - 1]) + 1
    chosen = present[np.concatenate([[0], some])]
    first = measure(coarse, subject, chosen)
    second = measure(fine, subject, chosen, v=first.v)
    return judged(nodes, deficit(first.v, first.a), deficit(second.v, second.a), tol)


def judged(nodes: int, coarse: float, fine: float, tol: float) -> Refinement:
    """Return the cause that two deficits point to."""
    if coarse == 0 or fine <= NUMERICAL * coarse or max(coarse, fine) <= tol:
        rate = math.log(coarse / fine) / math.log(FACTOR) if coarse > 0 and fine > 0 else math.inf
        needed = FACTOR * nodes
        if fine > tol:
            needed = math.ceil(needed * (fine / tol) ** (1 / max(rate, 0.2)))
        elif coarse <= tol:
            needed = nodes
        return Refinement(nodes, coarse, fine, "numerical", needed)
    return Refinement(nodes, coarse, fine, "structural" if fine > STRUCTURAL * coarse else "unclear")
