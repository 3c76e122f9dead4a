"""Units of different sign patterns leave RevealCancel without a weight for the network.

Claim: a network of one hidden layer all of whose effects are 0 has scores 0, as it has for weights w_i(κ).

Witness: (x_1 + 2x_2)³ written with (x_1 + x_2)³, (x_1 − x_2)³, x_1³, x_2³ and subtracted: the network
computes 0, and RevealCancel gives ∓1 to the two inputs at (1, 1). With one sign pattern
the claim holds.

Hypotheses: b = 0, no biases, a linear readout.

Source: eq. (44), (41).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proofs.refutations.networks import Rule, reveal_cancel, vanishing
from proofs.refutations.refutation import Case, Finding, Refutation

ANY = ((0, 1, -1, 2, -2),) * 2


def cases(rule: Rule = reveal_cancel, entries: Sequence[Sequence[int]] = ANY) -> Iterator[Case]:
    """Networks of two inputs that compute 0, one for each unit written with smaller ones."""
    return vanishing(rule, entries, players=(1, 2))


REFUTATION = Refutation(
    name="reveal_cancel_in_a_network",
    statement="(x_1 + 2x_2)³ less its combination of (x_1 ± x_2)³, x_1³, x_2³ computes 0; RevealCancel gives "
    "the inputs ∓1",
    source="(44)",
    covers="one layer of powers m ≤ 3 of forms with entries 0, ±1, ±2, n ≤ 2, by n, m, Σ|w| of the last unit",
    lifts="scores are linear in the readout; weights of κ would give 0 where all effects are 0",
    findings=(
        Finding(
            claim="Σ|R_i| = 0 if all I(κ) = 0",
            cases=cases,
            witness="n = 2, order 3, up to the unit w = (1, 2)",
            left=2,
            right=0,
        ),
    ),
)
