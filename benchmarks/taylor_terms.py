"""Taylor terms of an n-256-256-1 GELU network, against nested torch.func.

The engine is measured on a captured program: all coefficients of degree 1 … K. The rows named ``decompose``
measure the whole public call: capture, verification, coefficients, and the diagnosis of convergence.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import taylorattr as ta
from benchmarks import networks
from benchmarks.contest import Case, Contest, DifferenceAtMost, FasterThanPeer, Goal, relative
from benchmarks.nested import blocks, coefficients, derivative, forwards, players_function
from taylorattr.autodiff.polynomial.engine import expand
from taylorattr.program.capture import capture

NESTED = "nested torch.func"


def difference(order: int, results: Mapping[str, Any]) -> float | None:
    """Compare the coefficients of the highest order."""
    if NESTED not in results:
        return None
    return relative(results["ours"][-1], coefficients(results[NESTED], order))


def engine(n: int, order: int) -> Contest:
    """Return the contest of the engine alone."""
    network, base = networks.mlp((n, 256, 256)), networks.seeded(1, n, scale=0.1)
    directions = networks.seeded(n, seed=2).diag()
    program = capture(network, (base,))
    return Contest(
        ours=lambda: expand(program, (base,), (directions,), order),
        floor=forwards(network, blocks(n, order), base),
        peers={NESTED: derivative(players_function(network, base, directions), n, order)},
        difference=partial(difference, order),
    )


def public(n: int, order: int) -> Contest:
    """Return the contest of the public function, without the exact tails."""
    network, base = networks.mlp((n, 256, 256)), networks.seeded(1, n, scale=0.1)
    step = networks.seeded(n, seed=2)
    return Contest(
        ours=lambda: ta.decompose(network, base + step, base, order=order, with_tails=False),
        floor=forwards(network, blocks(n, order), base),
        peers={NESTED: derivative(players_function(network, base, step.diag()), n, order)},
    )


def goals(factor: float) -> tuple[Goal, ...]:
    """Return the goals of an engine row."""
    return (FasterThanPeer(factor, NESTED), DifferenceAtMost(1e-10))


FLOOR = "C(n+K−1, K−1) plain forwards"

CASES = (
    Case("Taylor terms, (n, K) = (4, 3)", partial(engine, 4, 3), (), quick=True, floor=FLOOR),
    Case("Taylor terms, (n, K) = (8, 4)", partial(engine, 8, 4), goals(15), quick=True, floor=FLOOR),
    Case("Taylor terms, (n, K) = (8, 6)", partial(engine, 8, 6), goals(300), floor=FLOOR),
    Case("Taylor terms, (n, K) = (16, 4)", partial(engine, 16, 4), goals(20), floor=FLOOR),
    Case("Taylor terms, (n, K) = (32, 3)", partial(engine, 32, 3), goals(5), floor=FLOOR),
    Case("decompose, (n, K) = (8, 4)", partial(public, 8, 4), (), floor=FLOOR),
    Case("decompose, (n, K) = (16, 4)", partial(public, 16, 4), (), floor=FLOOR),
)
