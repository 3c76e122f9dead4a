"""LRP-αβ has no weight for the network even where all units share one sign pattern.

Claim: a network of one hidden layer all of whose effects are 0 has scores 0, as it has for weights w_i(κ).

Witness: linear units of three inputs, two positive and one negative. The unit w = (1, 2, −2) is a combination
of smaller ones; less this combination the network computes 0, and α = 2 gives the inputs 2/3 in absolute
values. With one input of either sign, and with positive inputs only, the claim holds.

Hypotheses: b = 0, no biases, a linear readout, α = 2.

Source: eq. (44), (33).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy as sp

from proofs.refutations.networks import Rule, alpha_beta, vanishing
from proofs.refutations.refutation import Case, Finding, Refutation

ONE_PATTERN = ((1, 2), (1, 2), (-1, -2))


def cases(rule: Rule = alpha_beta, entries: Sequence[Sequence[int]] = ONE_PATTERN) -> Iterator[Case]:
    """Networks of one pattern that compute 0, one for each unit written with smaller ones."""
    return vanishing(rule, entries)


REFUTATION = Refutation(
    name="lrp_alpha_beta_in_a_network",
    statement="linear units of one sign pattern (+, +, −) up to w = (1, 2, −2), in sum 0: Σ|R_i| = 2/3",
    source="(44), (33)",
    covers="one layer of powers m ≤ 3 of forms with entries 1, 2 | 1, 2 | −1, −2, n ≤ 3, by n, m, Σ|w| of "
    "the last unit",
    lifts="a purely negative term goes to N+ in shares u_i/P, which differ between units",
    findings=(
        Finding(
            claim="Σ|R_i| = 0 if all I(κ) = 0",
            cases=cases,
            witness="n = 3, order 1, up to the unit w = (1, 2, −2)",
            left=sp.Rational(2, 3),
            right=0,
        ),
    ),
)
