"""What fails of relevance at one unit: LRP-ε, LRP-αβ, z⁺ of Deep Taylor."""

from __future__ import annotations

from functools import partial

import sympy as sp

from proofs.refutations.neurons import (
    BIASES,
    active,
    active_with_both,
    active_with_positive,
    complete,
    conserved,
    covered,
    covered_less_a_constant,
    lrp_alpha_beta,
    lrp_epsilon,
    neurons,
    own_effects,
    rise,
    z_plus,
)
from proofs.refutations.refutation import Finding, Refutation, cells

PLAIN, STABILISED = lrp_epsilon(), lrp_epsilon(sp.Rational(1, 10))
"""LRP with ε = 0 and ε = 1/10."""

WITHOUT_BIAS = "units z^m without a bias, n ≤ 2, m ≤ 4, u_i ±1, ±2, ±3, by n, m, Σ|u|"
ENTRIES = "n ≤ 2, m ≤ 4, u_i ±1, ±2, ±3, c 0, ±1, ±2, by n, m, Σ|u| + |c|"

LRP_EPSILON = (
    Refutation(
        name="lrp_epsilon_is_not_complete",
        title="With ε > 0 LRP withholds a part of every effect; with ε = 0 the claim holds in every case.",
        claim="Σ_i R_i = Σ_κ I(κ) for a unit without a bias",
        hypotheses="c = 0, z > 0",
        statement="σ(z) = z, u = 1, ε = 1/10: R_1 = 10/11, and I(1) = 1",
        source="(29), (30)",
        covers=WITHOUT_BIAS,
        lifts="each effect is handed out z/d times, for any ε",
        findings=(
            Finding(
                claim="Σ R_i = Σ I(κ)",
                cases=partial(complete, method=STABILISED, units=partial(neurons, active)),
                witness="z, u = (1)",
                left=sp.Rational(10, 11),
                right=1,
                refutes=cells("lrp_epsilon", "baseline", "C3"),
            ),
        ),
    ),
    Refutation(
        name="lrp_epsilon_with_a_bias",
        title="With a bias LRP hands out other amounts than the effects have, also without ε.",
        claim="Σ_i R_i = Σ_κ I(κ) for a unit z^m with a bias; Σ_i R_i = f(x) − f(0) for an active ReLU",
        hypotheses="ε = 0, z > 0",
        statement="(x_1 + 1)² at 1: R_1 = 2, effects 3;  relu(2x_1 − 1) at 1: R_1 = 2, ψ_1 = 1",
        source="(29), (32)",
        covers=f"units z^m and ReLUs, {ENTRIES}",
        lifts="with a bias the constant I(0) is handed out too, and the effects U/d times, eq. (29)",
        findings=(
            Finding(
                claim="Σ R_i = Σ I(κ)",
                cases=partial(complete, method=PLAIN, units=partial(neurons, active, biases=BIASES)),
                witness="z^2, u = (1), c = 1",
                left=2,
                right=3,
                refutes=cells("lrp_epsilon", "baseline", "C3"),
            ),
            Finding(
                claim="Σ R_i = relu(z) − relu(c)",
                cases=partial(rise, method=PLAIN, units=partial(neurons, active, biases=BIASES, orders=1)),
                witness="relu(z, u = (2), c = −1)",
                left=2,
                right=1,
            ),
        ),
    ),
    Refutation(
        name="lrp_epsilon_without_net_input",
        title="Where the inputs of a unit cancel, LRP passes on none of its effects.",
        claim="a unit with σ(c) = 0 that has an effect passes something on, Σ_i |R_i| ≠ 0",
        hypotheses="ε = 0, z > 0; σ(z) = z^m − c^m, so that no constant is handed out",
        statement="σ(z) = z − 1, c = 1, u = (1, −1): R = (0, 0), and ψ = (1, −1)",
        source="(29)",
        covers=f"units z^m − c^m, {ENTRIES}",
        lifts="every weight has the factor U/d: coverage needs U ≠ 0 besides z ≠ 0",
        findings=(
            Finding(
                claim="Σ|R_i| ≠ 0",
                cases=partial(
                    covered, method=PLAIN, units=partial(neurons, active, biases=BIASES, centred=True)
                ),
                witness="z − c, u = (1, −1), c = 1",
                left=0,
                right=0,
                equal=False,
                refutes=cells("lrp_epsilon", "baseline", "C1 effect"),
                limits=cells("lrp_epsilon", "baseline", "C1 term"),
            ),
        ),
    ),
)

