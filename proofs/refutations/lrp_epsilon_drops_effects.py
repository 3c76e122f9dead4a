"""In frame input LRP drops every effect but those of first order.

σ(w) = w and σ(w) = w + (w − z)², u = 1: R_1 = 1 in both, and the term has I^x(2) = −1; σ(z) and σ'(z) are
those of an active ReLU in both. relu(x_1 + x_2 − 1) at (1, 1): R = (1, 1) = (J^x({1}), J^x({2})), and
J^x({1, 2}) = −1 is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import sympy as sp

from proofs.games import EMPTY, everyone, subsets
from proofs.refutations.neurons import BIASES, Neuron, Rule, active, lrp_epsilon, neurons
from proofs.refutations.polynomials import Method, Y, effects, vector
from proofs.refutations.refutation import Case, Finding, Refutation, cells

PLAIN = lrp_epsilon()
RULES = "lrp_epsilon/relu lrp_epsilon/input_frame"


def through(unit: Neuron) -> Method:
    """Return LRP-0 of a unit with these contributions, u_i f(x)/z, for any σ in place of its own."""

    def scores(f: sp.Expr, y: Sequence[sp.Symbol], x: Sequence[int]) -> Sequence[sp.Expr]:
        value = f.subs(dict(zip(y, x, strict=True)))
        return [a * value / unit.z for a in unit.u]

    return scores


def added(method: Callable[[Neuron], Method] = through) -> Iterator[tuple[Case, Case]]:
    """Yield units w + (w − z)^m beside w: the change of all R_i with that of the effects, and of any R_i."""
    for unit in neurons(active):
        if unit.m > 1:
            t, ones = Y[: len(unit.u)], [1] * len(unit.u)
            linear = unit.z + sp.Add(*(a * (s - 1) for a, s in zip(unit.u, t, strict=True)))
            term = (linear - unit.z) ** unit.m
            before, after = (method(unit)(f, t, ones) for f in (linear, linear + term))
            changes = [new - old for new, old in zip(after, before, strict=True)]
            found = sp.Add(*effects(term, t, ones, "input", unit.m).values())
            case = Case(unit.size, f"(w − z)^{unit.m}, u = {vector(unit.u)}", sp.Add(*changes), found)
            yield case, case._replace(left=sp.Add(*map(sp.Abs, changes)), right=sp.Integer(0))


def shared(method: Callable[[Neuron], Method] = through) -> Iterator[Case]:
    """Every term of order ≥ 2, handed out once."""
    return (once for once, _ in added(method))


def reached(method: Callable[[Neuron], Method] = through) -> Iterator[Case]:
    """Every term of order ≥ 2, reaching somebody."""
    return (some for _, some in added(method))


def dual(unit: Neuron, S: frozenset[int]) -> int:
    """Return J^x(S) = −Σ_{T⊆S} (−1)^{|S|−|T|} v(N∖T) of a ReLU."""
    N = everyone(len(unit.u))
    value = {T: max(unit.c + sum(unit.u[i - 1] for i in T), 0) for T in subsets(N)}
    return -sum((-1) ** (len(S) - len(T)) * value[N - T] for T in subsets(S))


def interactions(method: Rule = PLAIN) -> Iterator[Case]:
    """Every active ReLU with J^x({1, 2}) ≠ 0: what the scores hold besides J^x({i})."""
    for unit in neurons(active, biases=BIASES, orders=1):
        if len(unit.u) == 2 and dual(unit, everyone(2)):
            R = method(unit.u, unit.c, unit.value)
            more = sp.Add(*(sp.Abs(R[i - 1] - dual(unit, EMPTY | {i})) for i in (1, 2)))
            yield Case(unit.size, f"relu({unit})", more, sp.Integer(0))


REFUTATION = Refutation(
    name="lrp_epsilon_drops_effects",
    title="In frame input LRP drops every effect but those of first order.",
    claim="adding a term of order m ≥ 2 to σ at z changes some R_i, and changes them by its effects in "
    "total, eq. (6); the interaction J^x({1, 2}) of an active ReLU reaches somebody",
    hypotheses="ε = 0, z > 0",
    statement="adding (w − z)² to σ(w) = w, u = 1: R_1 stays, I^x(2) = −1 is added;  relu(x_1 + x_2 − 1) at "
    "(1, 1): nobody gets J^x({1, 2}) = −1",
    source="(31), (8)",
    covers="terms (w − z)^m, 2 ≤ m ≤ 4, n ≤ 2, u_i ±1, ±2, ±3, c = 0; ReLUs of two inputs, c 0, ±1, ±2, by "
    "n, m, Σ|u| + |c|",
    lifts="R_i reads σ(z) alone, and the weight of I^x(e_i) σ(z) and σ'(z): no other term is seen",
    findings=(
        Finding(
            claim="Σ|ΔR_i| ≠ 0",
            cases=reached,
            witness="(w − z)^2, u = (1)",
            left=0,
            right=0,
            equal=False,
            refutes=cells(RULES, "input", "C1 term", "C1 effect"),
        ),
        Finding(
            claim="Σ ΔR_i = Σ ΔI^x(κ)",
            cases=shared,
            witness="(w − z)^2, u = (1)",
            left=0,
            right=-1,
            refutes=cells(RULES, "input", "C3"),
        ),
        Finding(
            claim="Σ|R_i − J^x({i})| ≠ 0",
            cases=interactions,
            witness="relu(z, u = (1, 1), c = −1)",
            left=0,
            right=0,
            equal=False,
        ),
    ),
)
