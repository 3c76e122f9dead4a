"""Networks of one hidden layer that compute 0, built unit by unit: which rules give them scores?

f = Σ_j v_j (w_j·x)^m at x = (1, …, 1), b = 0. Its effects are linear in v, and so are the scores, since the
readout is linear. A weight w_i(κ) that belongs to κ, and not to the network, gives 0 where all effects are.

LRP-αβ: linear units of three inputs, two positive and one negative. The unit w = (1, 2, −2) is a combination
of smaller ones; less this combination the network computes 0, and α = 2 gives the inputs 2/3 in absolute
values. With one input of either sign, and with positive inputs only, the claim holds.

RevealCancel: (x_1 + 2x_2)³ written with (x_1 + x_2)³, (x_1 − x_2)³, x_1³, x_2³ and subtracted: the network
computes 0, and the two inputs get ∓1 at (1, 1). With one sign pattern the claim holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any, TypeAlias

import sympy as sp

from proofs.refutations.neurons import positive
from proofs.refutations.polynomials import Y, effects, vector
from proofs.refutations.refutation import Case, Finding, Refutation
from proofs.smooth import multi_indices

Rule: TypeAlias = Callable[[Sequence[int], int], Sequence[sp.Expr]]
"""Contributions u and order m of one unit z^m -> its scores."""

ORDERS = (1, 2, 3)


def reveal_cancel(u: Sequence[int], m: int) -> Sequence[sp.Expr]:
    """Return (u_i/P) Δy⁺ on N+, (u_i/Q) Δy⁻ on N−, with reference 0 and 0/0 := 0."""
    P = sp.Integer(positive(u))
    Q = sum(u) - P
    rise = (P**m + (P + Q) ** m - Q**m) / 2
    return [a * rise / P if a > 0 else a * ((P + Q) ** m - rise) / Q if a else sp.Integer(0) for a in u]


def alpha_beta(u: Sequence[int], m: int) -> Sequence[sp.Expr]:
    """Return 2 (u_i/P) σ(z) on N+, −(u_i/Q) σ(z) on N−."""
    P = sp.Integer(positive(u))
    Q, value = sum(u) - P, sp.Integer(sum(u)) ** m
    return [2 * a * value / P if a > 0 else -a * value / Q if a else sp.Integer(0) for a in u]


def rescale(u: Sequence[int], m: int) -> Sequence[sp.Expr]:
    """Return u_i Δy/Δz, in the form that has no denominator."""
    return [a * sp.Integer(sum(u)) ** (m - 1) for a in u]


def vanishing(
    method: Rule, entries: Sequence[Sequence[int]], *, players: Sequence[int] = (1, 2, 3)
) -> Iterator[Case]:
    """Iterate over networks without effects: by n, m, Σ|w| of their last unit.

    Args:
        method: The rule.
        entries: Values of w_ji for each input i.
        players: Values of n.

    Yields:
        For each unit whose effects are a combination of those of smaller units the network that subtracts
        this combination: the sum of its |scores|, and 0.
    """
    for n, m in product(players, ORDERS):
        basis: list[sp.Matrix] = []
        scores: list[sp.Matrix] = []
        for w in sorted(product(*entries[:n]), key=lambda row: sum(map(abs, row))):
            if not any(w):
                continue
            f = sp.Add(*(a * v for a, v in zip(w, Y, strict=False))) ** m
            table = effects(f, Y[:n], [1] * n, "baseline", m)
            column = {kappa: table.get(kappa, sp.Integer(0)) for kappa in multi_indices(n, m)}
            row = sp.Matrix(list(column.values()))
            passed = sp.Matrix(list(method(w, m)))
            combination = _combination(basis, row)
            if combination is None:
                basis.append(row)
                scores.append(passed)
                continue
            left = passed - sum((v * s for v, s in zip(combination, scores, strict=True)), sp.zeros(n, 1))
            says = f"n = {n}, order {m}, up to the unit w = {vector(w)}"
            yield Case((n, m, sum(map(abs, w))), says, sp.Add(*map(sp.Abs, left)), sp.Integer(0))


def _combination(basis: Sequence[sp.Matrix], row: sp.Matrix) -> list[sp.Expr] | None:
    """Return the coefficients of a row in a basis, None if it lies outside."""
    if not basis:
        return None
    unknown = sp.symbols(f"v1:{len(basis) + 1}")
    found = sp.linsolve((sp.Matrix.hstack(*basis), row), *unknown)
    solution: Any = next(iter(found), None)
    return None if solution is None else list(solution)


ONE_PATTERN = ((1, 2), (1, 2), (-1, -2))
ANY_PATTERN = ((0, 1, -1, 2, -2),) * 2
"""Values of the weights w_ji of each input i."""

WITHOUT_EFFECTS = "a network of one hidden layer without effects has scores 0, as for weights w_i(κ)"

LRP_ALPHA_BETA = Refutation(
    name="lrp_alpha_beta_in_a_network",
    title="LRP-αβ has no weight for the network even where all units share one sign pattern.",
    claim=WITHOUT_EFFECTS,
    hypotheses="b = 0, no biases, a linear readout, α = 2",
    statement="linear units of one sign pattern (+, +, −) up to w = (1, 2, −2), in sum 0: Σ|R_i| = 2/3",
    source="(44), (33)",
    covers="one layer of powers m ≤ 3 of forms with entries 1, 2 | 1, 2 | −1, −2, n ≤ 3, by n, m, Σ|w| of "
    "the last unit",
    lifts="a purely negative term goes to N+ in shares u_i/P, which differ between units",
    findings=(
        Finding(
            claim="Σ|R_i| = 0 if all I(κ) = 0",
            cases=partial(vanishing, method=alpha_beta, entries=ONE_PATTERN),
            witness="n = 3, order 1, up to the unit w = (1, 2, −2)",
            left=sp.Rational(2, 3),
            right=0,
        ),
    ),
)

REVEAL_CANCEL = Refutation(
    name="reveal_cancel_in_a_network",
    title="Units of different sign patterns leave RevealCancel without a weight for the network.",
    claim=WITHOUT_EFFECTS,
    hypotheses="b = 0, no biases, a linear readout; eq. (41)",
    statement="(x_1 + 2x_2)³ less its combination of (x_1 ± x_2)³, x_1³, x_2³ computes 0; RevealCancel gives "
    "the inputs ∓1",
    source="(44)",
    covers="one layer of powers m ≤ 3 of forms with entries 0, ±1, ±2, n ≤ 2, by n, m, Σ|w| of the last unit",
    lifts="scores are linear in the readout; weights of κ would give 0 where all effects are 0",
    findings=(
        Finding(
            claim="Σ|R_i| = 0 if all I(κ) = 0",
            cases=partial(vanishing, method=reveal_cancel, entries=ANY_PATTERN, players=(1, 2)),
            witness="n = 2, order 3, up to the unit w = (1, 2)",
            left=2,
            right=0,
        ),
    ),
)
