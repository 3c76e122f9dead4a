"""DeepLIFT's RevealCancel rule splits mixed effects of one neuron half and half between the two signs.

Statement: one unit, u_i = w_i Δ_i, P and Q the sums of the positive and the negative u_i. Δy⁺ = ½[σ(z⁰+P)
− σ(z⁰)] + ½[σ(z⁰+P+Q) − σ(z⁰+Q)], Δy⁻ with P and Q exchanged; C_i = (u_i/P) Δy⁺ on N+, (u_i/Q) Δy⁻ on N−.
The weight of I(κ) for i ∈ N± is h κ_i/|κ±| with h = ½ if κ+ ≠ 0 ≠ κ−, and 1 otherwise (0 if κ± = 0), in
either frame. C_i add up to Δy. With an empty group it is Rescale.

Hypotheses: the Taylor series of σ at z⁰ (at z) converges absolutely on the points above.

Source: eq. (41), (9), T6; the rule is that of Shrikumar, Greenside, Kundaje, arXiv 1704.02685.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.games import Game, everyone, game
from proofs.games import effects as dividends
from proofs.integrated_gradients import share as rescale
from proofs.shapley import value
from proofs.theorem import Number, Step, Theorem
from proofs.units import Unit, proportional_share


def share(k: Number, own: Number, other: Number) -> sp.Expr:
    """Return h κ_i/|κ±|.

    Args:
        k: κ_i.
        own: The order of κ in the group of i, a positive symbol or an integer.
        other: The order of κ in the other group.

    Returns:
        κ_i/own, halved if the other order is not 0; 0 if own is 0.
    """
    if own == 0:
        return sp.Integer(0)
    return sp.sympify(k) / own / (1 if other == 0 else 2)


def sum_of_halves(v: Game) -> sp.Expr:
    """Return ½ of what player 1 adds to nobody and ½ of what it adds to player 2."""
    J = dividends(v)
    return J[frozenset({1})] + J[everyone(2)] / 2


def of_the_group(unit: Unit, own: sp.Expr, other: sp.Expr, sign: int = 1) -> sp.Expr:
    """Return Δy± of the unit for the sums of the two groups; sign −1 if z⁰ is the input."""
    if sign == 1:
        return (unit.change(0, own) + unit.change(other, own)) / 2
    # The input is z⁰: the baseline is z⁰ − own − other.
    return (unit.change(-own - other, own) + unit.change(-own, own)) / 2


def prove(ratio: Callable[[Number, Number, Number], sp.Expr] = share) -> Iterator[Step]:
    """P^k Q^l as a game of two players with symbolic exponents; two inputs in each group to order 4.

    Args:
        ratio: The weight of an input from κ_i, the order of κ in its group, and that in the other group; the
            same in both frames.

    Yields:
        The steps.
    """
    P, Q, u, v = sp.symbols("P Q u_p u_n", nonzero=True)
    k, l = sp.symbols("k l", integer=True, positive=True)  # noqa: E741
    terms = game(2)
    yield Step("Δy⁺ is the Shapley value of two players", value(terms, 1), sum_of_halves(terms))
    mixed = sp.Rational(1, 2) * (P**k * 0**l - 0 ** (k + l)) + sp.Rational(1, 2) * (P**k * Q**l - 0**k * Q**l)
    yield Step("T6: Δy⁺ of P^k Q^l", mixed, P**k * Q**l / 2)
    pure = sp.Rational(1, 2) * (P**k - 0**k) + sp.Rational(1, 2) * (P**k - 0**k)
    yield Step("T6: Δy⁺ of P^k", pure, P**k)
    other = sp.Rational(1, 2) * (Q**l - Q**l)
    yield Step("Δy⁺ of Q^l", other, ratio(0, 0, l) * Q**l)
    yield Step("a mixed term: both groups in total", ratio(1, k, l) * k + ratio(1, l, k) * l, sp.Integer(1))
    yield from proportional_share(lambda j, k: ratio(j, k, l) * 2)
    yield from proportional_share(lambda j, k: ratio(j, k, 0))
    q = sp.Symbol("rest", integer=True, positive=True)
    yield Step("an empty group: Rescale", ratio(k, k + q, 0), rescale(k, k + q))

    unit = Unit((u, P - u, v, Q - v), 4)
    for frame, sign, effects in (
        ("baseline", 1, unit.effects()),
        ("input", -1, unit.effects_from_the_input()),
    ):
        whole = sp.Integer(0)
        for i, own in enumerate(unit.inputs):
            total, rest = (P, Q) if i < 2 else (Q, P)
            direct = own / total * of_the_group(unit, total, rest, sign)
            stated = sp.Add(
                *(
                    ratio(e[i], *((a, b) if i < 2 else (b, a))) * effect
                    for e, effect in effects.items()
                    for a, b in [(sum(e[:2]), sum(e[2:]))]
                )
            )
            yield Step(f"order ≤ 4: C_{i + 1}, frame {frame}", direct, stated)
            whole += stated
        ends = unit.change(0, P + Q) if sign == 1 else unit.change(-P - Q, P + Q)
        yield Step(f"Σ C_i = Δy, frame {frame}", whole, ends)


THEOREM = Theorem(
    name="deeplift_reveal_cancel",
    statement="i ∈ N±: κ_i/|κ±|, halved if κ+ ≠ 0 ≠ κ−, in both frames;  Σ C_i = Δy",
    source="(41), (9), T6",
    covers="P^k Q^l with symbolic k, l; two inputs in each group with symbolic u and σ to order 4, in "
    "both frames",
    lifts="the others of a group enter as their sum: every n; absolute convergence: series",
    prove=prove,
)
