"""Where the inputs of a unit cancel, LRP passes on none of its effects.

Claim: a unit with σ(c) = 0 that has an effect passes something on, Σ_i |R_i| ≠ 0.

Witness: σ(z) = z − 1, c = 1, u = (1, −1): z = 1, σ(z) = 0, so R = (0, 0), and ψ = (1, −1).

Hypotheses: ε = 0, z > 0; σ(z) = z^m − c^m, so that no constant is handed out.

Source: eq. (29).
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.refutations.neurons import BIASES, Rule, active, covered, lrp_epsilon, neurons
from proofs.refutations.refutation import Case, Finding, Refutation, cells

PLAIN = lrp_epsilon()


def cases(rule: Rule = PLAIN, biases: tuple[int, ...] = BIASES) -> Iterator[Case]:
    """Every active unit with σ(c) = 0."""
    return covered(rule, neurons(active, biases=biases, centred=True))


REFUTATION = Refutation(
    name="lrp_epsilon_without_net_input",
    statement="σ(z) = z − 1, c = 1, u = (1, −1): R = (0, 0), and ψ = (1, −1)",
    source="(29)",
    covers="units z^m − c^m, n ≤ 2, m ≤ 4, u_i ±1, ±2, ±3, c 0, ±1, ±2, by n, m, Σ|u| + |c|",
    lifts="every weight has the factor U/d: coverage needs U ≠ 0 besides z ≠ 0",
    findings=(
        Finding(
            claim="Σ|R_i| ≠ 0",
            cases=cases,
            witness="z − c, u = (1, −1), c = 1",
            left=0,
            right=0,
            equal=False,
            refutes=cells("lrp_epsilon", "baseline", "C1 effect"),
            limits=cells("lrp_epsilon", "baseline", "C1 term"),
        ),
    ),
)
