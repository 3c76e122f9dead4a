"""Deep SHAP has the weights of its components: Shapley's for whole neurons, Rescale's for their parts.

Statement: a component is attributed by the Shapley values φ_i of its inputs, averaged over references b.
One neuron y = σ(w·x + c): as one component, a_i = E_b Σ_{S∋i} J_b(S)/|S|, in either frame; as a linear
map and then an activation of one input, a_i = E_b u_i Δy/Δz = E_b Σ_κ (κ_i/m) I_b(κ). Max pooling,
reference 0, a_1 ≥ … ≥ a_n ≥ 0 = a_{n+1}: φ_i = Σ_{j≥i} (a_j − a_{j+1})/j.

Hypotheses: none on σ as one component; by parts, the Taylor series of σ at z⁰ converges absolutely at z.

Source: eq. (43), (27), (39), (8); the attribution is that of Lundberg, Lee, arXiv 1705.07874.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import sympy as sp

from proofs import integrated_gradients, shapley
from proofs.frame_of_coalition_effects import from_above
from proofs.games import effects, everyone, subsets
from proofs.smooth import Smooth
from proofs.theorem import Number, Step, Theorem
from proofs.units import Unit


def increments(values: Sequence[sp.Expr]) -> list[sp.Expr]:
    """Return φ_i = Σ_{j≥i} (a_j − a_{j+1})/j for values a_1 ≥ … ≥ a_n, a_{n+1} = 0."""
    n = len(values)
    below = [*values[1:], sp.Integer(0)]
    return [sp.Add(*((values[j] - below[j]) / (j + 1) for j in range(i, n))) for i in range(n)]


def prove(
    ratio: Callable[[Number], sp.Expr] = shapley.share,
    by_parts: Callable[[Number, Number], sp.Expr] = integrated_gradients.share,
    pooled: Callable[[Sequence[sp.Expr]], Sequence[sp.Expr]] = increments,
) -> Iterator[Step]:
    """Neurons with an unspecified σ and two references; two parts to order 4; max pooling of ≤ 4 values.

    Args:
        ratio: The weight of J_b(S), i ∈ S, from |S|, if the component is the neuron.
        by_parts: The weight of I_b(κ) from κ_i and |κ|, if linear map and activation are two components.
        pooled: What the inputs of a max pooling get, from their values in falling order.

    Yields:
        The steps.
    """
    chances = sp.symbols("p1:3", positive=True)
    for n in range(1, 5):
        N = everyone(n)
        games = []
        for r in (1, 2):
            z0, u = sp.Symbol(f"z0_{r}"), sp.symbols(f"u{r}_1:{n + 1}")
            games.append({T: Smooth(0, z0 + sp.Add(*(u[j - 1] for j in T))) for T in subsets(N)})
        for i in N:
            direct = sp.Add(*(p * shapley.value(v, i) for p, v in zip(chances, games, strict=True)))
            tables = [effects(v) for v in games]
            from_input = [{S: from_above(J, S) for S in J if S} for J in tables]
            for frame, found in (("baseline", tables), ("input", from_input)):
                stated = sp.Add(
                    *(
                        p * ratio(len(S)) * effect
                        for p, J in zip(chances, found, strict=True)
                        for S, effect in J.items()
                        if i in S
                    )
                )
                yield Step(f"one component, n = {n}: a_{i}, frame {frame}", direct, stated)

    # The Shapley values of a linear map are its terms, that of one input is all of the rise Δy.
    u = sp.symbols("u1:4")
    linear = {T: sp.Add(*(u[j - 1] for j in T)) for T in subsets(everyone(3))}
    yield Step("a linear component", shapley.value(linear, 1), u[0])
    single = {T: Smooth(0, sp.Integer(len(T))) for T in subsets(everyone(1))}
    yield Step("an activation", shapley.value(single, 1), Smooth(0, 1) - Smooth(0, 0))
    direct, stated = [sp.Integer(0)] * 3, [sp.Integer(0)] * 3
    for r, p in enumerate(chances, start=1):
        first, U = sp.symbols(f"u{r}_1:3"), sp.Symbol(f"U{r}", nonzero=True)
        unit = Unit((*first, U - sp.Add(*first)), 4, letter=f"s{r}_")
        for i, own in enumerate(unit.inputs):
            direct[i] += p * own * (unit.at(U) - unit.s[0]) / U
            stated[i] += p * sp.Add(*(by_parts(e[i], sum(e)) * J for e, J in unit.effects().items()))
    for i in range(3):
        yield Step(f"two components, order ≤ 4: a_{i + 1}", direct[i], stated[i])

    for n in range(1, 5):
        steps = sp.symbols(f"d1:{n + 1}", nonnegative=True)
        values = [sp.Add(*steps[i:]) for i in range(n)]  # falling: a_i = d_i + … + d_n
        pool = {T: values[min(T) - 1] if T else sp.Integer(0) for T in subsets(everyone(n))}
        shares = pooled(values)
        for i in everyone(n):
            yield Step(f"max pooling, n = {n}: φ_{i}", shapley.value(pool, i), shares[i - 1])
        other = {S: from_above(effects(pool), S) for S in pool if S}
        for j in everyone(n):  # d_j is an OR-effect of the j largest, and they share it equally
            largest = frozenset(range(1, j + 1))
            yield Step(f"max pooling, n = {n}: J^x of the {j} largest", other[largest], steps[j - 1])


THEOREM = Theorem(
    name="deep_shap",
    statement="neuron as one component: 1/|S| per reference, in both frames;  linear map, then "
    "activation: κ_i/|κ|;  max pooling: φ_i = Σ_{j≥i} (a_j − a_{j+1})/j",
    source="(43), (27), (39)",
    covers="unspecified σ for n ≤ 4 with two references; two parts with symbolic u and σ to order 4; "
    "max pooling for n ≤ 4",
    lifts="the theorems shapley and deeplift_rescale for each reference; the mean is linear; max "
    "pooling is Σ_j d_j 1[T meets the j largest], whose OR-effects are shared equally: every n",
    prove=prove,
)
