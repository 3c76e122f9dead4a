"""Where no input is positive, z⁺ of Deep Taylor loses everything.

Claim: Σ_i R_i = Σ_κ I(κ), and not everything is 0; an active ReLU passes on what it puts out, Σ_i R_i = σ(z).

Witness: −x_1 at 1: R_1 = 0, and I(1) = −1. relu(2 − x_1) at 1: R_1 = 0, and σ(z) = 1.

Hypotheses: P = 0 gives 0/0 := 0.

Source: eq. (38).
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from proofs.refutations.neurons import BIASES, Rule, active, complete, covered, neurons, z_plus
from proofs.refutations.refutation import Case, Finding, Refutation, cells


def shared(rule: Rule = z_plus) -> Iterator[Case]:
    """Every unit without a bias, its effects handed out once."""
    return complete(rule, neurons())


def reached(rule: Rule = z_plus) -> Iterator[Case]:
    """Every unit without a bias, passing something on."""
    return covered(rule, neurons())


def conserved(rule: Rule = z_plus) -> Iterator[Case]:
    """Every active ReLU, passing on what it puts out."""
    for unit in neurons(active, biases=BIASES, orders=1):
        passed = sp.Add(*rule(unit.u, unit.c, unit.value))
        yield Case(unit.size, f"relu({unit})", passed, unit.value)


REFUTATION = Refutation(
    name="deep_taylor_without_positive_inputs",
    statement="−x_1 at 1: R_1 = 0, and I(1) = −1;  relu(2 − x_1) at 1: R_1 = 0, and σ(z) = 1",
    source="(38)",
    covers="units z^m, n ≤ 2, m ≤ 4, u_i ±1, ±2, ±3; ReLUs with c 0, ±1, ±2; by n, m, Σ|u| + |c|",
    lifts="P > 0 at every unit that relevance reaches keeps it, eq. (38)",
    findings=(
        Finding(
            claim="Σ R_i = Σ I(κ)",
            cases=shared,
            witness="z, u = (−1)",
            left=0,
            right=-1,
            limits=cells("deep_taylor", "baseline", "C3"),
        ),
        Finding(
            claim="Σ|R_i| ≠ 0",
            cases=reached,
            witness="z, u = (−1)",
            left=0,
            right=0,
            equal=False,
            refutes=cells("deep_taylor/bias", "baseline", "C1 effect"),
            limits=(
                *cells("deep_taylor", "baseline", "C1 term", "C1 effect"),
                *cells("deep_taylor/bias", "baseline", "C1 term"),
            ),
        ),
        Finding(
            claim="Σ R_i = σ(z)",
            cases=conserved,
            witness="relu(z, u = (−1), c = 2)",
            left=0,
            right=1,
        ),
    ),
)
