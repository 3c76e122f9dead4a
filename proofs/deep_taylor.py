"""Deep Taylor's rules hand out every effect of one neuron by shares that come from a root point.

Statement: one unit σ(z), z = c + Σ w_i x_i, multiplier 1, frame 0. z⁺ with x ≥ 0, c = 0, σ(0) = 0, P > 0:
the weight of I(κ) is κ_i/|κ+| on N+, u_i/P there if κ+ = 0, and 0 on N−. w²: w_i²/Σ w². z^B on a box [l,
h]: q_i/Σ q, q_i = x_i w_i − l_i w_i⁺ − h_i w_i⁻. The last two, with σ(c) = 0, for every κ. For an active
ReLU all three are R_i = w_i (x_i − x̃_i) with the root x̃ = x − t d, t = z/(w·d), d = x∘1[w > 0], w, or x
− l∘1[w>0] − h∘1[w<0]: Integrated Gradients with the baseline x̃. z⁺ adds up to σ(z) if P > 0.

Hypotheses: the denominators are not 0; the Taylor series of σ at c converges absolutely at z.

Source: eq. (37), (38), (33), rules of Montavon et al., arXiv 1512.02479.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import sympy as sp

from proofs.theorem import Number, Step, Theorem
from proofs.units import Unit, proportional_share

Vector = Sequence[sp.Expr]


def share(k: Number, order: Number, u: sp.Expr, P: sp.Expr) -> sp.Expr:
    """Return the weight of an input of N+ for z⁺: κ_i/|κ+|, and u_i/P if the order |κ+| is 0."""
    return u / P if order == 0 else sp.sympify(k) / order


def biased(unbiased: sp.Expr, P: sp.Expr, bias: sp.Expr) -> sp.Expr:
    """Return the weight under z⁺ with c⁺ in the denominator: the one without it times P/(P + c⁺)."""
    return unbiased * P / (P + bias)


def share_by_squares(i: int, w: Vector) -> sp.Expr:
    """Return w_i²/Σ w²."""
    return w[i] ** 2 / sp.Add(*(a**2 for a in w))


def share_in_a_box(i: int, x: Vector, w: Vector, low: Vector, high: Vector) -> sp.Expr:
    """Return q_i/Σ q with q_i = x_i w_i − l_i w_i⁺ − h_i w_i⁻."""
    q = [a * b - lo * sp.Max(b, 0) - hi * sp.Min(b, 0) for a, b, lo, hi in zip(x, w, low, high, strict=True)]
    return q[i] / sp.Add(*q)


def prove(
    ratio: Callable[[Number, Number, sp.Expr, sp.Expr], sp.Expr] = share,
    by_squares: Callable[[int, Vector], sp.Expr] = share_by_squares,
    in_a_box: Callable[[int, Vector, Vector, Vector, Vector], sp.Expr] = share_in_a_box,
    with_bias: Callable[[sp.Expr, sp.Expr, sp.Expr], sp.Expr] = biased,
) -> Iterator[Step]:
    """z⁺ to order 4 and with symbolic exponents; the roots of all three rules; what a bias does to z⁺.

    Args:
        ratio: The weight under z⁺ of an input of N+ from κ_i, |κ+|, u_i and P.
        by_squares: The weight under w² from i and the weights w.
        in_a_box: The weight under z^B from i, x, w, l and h.
        with_bias: The weight under z⁺ with c⁺ in the denominator, from the one without, P and c⁺.

    Yields:
        The steps.
    """
    u, v = sp.symbols("u_p u_n")
    P, Q = sp.symbols("P Q", nonzero=True)
    yield from proportional_share(lambda j, k: ratio(j, k, u, P))
    unit = Unit((u, P - u, v, Q - v), 4)
    effects, nothing = unit.effects(), {unit.s[0]: 0}
    for i, own in enumerate(unit.inputs[:2]):
        stated = sp.Add(*(ratio(e[i], sum(e[:2]), own, P) * effect for e, effect in effects.items()))
        yield Step(f"z⁺, order ≤ 4: R_{i + 1}", (own / P * unit.at(P + Q)).subs(nothing), stated)
    bias = sp.Symbol("c_plus")
    for i, own in enumerate(unit.inputs[:2]):
        weights = {e: with_bias(ratio(e[i], sum(e[:2]), own, P), P, bias) for e in effects}
        constant = with_bias(ratio(0, 0, own, P), P, bias) * unit.s[0]
        stated = sp.Add(*(weights[e] * effect for e, effect in effects.items())) + constant
        yield Step(f"z⁺ with a bias, order ≤ 4: R_{i + 1}", own / (P + bias) * unit.at(P + Q), stated)
    k, total = sp.Symbol("k", integer=True, positive=True), sp.Integer(0)
    for own in (u, P - u):
        total += ratio(0, 0, own, P)
    yield Step("z⁺: a negative term in total, P > 0", total, sp.Integer(1))
    yield Step("z⁺: a term with |κ+| = k in total", ratio(1, k, u, P) * k, sp.Integer(1))

    # Three inputs, two of them with w > 0: the root lies on the hyperplane, IG from there is w_i (x_i − x̃_i).
    signs = {"positive": True}, {"positive": True}, {"negative": True}
    w = [sp.Symbol(f"w{i}", **sign) for i, sign in enumerate(signs, start=1)]
    x, low, high = (sp.symbols(f"{name}1:4") for name in ("x", "l", "h"))
    c, alpha = sp.Symbol("c"), sp.Symbol("alpha", positive=True)
    z = c + sp.Add(*(a * b for a, b in zip(w, x, strict=True)))
    above = [bool(a.is_positive) for a in w]
    p = sp.Add(*(a * b for a, b, up in zip(w, x, above, strict=True) if up))
    rules = {
        "z⁺": (
            [b if up else sp.Integer(0) for b, up in zip(x, above, strict=True)],
            [ratio(1, 0, a * b, p) if up else sp.Integer(0) for a, b, up in zip(w, x, above, strict=True)],
        ),
        "w²": (w, [by_squares(i, w) for i in range(3)]),
        "z^B": (
            [b - (lo if up else hi) for b, lo, hi, up in zip(x, low, high, above, strict=True)],
            [in_a_box(i, x, w, low, high) for i in range(3)],
        ),
    }
    for name, (direction, shares) in rules.items():
        t = z / sp.Add(*(a * b for a, b in zip(w, direction, strict=True)))
        root = [b - t * step for b, step in zip(x, direction, strict=True)]
        at_root = c + sp.Add(*(a * b for a, b in zip(w, root, strict=True)))
        yield Step(f"{name}: σ(root) = 0 and the unit is active from there on", at_root, sp.Integer(0))
        for i in range(3):
            slope = w[i]  # relu'(z) = 1 on the way from the root
            gradients = (x[i] - root[i]) * sp.integrate(slope, (alpha, 0, 1))
            yield Step(f"{name}: R_{i + 1} is IG from the root", shares[i] * z, gradients)
        yield Step(f"{name}: the shares add up to 1", sp.Add(*shares), sp.Integer(1))
    # With fixed shares every effect of any σ with σ(c) = 0 gets the same row: R_i = share · Σ I(κ).
    three = Unit([a * b for a, b in zip(w, x, strict=True)], 3)
    inputs = sp.Add(*three.inputs)
    for name in list(rules)[1:]:
        symbol = sp.Symbol(f"share_{name}")
        stated = sp.Add(*(symbol * effect for effect in three.effects().values()))
        yield Step(f"{name}, σ(c) = 0, order ≤ 3", symbol * (three.at(inputs) - three.s[0]), stated)

    # relu(x_1 + 1) at x_1 = 1: I(1) = 1, I(0) = 1, and z⁺, which ignores c, gives σ(z) = 2 to x_1.
    one = sp.Integer(1)
    with_constant = ratio(1, 1, one, one) * one + ratio(0, 0, one, one) * one
    yield Step("z⁺, c > 0: the constant is handed out as well", with_constant, sp.Integer(2))


THEOREM = Theorem(
    name="deep_taylor",
    statement="z⁺: κ_i/|κ+|, or u_i/P if κ+ = 0, on N+;  w²: w_i²/Σ w²;  z^B: q_i/Σ q;  for an active ReLU "
    "R_i = w_i (x_i − x̃_i), σ(x̃) = 0",
    source="(37), (38), (33)",
    covers="z⁺ for powers of symbolic order, and to order 4 with two inputs in each group; w² and z^B "
    "to order 3; the roots for three inputs of both signs",
    lifts="the others of a group enter as their sum: every n; absolute convergence: series",
    prove=prove,
)
