"""LRP hands on the relevance of a product whole; all to the signal, a gated state does so at every step.

Statement: y = g s with the multiplier M = R/y and shares w + v = 1: w M g s + v M g s = R. With v = 1,
M_s = M g. A state c_t = f_t c_{t−1} + i_t a_t with M_t at c_t, the sum by LRP-0 and all to the signals, hands
R_t = M_t c_t on to c_{t−1} and a_t without loss, hence R_T = R_0 + Σ_t R(a_t). With a half for a gate
g = σ(z), z = Σ u_i, its inputs get R_i = (R/2) u_i/z, of which Σ|R_i| grows beyond all bounds as z → 0.

Hypotheses: y ≠ 0; c_t ≠ 0; z ≠ 0; ε = 0.

Source: eq. (75), (76); Arras et al. 2017, arXiv:1706.07206.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.theorem import Step, Theorem


def shares_of_a_gate() -> tuple[sp.Expr, sp.Expr]:
    """Return w_g = 0 and w_s = 1."""
    return sp.Integer(0), sp.Integer(1)


def prove(shares: Callable[[], tuple[sp.Expr, sp.Expr]] = shares_of_a_gate) -> Iterator[Step]:
    """One product with symbolic shares; the gated state with one symbolic step; the half of a gate.

    Args:
        shares: The shares of gate and signal.

    Yields:
        The steps.
    """
    g, s, relevance, w = sp.symbols("g s R w", nonzero=True)
    multiplier = relevance / (g * s)
    yield Step("any shares w + v = 1", w * multiplier * s * g + (1 - w) * multiplier * g * s, relevance)
    of_gate, of_signal = shares()
    yield Step("the gate gets nothing", of_gate * multiplier * s * g, 0)
    yield Step("the signal gets all", of_signal * multiplier * g * s, relevance)
    # one step of a state with symbolic multiplier M_t: M_{t−1} = M_t f_t, and M(a_t) = M_t i_t
    m, forget, before, opened, signal = sp.symbols("M f c_before i a")
    state = forget * before + opened * signal
    handed = of_signal * m * forget * before + of_signal * m * opened * signal
    yield Step("a step of a gated state: R(c_{t−1}) + R(a_t) = R(c_t)", handed, m * state)
    # by induction R_T = R_0 + Σ R(a_t); two symbolic steps show the telescope
    later, forget2, opened2, signal2 = sp.symbols("N f_2 i_2 a_2")
    through = later * forget2  # the multiplier of c_1 in c_2 = f_2 c_1 + i_2 a_2
    last = later * (forget2 * state + opened2 * signal2)
    parts = through * forget * before + through * opened * signal + later * opened2 * signal2
    yield Step("two steps: R_0 + R(a_1) + R(a_2) = R_2", parts, last)
    # half to a gate whose two inputs nearly cancel: R_1 + R_2 = R/2, and R_1 − R_2 = (R/2)(2u − z)/z
    u, z = sp.symbols("u z", nonzero=True)
    first, second = relevance / 2 * u / z, relevance / 2 * (z - u) / z
    yield Step("half to the gate conserves too", first + second, relevance / 2)
    yield Step(
        "and has no bound: lim z·(R_1 − R_2) = R u", sp.limit(z * (first - second), z, 0), relevance * u
    )


THEOREM = Theorem(
    name="lrp_products",
    statement="w M g s + (1 − w) M g s = R; all to the signal: R(c_{t−1}) + R(a_t) = R(c_t)",
    source="(75), (76)",
    covers="every share w, symbolic values; one and two steps of a gated state, symbolic",
    lifts="the multiplier of a step is symbolic: induction over the steps; entries are independent: any "
    "width",
    prove=prove,
)
