"""LRP-0 through a ReLU network is Gradient × Input; smooth units put σ(z)/z in place of the slope.

Statement: a layer y_j = σ(z_j), z_j = Σ_i w_{ji} a_i + c_j, R_i = a_i Σ_j w_{ji} R_j/(z_j + ε sgn z_j).
If σ is ReLU, ε = 0 and R_j = y_j g_j, g_j = ∂f/∂y_j, then R_i = a_i ∂f/∂a_i; hence, layer by layer from R
= f at the output, LRP-0 is Gradient × Input with b = 0, whose weight in frame input is 1[κ = e_i]. With ε
> 0 each unit on a path has the factor z/d. Σ_i R_i = Σ_j R_j − Σ_j c_j R_j/z_j. For other σ the slope is
replaced by σ(z)/z.

Hypotheses: z_j ≠ 0 for all units; ReLU networks of any depth with any biases.

Source: eq. (32), (31), (13); the equality for ε = 0 is that of Ancona et al., arXiv 1711.06104.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import sympy as sp

from proofs.smooth import Smooth
from proofs.theorem import Step, Theorem


def gate(z: sp.Expr, slope: sp.Expr, value: sp.Expr, d: sp.Expr) -> sp.Expr:
    """Return what stands for σ'(z) on the way back: σ(z)/d, which for ReLU is σ'(z) z/d.

    Args:
        z: Input of the unit.
        slope: σ'(z).
        value: σ(z).
        d: z + ε sgn z.

    Returns:
        The factor of the unit on each path through it.
    """
    return value / d


def back(
    a: Sequence[sp.Expr], w: Sequence[Sequence[sp.Expr]], R: Sequence[sp.Expr], d: Sequence[sp.Expr]
) -> list:
    """Return R_i = a_i Σ_j w_{ji} R_j/d_j."""
    return [
        own * sp.Add(*(row[i] * r / stabilised for row, r, stabilised in zip(w, R, d, strict=True)))
        for i, own in enumerate(a)
    ]


def prove(factor: Callable[[sp.Expr, sp.Expr, sp.Expr, sp.Expr], sp.Expr] = gate) -> Iterator[Step]:
    """One layer with symbolic gates and multipliers; two layers and an output; a smooth layer."""
    n, units = 2, 3
    a = sp.symbols(f"a1:{n + 1}")
    c, gates, g = (sp.symbols(f"{name}1:{units + 1}") for name in ("c", "gate", "g"))
    w = [sp.symbols(f"w{j}_1:{n + 1}") for j in range(1, units + 1)]
    z = sp.symbols(f"z1:{units + 1}", nonzero=True)  # symbols for Σ w a + c, put in where it matters
    meaning = {z[j]: c[j] + sp.Add(*(x * y for x, y in zip(w[j], a, strict=True))) for j in range(units)}
    # The gate is 0 or 1: y_j = gate_j z_j, and ∂y_j/∂a_i = gate_j w_ji off the kinks.
    arriving = [on * inside * slope for on, inside, slope in zip(gates, z, g, strict=True)]
    R = back(a, w, arriving, z)
    for i in range(n):
        passed = [factor(inside, on, on * inside, inside) for on, inside in zip(gates, z, strict=True)]
        gradient = sp.Add(*(row[i] * f * slope for row, f, slope in zip(w, passed, g, strict=True)))
        yield Step(f"one layer, ε = 0: R_{i + 1} = a_{i + 1} ∂f/∂a_{i + 1}", R[i], a[i] * gradient)
        chained = sp.Add(
            *(slope * on * sp.diff(meaning[v], a[i]) for slope, on, v in zip(g, gates, z, strict=True))
        )
        yield Step(f"one layer: ∂f/∂a_{i + 1}", gradient, chained)
    kept = sp.Add(*(r - bias * r / inside for bias, r, inside in zip(c, arriving, z, strict=True)))
    biases = {bias: v - (meaning[v] - bias) for bias, v in zip(c, z, strict=True)}  # c_j = z_j − Σ w_ji a_i
    yield Step("one layer: the biases keep their shares", sp.Add(*R), kept.subs(biases, simultaneous=True))

    # Depth: x → 2 units → 2 units → output, every gate symbolic, ε in every unit.
    x = sp.symbols("x1:3")
    weights = [[sp.symbols(f"w{layer}{j}_1:3") for j in (1, 2)] for layer in (1, 2)]
    out, on = sp.symbols("v1:3"), [sp.symbols(f"gate{layer}_1:3") for layer in (1, 2)]
    inside = [sp.symbols(f"z{layer}_1:3", nonzero=True) for layer in (1, 2)]
    below = [sp.symbols(f"d{layer}_1:3", nonzero=True) for layer in (1, 2)]
    top, top_d = sp.symbols("z_out d_out", nonzero=True)
    hidden = [[s * v for s, v in zip(g_, z_, strict=True)] for g_, z_ in zip(on, inside, strict=True)]
    relevance = back(hidden[1], [out], [top], [top_d])
    relevance = back(hidden[0], weights[1], relevance, below[1])
    relevance = back(x, weights[0], relevance, below[0])
    for i in range(2):
        paths = sp.Add(
            *(
                weights[0][j][i]
                * factor(inside[0][j], on[0][j], hidden[0][j], below[0][j])
                * weights[1][l][j]
                * factor(inside[1][l], on[1][l], hidden[1][l], below[1][l])
                * out[l]
                for j in range(2)
                for l in range(2)  # noqa: E741
            )
        )
        yield Step(f"two layers with ε: x_{i + 1}, path by path", relevance[i], x[i] * paths * top / top_d)
        exact = dict(zip((*below[0], *below[1], top_d), (*inside[0], *inside[1], top), strict=True))
        slopes = sp.Add(
            *(
                weights[0][j][i] * on[0][j] * weights[1][l][j] * on[1][l] * out[l]
                for j in range(2)
                for l in range(2)  # noqa: E741
            )
        )
        yield Step(f"two layers, ε = 0: x_{i + 1} ∂f/∂x_{i + 1}", relevance[i].subs(exact), x[i] * slopes)

    # Smooth units: R_j = σ(z_j) M_j goes back with σ(z_j)/z_j.
    M = sp.symbols(f"M1:{units + 1}")
    values = [Smooth(0, v) for v in z]
    R = back(a, w, [v * m for v, m in zip(values, M, strict=True)], z)
    for i in range(n):
        passed = [factor(v, Smooth(1, v), y, v) for v, y in zip(z, values, strict=True)]
        stated = a[i] * sp.Add(*(row[i] * f * m for row, f, m in zip(w, passed, M, strict=True)))
        yield Step(f"smooth units: R_{i + 1}", R[i], stated)


THEOREM = Theorem(
    name="lrp_zero_is_gradient",
    statement="ReLU networks: LRP-0 = x_i ∂_i f, with ε each unit of a path has the factor z/d;  "
    "Σ R_i = Σ R_j − Σ c_j R_j/z_j;  other σ: σ(z)/z for σ'(z)",
    source="(32), (31), (13)",
    covers="one layer of three units with symbolic gates, weights, biases and multipliers; two layers "
    "with ε; an unspecified σ",
    lifts="R_j = y_j g_j at a layer gives R_i = a_i g_i at the one below, and R = f·1 at the output: "
    "induction over layers; sums over units: any width",
    prove=prove,
)
