"""Integrated Gradients share each coalition effect among its own players, without any Taylor series.

Statement: let f_S(y) = Σ_{T⊆S} (−1)^{|S|−|T|} f(y_T). Then IG[f] = Σ_S IG[f_S], IG_i[f_S] = 0 for i ∉ S,
and Σ_{i∈S} IG_i[f_S] = J(S).

Hypotheses: f is absolutely continuous on the straight paths from b to every x_T and the chain rule holds
on almost all of them (C¹, or a ReLU network whose kinks the paths cross at isolated points).

Source: eq. (20), (3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.games import alternating, effects, everyone, label, subsets
from proofs.smooth import Smooth
from proofs.theorem import Step, Theorem


def prove(sign: Callable[[int, int], sp.Expr] = alternating) -> Iterator[Step]:
    """An unspecified smooth f of n ≤ 3 variables; the integrands first, then the ends of the path."""
    alpha = sp.Symbol("alpha")
    for n in (1, 2, 3):
        N = everyone(n)
        b, y, delta = (sp.symbols(f"{letter}1:{n + 1}") for letter in ("b", "y", "Delta"))
        masked = {
            T: Smooth(*[0] * n, *(y[i - 1] if i in T else b[i - 1] for i in range(1, n + 1)))
            for T in subsets(N)
        }
        part = {S: sp.Add(*(sign(len(S), len(T)) * masked[T] for T in subsets(S))) for S in masked}
        path = {v: start + alpha * way for v, start, way in zip(y, b, delta, strict=True)}
        ends = [{v: p.subs(alpha, end) for v, p in path.items()} for end in (0, 1)]
        yield Step(f"n = {n}: f = Σ f_S, so IG[f] = Σ IG[f_S]", masked[N], sp.Add(*part.values()))
        J = effects({T: value.subs(ends[1]) for T, value in masked.items()})
        for S in subsets(N)[1:]:
            gradients = [d * sp.diff(part[S], v).subs(path) for v, d in zip(y, delta, strict=True)]
            for i in N - S:
                yield Step(f"n = {n}: IG_{i}[f_{label(S)}] = 0", gradients[i - 1], sp.Integer(0))
            along = part[S].subs(path)
            own = sp.Add(*(gradients[i - 1] for i in S))
            yield Step(f"n = {n}: Σ IG_i[f_{label(S)}], the integrand", own, sp.diff(along, alpha))
            rise = part[S].subs(ends[1]) - part[S].subs(ends[0])
            yield Step(f"n = {n}: Σ IG_i[f_{label(S)}] = J({label(S)})", rise, J[S])


THEOREM = Theorem(
    name="integrated_gradients_by_effect",
    statement="IG[f] = Σ_S IG[f_S], IG_i[f_S] = 0 for i ∉ S, Σ_{i∈S} IG_i[f_S] = J(S)",
    source="(20), (3)",
    covers="an unspecified smooth f, n ≤ 3",
    lifts="mobius_inversion gives Σ f_S = f and f_S(b) = 0 for S ≠ ∅, f_S contains y_i for i ∈ S only: "
    "every n; the fundamental theorem for absolutely continuous functions: ReLU networks",
    prove=prove,
)
