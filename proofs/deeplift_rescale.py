"""DeepLIFT's Rescale rule shares the effects of one neuron like Integrated Gradients, in either frame.

Statement: one unit, u_i = w_i Δ_i, U = Σ u_i = Δz. C_i = u_i Δy/Δz = Σ_κ (κ_i/m) I(κ) = Σ_κ (κ_i/m)
I^x(κ), and C_i is the Integrated Gradient of the unit for any σ. For Δz = 0 the limit is u_i σ'(z⁰).

Hypotheses: the Taylor series of σ at z⁰ (at z) converges absolutely at z (at z⁰); for the equality with
Integrated Gradients σ is absolutely continuous.

Source: eq. (39), (40), (9), T5; the rule is that of Shrikumar, Greenside, Kundaje, arXiv 1704.02685.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.integrated_gradients import share
from proofs.smooth import Smooth
from proofs.theorem import Number, Step, Theorem
from proofs.units import Unit, proportional_share


def prove(ratio: Callable[[Number, Number], sp.Expr] = share) -> Iterator[Step]:
    """Powers of symbolic order, the other inputs as one; three inputs to order 5; Integrated Gradients.

    Args:
        ratio: The weight w_i(κ) from k = κ_i and m = |κ|, both symbols or integers; the same in both frames.

    Yields:
        The steps.
    """
    u, v = sp.symbols("u v", positive=True)
    m = sp.Symbol("m", integer=True, positive=True)
    euler = u * sp.diff((u + v) ** m, u) / m
    yield Step("T5: u (u+v)^{m−1} = (1/m) u ∂_u (u+v)^m", u * (u + v) ** (m - 1), euler)
    yield from proportional_share(ratio)

    inputs = sp.symbols("u1:3")
    U = sp.Symbol("U", nonzero=True)
    unit = Unit((*inputs, U - sp.Add(*inputs)), 5)
    frames = {
        "baseline": (unit.at(U) - unit.s[0], U, unit.effects()),
        "input": (unit.s[0] - unit.at(-U), U, unit.effects_from_the_input()),
    }
    for frame, (rise, run, effects) in frames.items():
        for i, own in enumerate(unit.inputs):
            stated = sp.Add(*(ratio(e[i], sum(e)) * effect for e, effect in effects.items()))
            yield Step(f"order ≤ 5: C_{i + 1}, frame {frame}", own * rise / run, stated)
    yield Step("Δz → 0", (inputs[0] * unit.slope(U)).subs(U, 0), inputs[0] * unit.s[1])
    yield Step("Δy/Δz without a denominator", unit.slope(U) * U, unit.at(U) - unit.s[0])

    alpha, z0 = sp.symbols("alpha z0")
    along = Smooth(0, z0 + alpha * U)  # u_i ∫₀¹ σ'(z⁰ + αU) dα has the primitive u_i σ(z⁰ + αU)/U
    yield Step("IG of the unit: a primitive", sp.diff(along / U, alpha), Smooth(1, z0 + alpha * U))
    ends = (along.subs(alpha, 1) - along.subs(alpha, 0)) / U
    yield Step(
        "IG of the unit = Rescale", inputs[0] * ends, inputs[0] * (Smooth(0, z0 + U) - Smooth(0, z0)) / U
    )
    depth, height = sp.symbols("depth height", positive=True)  # z⁰ = −depth, z = height, kink in between
    on = sp.integrate(1, (alpha, depth / (depth + height), 1))
    yield Step("the same across the kink of a ReLU", inputs[0] * on, inputs[0] * height / (depth + height))


THEOREM = Theorem(
    name="deeplift_rescale",
    statement="u_i Δy/Δz = Σ_κ (κ_i/|κ|) I(κ) = Σ_κ (κ_i/|κ|) I^x(κ), the IG of the unit;  u_i σ'(z⁰) "
    "if Δz = 0",
    source="(39), (40), (9), T5",
    covers="each order m symbolic, the inputs other than i as one; three inputs with symbolic u and σ "
    "to order 5, in both frames; unspecified σ and a ReLU for Integrated Gradients",
    lifts="the others enter as their sum: every n; absolute convergence: series; the fundamental "
    "theorem for absolutely continuous σ",
    prove=prove,
)