LRP_ALPHA_BETA = (
    Refutation(
        name="lrp_alpha_beta_leaks",
        title="LRP-αβ gives inputs of one sign a part of the effects of the other.",
        claim="a linear unit, σ(z) = z, gives each input its own effect, R_i = ψ_i = u_i",
        # The weights of each term add up to 1 there (the theorem lrp_alpha_beta), so without a leak u_i, the
        # only effect of input i, would go to i alone, whole.
        hypotheses="c = 0, z > 0, inputs of both signs",
        statement="x_1 − x_2 at (3, 1), α = 2: R = (4, −2), and ψ = (3, −1);  at (2, 1), α = 1: R = (1, 0)",
        source="(33), (35)",
        covers="linear units, n = 2, u_i ±1, ±2, ±3, by Σ|u|",
        lifts="each purely positive term leaks to N− and each purely negative one to N+, eq. (33)",
        findings=tuple(
            Finding(
                claim=f"R_i = ψ_i, α = {alpha}",
                cases=partial(
                    own_effects,
                    method=lrp_alpha_beta(alpha),
                    units=partial(neurons, active_with_both, orders=1),
                ),
                witness=witness,
                left=left,
                right=right,
                refutes=cells("lrp_alpha_beta lrp_alpha_beta/bias", "baseline", "C2"),
            )
            for alpha, witness, left, right in (
                (2, "z, u = (3, −1), R_1", 4, 3),
                (1, "z, u = (2, −1), R_1", 1, 2),
            )
        ),
    ),
    Refutation(
        name="lrp_alpha_beta_with_an_empty_group",
        title="With inputs of one sign only, LRP-αβ hands out α times, or −β times, what there is.",
        claim="Σ_i R_i = Σ_κ I(κ); and a unit that has an effect passes something on",
        hypotheses="c = 0; 0/0 := 0",
        statement="x_1 at 1, α = 2: R_1 = 2, and I(1) = 1;  −x_1 at 1, α = 1: R_1 = 0, and I(1) = −1",
        source="(34)",
        covers=WITHOUT_BIAS,
        lifts="relu(x_1 + x_2) gives α times itself alike; it needs α = 1 or inputs of both signs",
        findings=(
            Finding(
                claim="Σ R_i = Σ I(κ), α = 2",
                cases=partial(complete, method=lrp_alpha_beta(2), units=neurons),
                witness="z, u = (1)",
                left=2,
                right=1,
                refutes=cells("lrp_alpha_beta/bias", "baseline", "C3"),
                limits=cells("lrp_alpha_beta", "baseline", "C3"),
            ),
            Finding(
                claim="Σ|R_i| ≠ 0, α = 1",
                cases=partial(covered, method=lrp_alpha_beta(1), units=neurons),
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
    ),
    Refutation(
        name="lrp_alpha_beta_with_a_bias",
        title="With a bias in its denominators LRP-αβ is not complete, also where both groups have members.",
        claim="Σ_i R_i = Σ_κ I(κ)",
        hypotheses="z > 0, inputs of both signs, c⁺ in P + c⁺ and c⁻ in Q + c⁻",
        statement="2x_1 − x_2 + 1 at (1, 1), α = 2: R = (8/3, −2), and ψ = (2, −1)",
        source="(36)",
        covers=f"units z^m, {ENTRIES}",
        lifts="the bias takes the share c⁺/(P + c⁺) of every term",
        findings=(
            Finding(
                claim="Σ R_i = Σ I(κ), α = 2",
                cases=partial(
                    complete,
                    method=lrp_alpha_beta(2, with_bias=True),
                    units=partial(neurons, active_with_both, biases=BIASES),
                ),
                witness="z, u = (2, −1), c = 1",
                left=sp.Rational(2, 3),
                right=1,
                refutes=cells("lrp_alpha_beta/bias", "baseline", "C3"),
            ),
        ),
    ),
)

DEEP_TAYLOR = (
    Refutation(
        name="deep_taylor_leaks",
        title="z⁺ of Deep Taylor takes effects of negative inputs from positive ones.",
        claim="a linear unit, σ(z) = z, gives each input its own effect, R_i = ψ_i = u_i",
        # As for LRP-αβ: the weights of each term add up to 1 (the theorem deep_taylor).
        hypotheses="c = 0, z > 0, P > 0",
        statement="x_1 − x_2 at (2, 1): R = (1, 0), and ψ = (2, −1)",
        source="(37), (33)",
        covers="linear units, n ≤ 2, u_i ±1, ±2, ±3, by n, Σ|u|",
        lifts="c⁺ = 0 without a bias; seen from its own root the unit leaks nothing, eq. (37)",
        findings=(
            Finding(
                claim="R_i = ψ_i",
                cases=partial(
                    own_effects, method=z_plus, units=partial(neurons, active_with_positive, orders=1)
                ),
                witness="z, u = (2, −1), R_1",
                left=1,
                right=2,
                refutes=cells("deep_taylor deep_taylor/bias", "baseline", "C2"),
            ),
        ),
    ),
    Refutation(
        name="deep_taylor_without_positive_inputs",
        title="Where no input is positive, z⁺ of Deep Taylor loses everything.",
        claim="Σ_i R_i = Σ_κ I(κ), and not everything is 0; an active ReLU passes on what it puts out, "
        "Σ_i R_i = σ(z)",
        hypotheses="P = 0 gives 0/0 := 0",
        statement="−x_1 at 1: R_1 = 0, and I(1) = −1;  relu(2 − x_1) at 1: R_1 = 0, and σ(z) = 1",
        source="(38)",
        covers="units z^m, n ≤ 2, m ≤ 4, u_i ±1, ±2, ±3; ReLUs with c 0, ±1, ±2; by n, m, Σ|u| + |c|",
        lifts="P > 0 at every unit that relevance reaches keeps it, eq. (38)",
        findings=(
            Finding(
                claim="Σ R_i = Σ I(κ)",
                cases=partial(complete, method=z_plus, units=neurons),
                witness="z, u = (−1)",
                left=0,
                right=-1,
                limits=cells("deep_taylor", "baseline", "C3"),
            ),
            Finding(
                claim="Σ|R_i| ≠ 0",
                cases=partial(covered, method=z_plus, units=neurons),
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
                cases=partial(
                    conserved, method=z_plus, units=partial(neurons, active, biases=BIASES, orders=1)
                ),
                witness="relu(z, u = (−1), c = 2)",
                left=0,
                right=1,
            ),
        ),
    ),
    Refutation(
        name="deep_taylor_with_a_bias",
        title="z⁺ of Deep Taylor hands out the constant of a bias, or with c⁺ in the denominator too little.",
        claim="Σ_i R_i = Σ_κ I(κ)",
        hypotheses="z > 0, P > 0",
        statement="x_1 + 1 at 1: R_1 = 2, and I(1) = 1;  with c⁺ in the denominator 2x_1 − 1 at 1: R_1 = 1, "
        "and I(1) = 2",
        source="(38), (36)",
        covers=f"units z^m, {ENTRIES}",
        lifts="relu(x_1 + 1) is the first unit around x; without a bias z⁺ is complete where P > 0",
        findings=(
            Finding(
                claim="Σ R_i = Σ I(κ)",
                cases=partial(
                    complete, method=z_plus, units=partial(neurons, active_with_positive, biases=BIASES)
                ),
                witness="z, u = (1), c = 1",
                left=2,
                right=1,
            ),
            Finding(
                claim="Σ R_i = Σ I(κ), c⁺ in the denominator",
                cases=partial(
                    complete,
                    method=lrp_alpha_beta(1, with_bias=True),
                    units=partial(neurons, active_with_positive, biases=BIASES),
                ),
                witness="z, u = (2), c = −1",
                left=1,
                right=2,
                refutes=cells("deep_taylor/bias", "baseline", "C3"),
            ),
        ),
    ),
)

ZERO_OUTPUT = Refutation(
    name="relevance_of_a_zero_output",
    title="Rules that share the output of a unit pass nothing on where a constant cancels its effects.",
    claim="a unit that has an effect passes something on, Σ_i |R_i| ≠ 0",
    hypotheses="c = 0, ε = 0, z > 0; one input has the share 1 in LRP-0, α = 1, z⁺, w² and z^B",
    statement="σ(z) = z − 1, u = 1: R_1 = σ(z) = 0, and ψ_1 = 1",
    source="(29), (36), (37)",
    covers="units z^m − k of one input, m ≤ 4, u_1 1, 2, 3, k 0, ±1, ±2, by m, Σ|u| + |k|",
    lifts="with σ(0) = 0 and no bias there is no constant that could cancel an effect",
    findings=(
        Finding(
            claim="Σ|R_i| ≠ 0, LRP-0",
            cases=partial(covered_less_a_constant, method=PLAIN),
            witness="z, u = (1), less 1",
            left=0,
            right=0,
            equal=False,
            refutes=cells("lrp_epsilon", "baseline", "C1 effect"),
        ),
        Finding(
            claim="Σ|R_i| ≠ 0, α = 1 and shares that add up to 1",
            cases=partial(covered_less_a_constant, method=z_plus),
            witness="z, u = (1), less 1",
            left=0,
            right=0,
            equal=False,
            refutes=cells("lrp_alpha_beta/bias deep_taylor/bias", "baseline", "C1 effect"),
            limits=cells("deep_taylor/w2 deep_taylor/z_B", "baseline", "C1 effect"),
        ),
    ),
)
