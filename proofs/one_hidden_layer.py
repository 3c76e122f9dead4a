"""With one hidden layer and a linear readout the weights of a layer are weights of the network.

Statement: f = Σ_j v_j σ_j(w_j·x + c_j). Rescale equals the Integrated Gradients of f, Σ_κ (κ_i/m) I(κ);
Deep SHAP with neurons as components equals the Shapley values of f, Σ_{S∋i} J(S)/|S|; RevealCancel, if
all units share the sign pattern of w_{ji} Δ_i, has the weight h κ_i/|κ±| of one unit.

Hypotheses: as for one unit.

Source: eq. (44), (39), (41), (43), (27).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import sympy as sp

from proofs import deeplift_reveal_cancel, integrated_gradients, shapley
from proofs.games import Game, effects, everyone, subsets
from proofs.smooth import MultiIndex, Smooth
from proofs.theorem import Number, Step, Theorem
from proofs.units import Unit

UNITS = (1, 2)


def combined(v: tuple[sp.Symbol, ...], units: list[Unit]) -> Mapping[MultiIndex, sp.Expr]:
    """Return the effects of Σ_j v_j σ_j."""
    tables = [unit.effects() for unit in units]
    return {kappa: sp.Add(*(a * t[kappa] for a, t in zip(v, tables, strict=True))) for kappa in tables[0]}


def prove(
    ratio: Callable[[Number, Number], sp.Expr] = integrated_gradients.share,
    of_components: Callable[[Number], sp.Expr] = shapley.share,
    revealed: Callable[[Number, Number, Number], sp.Expr] = deeplift_reveal_cancel.share,
) -> Iterator[Step]:
    """Two units with symbolic σ_j to order 4; Shapley values for unspecified σ_j."""
    v = sp.symbols("v1:3")
    sums = sp.symbols("U1:3", nonzero=True)
    units = []
    for j, U in zip(UNITS, sums, strict=True):
        u = sp.symbols(f"u{j}_1:3")
        units.append(Unit((*u, U - sp.Add(*u)), 4, letter=f"s{j}_"))
    table = combined(v, units)
    # A linear readout passes v_j Δy_j on to unit j, whatever the rule.
    for i in range(3):
        direct = sp.Add(
            *(
                a * (unit.at(U) - unit.s[0]) * unit.inputs[i] / U
                for a, U, unit in zip(v, sums, units, strict=True)
            )
        )
        stated = sp.Add(*(ratio(e[i], sum(e)) * effect for e, effect in table.items()))
        yield Step(f"Rescale, order ≤ 4: R_{i + 1}", direct, stated)
    alpha = sp.Symbol("alpha")
    z0, u = sp.symbols("z0_1:3"), [unit.inputs[0] for unit in units]
    path = [Smooth(0, start + alpha * U) for start, U in zip(z0, sums, strict=True)]
    f = sp.Add(*(a * value for a, value in zip(v, path, strict=True)))
    slope = sp.Add(*(a * w * Smooth(1, s + alpha * U) for a, w, s, U in zip(v, u, z0, sums, strict=True)))
    primitive = sp.Add(*(a * w / U * value for a, w, U, value in zip(v, u, sums, path, strict=True)))
    yield Step("IG of f, unspecified σ: a primitive", sp.diff(primitive, alpha), slope)
    whole = sp.Add(*(a * U * Smooth(1, s + alpha * U) for a, U, s in zip(v, sums, z0, strict=True)))
    yield Step("f along the path", sp.diff(f, alpha), whole)
    ends = primitive.subs(alpha, 1) - primitive.subs(alpha, 0)
    rescaled = sp.Add(
        *(a * w * (Smooth(0, s + U) - Smooth(0, s)) / U for a, w, s, U in zip(v, u, z0, sums, strict=True))
    )
    yield Step("IG of f, unspecified σ = Rescale", ends, rescaled)

    for n in (2, 3):
        N = everyone(n)
        games: list[Game] = []
        for j in UNITS:
            inputs = sp.symbols(f"u{j}_1:{n + 1}")
            start = sp.Symbol(f"z0_{j}")
            games.append({T: Smooth(0, start + sp.Add(*(inputs[k - 1] for k in T))) for T in subsets(N)})
        network = {T: sp.Add(*(a * g[T] for a, g in zip(v, games, strict=True))) for T in subsets(N)}
        J = effects(network)
        for i in N:
            chained = sp.Add(*(a * shapley.value(g, i) for a, g in zip(v, games, strict=True)))
            stated = sp.Add(*(of_components(len(S)) * effect for S, effect in J.items() if i in S))
            yield Step(f"Deep SHAP, unspecified σ, n = {n}: R_{i}", chained, stated)

    positive, negative = sp.symbols("P1:3", nonzero=True), sp.symbols("Q1:3", nonzero=True)
    units = []
    for j, P, Q in zip(UNITS, positive, negative, strict=True):
        p, q = sp.symbols(f"p{j} q{j}")
        units.append(Unit((p, P - p, q, Q - q), 3, letter=f"s{j}_"))
    table = combined(v, units)
    for i in range(4):
        direct = sp.Integer(0)
        for a, unit, P, Q in zip(v, units, positive, negative, strict=True):
            own, other = (P, Q) if i < 2 else (Q, P)
            direct += a * unit.inputs[i] / own * deeplift_reveal_cancel.of_the_group(unit, own, other)
        stated = sp.Integer(0)
        for e, effect in table.items():
            own, other = (sum(e[:2]), sum(e[2:])) if i < 2 else (sum(e[2:]), sum(e[:2]))
            stated += revealed(e[i], own, other) * effect
        yield Step(f"RevealCancel, one sign pattern, order ≤ 3: R_{i + 1}", direct, stated)


THEOREM = Theorem(
    name="one_hidden_layer",
    statement="f = Σ_j v_j σ_j(w_j·x + c_j): Rescale = IG of f, Deep SHAP by neurons = Shapley of f, "
    "RevealCancel h κ_i/|κ±| for one sign pattern",
    source="(44), (39), (41), (43)",
    covers="two units: Rescale to order 4 with symbolic u and σ, and unspecified σ against IG; Shapley for "
    "unspecified σ, n ≤ 3; RevealCancel to order 3",
    lifts="the readout is linear and so are effects: any number of units; one unit: its own theorem",
    prove=prove,
)
