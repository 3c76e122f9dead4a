"""LRP-αβ gives each effect of one neuron to both groups, also to the group that is absent from it.

Statement: one unit σ(z), z = c + P + Q, P and Q the sums of the positive and the negative u_i. Let c = 0,
σ(0) = 0, P, Q ≠ 0. R_i = α (u_i/P) σ(z) on N+ and −β (u_i/Q) σ(z) on N− give I(κ) the weight α κ_i/|κ+|
(α u_i/P where κ+ = 0) on N+ and −β κ_i/|κ−| (−β u_i/Q where κ− = 0) on N−, together α − β. If N− is empty
they add up to α. An active ReLU: R_i = α (u_i + (u_i/P) Q) on N+, −β (u_i + (u_i/Q) P) on N−. With a
bias, c⁺ in the denominator P + c⁺ and c⁻ in Q + c⁻: the weights of N+ times P/(P + c⁺), those of N− times
Q/(Q + c⁻), and I(0) = σ(c) is shared by α u_i/(P + c⁺) and −β u_i/(Q + c⁻).

Hypotheses: the denominators are not 0; the Taylor series of σ at c converges absolutely at z.

Source: eq. (33), (34), (35), (36); the rule is that of Bach et al. 2015.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.theorem import Number, Step, Theorem
from proofs.units import Unit, proportional_share


def share(k: Number, order: Number, u: sp.Expr, total: sp.Expr, factor: sp.Expr) -> sp.Expr:
    """Return the weight of an input of one group.

    Args:
        k: κ_i.
        order: |κ+| for an input of N+, |κ−| for one of N−; a positive symbol or an integer.
        u: u_i.
        total: P for N+, Q for N−.
        factor: α for N+, −β for N−.

    Returns:
        factor·κ_i/order, and factor·u_i/total if the order is 0.
    """
    return factor * (u / total if order == 0 else sp.sympify(k) / order)


def biased(unbiased: sp.Expr, total: sp.Expr, bias: sp.Expr) -> sp.Expr:
    """Return the weight with a bias: the one without it times P/(P + c⁺), or Q/(Q + c⁻)."""
    return unbiased * total / (total + bias)


def prove(
    ratio: Callable[[Number, Number, sp.Expr, sp.Expr, sp.Expr], sp.Expr] = share,
    with_bias: Callable[[sp.Expr, sp.Expr, sp.Expr], sp.Expr] = biased,
) -> Iterator[Step]:
    """P^k Q^l with symbolic exponents; two inputs in each group to order 4; the special units.

    Args:
        ratio: The weight of an input from κ_i, the order of κ in its group, u_i, P (or Q), and α (or −β).
        with_bias: The weight with a bias from the one without, P (or Q), and c⁺ (or c⁻).

    Yields:
        The steps.
    """
    alpha, beta, u, v = sp.symbols("alpha beta u_p u_n")
    P, Q = sp.symbols("P Q", nonzero=True)
    k, l = sp.symbols("k l", integer=True, positive=True)  # noqa: E741
    # α (u/P) P^k Q^l = α [(u/P) P^k] Q^l: the share inside the group for k ≥ 1, all of it by u/P for k = 0.
    yield from proportional_share(lambda j, k: ratio(j, k, u, P, alpha) / alpha)
    yield Step("N+ from Q^l", alpha * u / P * Q**l, ratio(0, 0, u, P, alpha) * Q**l)
    yield Step("N− from P^k", -beta * v / Q * P**k, ratio(0, 0, v, Q, -beta) * P**k)
    inside = ratio(1, k, u, P, alpha) * k  # κ_i add up to |κ+|
    yield Step("N+ from P^k Q^l in total", inside, alpha)
    outside = ratio(0, 0, u, P, alpha) + ratio(0, 0, P - u, P, alpha)
    yield Step("N+ from Q^l in total", outside, alpha)
    negative = ratio(1, l, v, Q, -beta) * l
    yield Step("α − β = 1: a mixed term in total", (inside + negative).subs(alpha, 1 + beta), sp.Integer(1))
    yield Step(
        "α − β = 1: a negative term in total", (outside + negative).subs(alpha, 1 + beta), sp.Integer(1)
    )
    yield Step("N− empty: a term in total", inside.subs(Q, 0), alpha)

    unit = Unit((u, P - u, v, Q - v), 4)
    value, effects = unit.at(P + Q), unit.effects()
    plus, minus = sp.symbols("c_plus c_minus")
    for i, own in enumerate(unit.inputs):
        total, factor, bias = (P, alpha, plus) if i < 2 else (Q, -beta, minus)
        orders = {kappa: sum(kappa[:2] if i < 2 else kappa[2:]) for kappa in effects}
        weights = {e: ratio(e[i], orders[e], own, total, factor) for e in effects}
        direct = factor * own / total * (value - unit.s[0])
        stated = sp.Add(*(weights[e] * effect for e, effect in effects.items()))
        yield Step(f"order ≤ 4, σ(0) = 0: R_{i + 1}", direct, stated)
        direct = factor * own / (total + bias) * value
        stated = sp.Add(*(with_bias(weights[e], total, bias) * effect for e, effect in effects.items()))
        constant = with_bias(ratio(0, 0, own, total, factor), total, bias) * unit.s[0]
        yield Step(f"order ≤ 4, with a bias: R_{i + 1}", direct, stated + constant)
    # An active ReLU without bias is σ(z) = z: its effects are the inputs.
    positive = (ratio(1, 1, u, P, alpha) * u, ratio(0, 1, u, P, alpha) * (P - u))
    leaked = ratio(0, 0, u, P, alpha) * Q
    yield Step("active ReLU, N+", sp.Add(*positive, leaked), alpha * (u + u / P * Q))
    negative = (ratio(1, 1, v, Q, -beta) * v, ratio(0, 1, v, Q, -beta) * (Q - v))
    leaked = ratio(0, 0, v, Q, -beta) * P
    yield Step("active ReLU, N−", sp.Add(*negative, leaked), -beta * (v + v / Q * P))


THEOREM = Theorem(
    name="lrp_alpha_beta",
    statement="N+: α κ_i/|κ+|, or α u_i/P if κ+ = 0;  N−: −β κ_i/|κ−|, or −β u_i/Q if κ− = 0;  with a bias "
    "times P/(P + c⁺), Q/(Q + c⁻)",
    source="(33), (34), (35), (36)",
    covers="P^k Q^l with symbolic k, l; two inputs in each group with symbolic u and σ to order 4, with "
    "and without a bias",
    lifts="the others of a group enter as their sum: every n; absolute convergence: series",
    prove=prove,
)
