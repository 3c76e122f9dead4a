"""With inputs of one sign only, LRP-αβ hands out α times, or −β times, what there is.

Claim: Σ_i R_i = Σ_κ I(κ); and a unit that has an effect passes something on.

Witness: σ(z) = z, u = 1, α = 2: R_1 = 2, and I(1) = 1. u = −1, α = 1, β = 0: R_1 = 0, and I(1) = −1.

Hypotheses: c = 0; 0/0 := 0.

Source: eq. (34).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from proofs.refutations.neurons import Neuron, Rule, complete, covered, lrp_alpha_beta, neurons
from proofs.refutations.refutation import Case, Finding, Refutation, cells


def shared(rule: Rule, keep: Callable[[Neuron], bool] = lambda unit: True) -> Iterator[Case]:
    """Every unit, its effects handed out once; or some units only."""
    return complete(rule, neurons(keep))


def reached(rule: Rule) -> Iterator[Case]:
    """Every unit, passing something on."""
    return covered(rule, neurons())


REFUTATION = Refutation(
    name="lrp_alpha_beta_with_an_empty_group",
    statement="x_1 at 1, α = 2: R_1 = 2, and I(1) = 1;  −x_1 at 1, α = 1: R_1 = 0, and I(1) = −1",
    source="(34)",
    covers="units z^m without a bias, n ≤ 2, m ≤ 4, u_i ±1, ±2, ±3, by n, m, Σ|u|",
    lifts="relu(x_1 + x_2) gives α times itself alike; it needs α = 1 or inputs of both signs",
    findings=(
        Finding(
            claim="Σ R_i = Σ I(κ), α = 2",
            cases=partial(shared, lrp_alpha_beta(2)),
            witness="z, u = (1)",
            left=2,
            right=1,
            refutes=cells("lrp_alpha_beta/bias", "baseline", "C3"),
            limits=cells("lrp_alpha_beta", "baseline", "C3"),
        ),
        Finding(
            claim="Σ|R_i| ≠ 0, α = 1",
            cases=partial(reached, lrp_alpha_beta(1)),
            witness="z, u = (−1)",
            left=0,
            right=0,
            equal=False,
            refutes=cells("lrp_alpha_beta/bias", "baseline", "C1 effect"),
            limits=(
                *cells("lrp_alpha_beta", "baseline", "C1 term", "C1 effect"),
                *cells("lrp_alpha_beta/bias", "baseline", "C1 term"),
            ),
        ),
    ),
)
