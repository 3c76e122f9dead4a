"""Through several layers the DeepLIFT rules still allocate every coefficient, to its own variables.

Statement: replace Δ_i by Δ_i t_i. The scores R_i(t) of Rescale, of RevealCancel (parts) and of Deep SHAP
(neurons as components) are power series in t; A_i(κ) = [t^κ] R_i satisfies Σ_i A_i(κ) = I(κ), and A_i(κ)
= 0 if κ_i = 0.

Hypotheses: analytic activations, t near 0.

Source: eq. (45), (5), (42), (43).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.theorem import Step, Theorem
from proofs.units import Unit

T = sp.symbols("t1:3")
FIRST = [sp.symbols(f"u{j}_1:3") for j in (1, 2)]
READOUT = sp.symbols("v1:3")
SIGNS = ((1, -1), (1, 1)), (1, -1)
"""Signs of u_ji and of v_j, which RevealCancel needs."""


def multiplier(unit: Unit, own: sp.Expr, other: sp.Expr) -> sp.Expr:
    """Return (½[σ(own) − σ(0)] + ½[σ(own+other) − σ(other)])/own, written as a power series.

    It is what one of two parts gets, for each unit of its size: Δy⁺/P, or φ_k/Δh_k. With one part it is
    Δy/Δz.
    """
    total = sp.Integer(0)
    for m, s in enumerate(unit.s):
        alone = own ** (m - 1) if m else sp.Integer(0)
        # ((own+other)^m − other^m)/own = Σ_a (own+other)^a other^{m−1−a}
        joined = sp.Add(*((own + other) ** a * other ** (m - 1 - a) for a in range(m)))
        total += s * (alone + joined) / 2
    return total


def network(order: int, above: int) -> tuple[list[Unit], Unit, list[sp.Expr], sp.Expr]:
    """Return the hidden units, the output unit, the rises Δh_j, and f − f(0), all in t."""
    hidden = [
        Unit([a * t for a, t in zip(u, T, strict=True)], order, letter=f"s{j}_")
        for j, u in enumerate(FIRST, start=1)
    ]
    top = Unit(READOUT, above, letter="r")
    rises = [unit.at(sp.Add(*unit.inputs)) - unit.s[0] for unit in hidden]
    z = sp.Add(*(v * h for v, h in zip(READOUT, rises, strict=True)))
    return hidden, top, rises, top.at(z) - top.s[0]


def rescale(
    share: Callable[..., sp.Expr], hidden: list[Unit], top: Unit, rises: list[sp.Expr]
) -> list[sp.Expr]:
    """Return R_i: Δy/Δz at the output times v_j Δh_j/Δz_j times u_ji t_i, over the hidden units."""
    z = sp.Add(*(v * h for v, h in zip(READOUT, rises, strict=True)))
    last = share(top, z, sp.Integer(0))
    return [
        last
        * sp.Add(
            *(
                v * share(unit, sp.Add(*unit.inputs), sp.Integer(0)) * unit.inputs[i]
                for v, unit in zip(READOUT, hidden, strict=True)
            )
        )
        for i in range(2)
    ]


def reveal_cancel(
    share: Callable[..., sp.Expr], hidden: list[Unit], top: Unit, rises: list[sp.Expr]
) -> list[sp.Expr]:
    """Return R_i with each unit's two parts kept apart and recombined by the sign of v_j."""
    signs, outer = SIGNS
    groups = [
        {s: sp.Add(*(a for a, sign in zip(unit.inputs, row, strict=True) if sign == s)) for s in (1, -1)}
        for unit, row in zip(hidden, signs, strict=True)
    ]
    slopes = [
        {s: share(unit, group[s], group[-s]) for s in (1, -1)}
        for unit, group in zip(hidden, groups, strict=True)
    ]
    parts = {
        s: sp.Add(
            *(
                v * slope[s * o] * g[s * o]
                for v, o, slope, g in zip(READOUT, outer, slopes, groups, strict=True)
            )
        )
        for s in (1, -1)
    }
    last = {s: share(top, parts[s], parts[-s]) for s in (1, -1)}
    return [
        sp.Add(
            *(
                last[o * row[i]] * v * slope[row[i]] * unit.inputs[i]
                for v, o, row, slope, unit in zip(READOUT, outer, signs, slopes, hidden, strict=True)
            )
        )
        for i in range(2)
    ]


def deep_shap(
    share: Callable[..., sp.Expr], hidden: list[Unit], top: Unit, rises: list[sp.Expr]
) -> list[sp.Expr]:
    """Return R_i: φ_j/Δh_j at the output times the Shapley values of the hidden units."""
    arriving = [v * h for v, h in zip(READOUT, rises, strict=True)]
    last = [v * share(top, arriving[j], arriving[1 - j]) for j, v in enumerate(READOUT)]
    return [
        sp.Add(
            *(
                m * unit.inputs[i] * share(unit, unit.inputs[i], unit.inputs[1 - i])
                for m, unit in zip(last, hidden, strict=True)
            )
        )
        for i in range(2)
    ]


def prove(share: Callable[[Unit, sp.Expr, sp.Expr], sp.Expr] = multiplier) -> Iterator[Step]:
    """Two inputs, two hidden units, an output unit, polynomial activations: every coefficient of R_i."""
    own, other = sp.symbols("own other", nonzero=True)
    unit = Unit((own, other), 4)
    halves = (unit.change(0, own) + unit.change(other, own)) / 2
    yield Step("½[σ(own) − σ(0)] + ½[σ(own+other) − σ(other)]", share(unit, own, other) * own, halves)
    hidden, top, rises, rise = network(3, 2)
    effects = dict(sp.Poly(sp.expand(rise), *T).terms())
    for name, rule in (("Rescale", rescale), ("RevealCancel", reveal_cancel), ("Deep SHAP", deep_shap)):
        scores = [dict(sp.Poly(sp.expand(R), *T).terms()) for R in rule(share, hidden, top, rises)]
        for kappa in sorted(set(effects).union(*scores)):
            parts = [R.get(kappa, sp.Integer(0)) for R in scores]
            effect = effects.get(kappa, sp.Integer(0))
            yield Step(f"{name}: Σ A_i{kappa} = I{kappa}", sp.Add(*parts), effect)
            for i, part in enumerate(parts):
                if not kappa[i]:
                    yield Step(f"{name}: A_{i + 1}{kappa} = 0", part, sp.Integer(0))


THEOREM = Theorem(
    name="formal_allocation",
    statement="A_i(κ) = [t^κ] R_i(t) of Rescale, RevealCancel (parts), Deep SHAP: Σ_i A_i(κ) = I(κ), "
    "and A_i(κ) = 0 if κ_i = 0",
    source="(45), (5), (42)",
    covers="finite: two inputs, two hidden units, one output unit, symbolic weights, activations of orders "
    "3 and 2 with symbolic coefficients, both parts of both signs; every κ",
    lifts="Δy/Δz, Δy⁺/P and φ_k/Δh_k are power series, shares of input i start with t_i, and each layer "
    "passes on all it receives: induction over layers, any depth, width and order",
    prove=prove,
)
