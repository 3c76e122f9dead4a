"""With a bias LRP hands out other amounts than the effects have, also without ε.

Claim: Σ_i R_i = Σ_κ I(κ) for a unit z^m with a bias; Σ_i R_i = f(x) − f(0) for an active ReLU.

Witness: (x_1 + 1)² at 1: R_1 = 2, and the effects add up to 3. relu(2x_1 − 1) at 1: R_1 = 2, and ψ_1 = 1.

Hypotheses: ε = 0, z > 0.

Source: eq. (29), (32), (3).
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from proofs.refutations.neurons import BIASES, Rule, active, complete, lrp_epsilon, neurons
from proofs.refutations.refutation import Case, Finding, Refutation, cells

PLAIN = lrp_epsilon()


def powers(rule: Rule = PLAIN, biases: tuple[int, ...] = BIASES) -> Iterator[Case]:
    """Every active unit z^m."""
    return complete(rule, neurons(active, biases=biases))


def rectified(rule: Rule = PLAIN, biases: tuple[int, ...] = BIASES) -> Iterator[Case]:
    """Every active ReLU, whose effects add up to a difference of values: eq. (2), (3)."""
    for unit in neurons(active, biases=biases, orders=1):
        rise = sp.Integer(unit.z - max(unit.c, 0))
        yield Case(unit.size, f"relu({unit})", sp.Add(*rule(unit.u, unit.c, unit.value)), rise)


REFUTATION = Refutation(
    name="lrp_epsilon_with_a_bias",
    statement="(x_1 + 1)² at 1: R_1 = 2, effects 3;  relu(2x_1 − 1) at 1: R_1 = 2, ψ_1 = 1",
    source="(29), (32)",
    covers="units z^m and ReLUs, n ≤ 2, m ≤ 4, u_i ±1, ±2, ±3, c 0, ±1, ±2, by n, m, Σ|u| + |c|",
    lifts="with a bias the constant I(0) is handed out too, and the effects U/d times, eq. (29)",
    findings=(
        Finding(
            claim="Σ R_i = Σ I(κ)",
            cases=powers,
            witness="z^2, u = (1), c = 1",
            left=2,
            right=3,
            refutes=cells("lrp_epsilon", "baseline", "C3"),
        ),
        Finding(
            claim="Σ R_i = relu(z) − relu(c)",
            cases=rectified,
            witness="relu(z, u = (2), c = −1)",
            left=2,
            right=1,
        ),
    ),
)
