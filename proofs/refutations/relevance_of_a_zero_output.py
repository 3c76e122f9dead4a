"""Rules that share the output of a unit pass nothing on where a constant cancels its effects.

Claim: a unit that has an effect passes something on, Σ_i |R_i| ≠ 0.

Witness: σ(z) = z − 1, u = 1: σ(z) = 0, so R_1 = 0, and ψ_1 = 1; the constant is I(0) = −1.

Hypotheses: c = 0, ε = 0, z > 0. One input has the share 1 in LRP-0, α = 1, z⁺, w² and z^B.

Source: eq. (29), (36), (37).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import sympy as sp

from proofs.refutations.neurons import Rule, active, lrp_epsilon, neurons, z_plus
from proofs.refutations.refutation import Case, Finding, Refutation, cells

CONSTANTS = (0, 1, -1, 2, -2)


def cases(rule: Rule, constants: tuple[int, ...] = CONSTANTS) -> Iterator[Case]:
    """Every active unit z^m − k of one input."""
    units = [unit for unit in neurons(active) if len(unit.u) == 1]
    found = [((1, unit.m, unit.size[2] + abs(k)), unit, k) for unit in units for k in constants]
    for size, unit, k in sorted(found, key=lambda entry: entry[0]):
        says = f"{unit}, less {k}".replace("-", "−")
        passed = sp.Add(*(sp.Abs(R) for R in rule(unit.u, unit.c, unit.value - k)))
        yield Case(size, says, passed, sp.Integer(0))


REFUTATION = Refutation(
    name="relevance_of_a_zero_output",
    statement="σ(z) = z − 1, u = 1: R_1 = σ(z) = 0, and ψ_1 = 1",
    source="(29), (36), (37)",
    covers="units z^m − k of one input, m ≤ 4, u_1 1, 2, 3, k 0, ±1, ±2, by m, Σ|u| + |k|",
    lifts="with σ(0) = 0 and no bias there is no constant that could cancel an effect",
    findings=(
        Finding(
            claim="Σ|R_i| ≠ 0, LRP-0",
            cases=partial(cases, lrp_epsilon()),
            witness="z, u = (1), less 1",
            left=0,
            right=0,
            equal=False,
            refutes=cells("lrp_epsilon", "baseline", "C1 effect"),
        ),
        Finding(
            claim="Σ|R_i| ≠ 0, α = 1 and shares that add up to 1",
            cases=partial(cases, z_plus),
            witness="z, u = (1), less 1",
            left=0,
            right=0,
            equal=False,
            refutes=cells("lrp_alpha_beta/bias deep_taylor/bias", "baseline", "C1 effect"),
            limits=cells("deep_taylor/w2 deep_taylor/z_B", "baseline", "C1 effect"),
        ),
    ),
)
