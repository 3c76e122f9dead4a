"""The nearest complete row without leak, in closed form, and what it makes of known rules.

Statement: among rows w'' with w'' = 0 off S and Σ_S w'' = 1, w'_i = w_i + (1 − Σ_S w)/(q_i Σ_S 1/q) on S
minimises Σ_i q_i (w''_i − w_i)²: ‖w''−w‖² = ‖w'−w‖² + ‖w''−w'‖². Occlusion-1 and the zero rule become
Shapley, Gradient × Input normalised becomes Integrated Gradients. With w'' ≥ 0 as well (q = 1) the
minimum is max(w_i − θ, 0), θ such that it adds up to 1. The row (1, 5): nearest (−3/2, 5/2), nearest
nonnegative (0, 1), normalised (1/6, 5/6).

Hypotheses: q_i > 0.

Source: eq. (53), (54), (55), (56), T11.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import sympy as sp

from proofs.games import effects, everyone, game
from proofs.theorem import Step, Theorem

Row = Sequence[sp.Expr]


def nearest(w: Row, q: Row) -> list[sp.Expr]:
    """Return w_i + (1 − Σ w)/(q_i Σ 1/q), all i in S."""
    lacking = (1 - sp.Add(*w)) / sp.Add(*(1 / b for b in q))
    return [a + lacking / b for a, b in zip(w, q, strict=True)]


def squared(first: Row, second: Row, q: Row) -> sp.Expr:
    """Return Σ q_i (first_i − second_i)²."""
    return sp.Add(*(b * (x - y) ** 2 for x, y, b in zip(first, second, q, strict=True)))


def prove(projection: Callable[[Row, Row], Row] = nearest) -> Iterator[Step]:
    """Pythagoras for rows of length ≤ 4; symbolic |S| for the named rules; the simplex face by face."""
    for s in range(1, 5):
        w, q = sp.symbols(f"w1:{s + 1}"), sp.symbols(f"q1:{s + 1}", positive=True)
        best = projection(w, q)
        yield Step(f"|S| = {s}: complete", sp.Add(*best), sp.Integer(1))
        other = sp.symbols(f"o1:{s}")
        rival = [*other, 1 - sp.Add(*other)]  # any complete row
        for i in range(1, s):
            pulls = [b * (x - a) for b, x, a in zip(q, best, w, strict=True)]
            yield Step(f"|S| = {s}: q_i (w'_i − w_i) is the same for all i", pulls[0], pulls[i])
        if s < 4:
            apart = squared(best, w, q) + squared(rival, best, q)
            yield Step(f"|S| = {s}: Pythagoras", squared(rival, w, q), apart)

    s, k, m = sp.symbols("s kappa_i m", integer=True, positive=True)
    one, zero = sp.Integer(1), sp.Integer(0)
    yield Step("T11: Occlusion-1 to Shapley", one + (1 - s) / s, 1 / s)
    yield Step("the zero rule to Shapley", zero + (1 - zero) / s, 1 / s)
    yield Step("Gradient × Input, normalised, to Integrated Gradients", k / (k + (m - k)), k / m)
    for size in range(1, 5):
        equal = [one] * size
        for name, row in (("Occlusion-1", equal), ("zero", [zero] * size)):
            for entry in projection(row, equal):
                yield Step(f"|S| = {size}: {name} becomes 1/|S|", entry, sp.Rational(1, size))
    example = projection([one, sp.Integer(5)], [one, one])
    for entry, stated in zip(example, (sp.Rational(-3, 2), sp.Rational(5, 2)), strict=True):
        yield Step("Gradient × Input on x_1 x_2⁵", entry, stated)
    # On a face A of the simplex w'_i = w_i − θ for i ∈ A, else 0. For any row w'' ≥ 0 that adds up to 1,
    # Σ (w'_i − w_i)(w''_i − w'_i) = Σ_{i∉A} (θ − w_i) w''_i, which is ≥ 0 if w_i ≤ θ off A.
    for size in (2, 3, 4):
        for inside in range(1, size + 1):
            w, rival = sp.symbols(f"w1:{size + 1}"), list(sp.symbols(f"o1:{size}"))
            rival.append(1 - sp.Add(*rival))
            theta = (sp.Add(*w[:inside]) - 1) / inside
            best = [a - theta if i < inside else zero for i, a in enumerate(w)]
            inner = sp.Add(*((x - a) * (o - x) for x, a, o in zip(best, w, rival, strict=True)))
            off = sp.Add(*((theta - a) * o for a, o in list(zip(w, rival, strict=True))[inside:]))
            yield Step(f"simplex, {inside} of {size} positive", inner, off)
            if inside == size:
                for entry, stated in zip(projection(w, [one] * size), best, strict=True):
                    yield Step(f"simplex, all {size} positive: as without the sign", entry, stated)
    theta = sp.Integer(5) - 1
    yield Step(
        "(1, 5) on the simplex: θ = 4 ≥ 1, so (0, 1)", sp.Max(1 - theta, 0) + sp.Max(5 - theta, 0), one
    )

    for n in (2, 3):
        J = effects(game(n))
        weights = {(i, S): sp.Symbol(f"w{i}{sorted(S)}") for S in J if S for i in everyone(n)}
        for i in everyone(n):
            score = sp.Add(*(weights[i, S] * J[S] for S in J if S))
            gone = sp.Add(*(weights[i, S] * J[S] for S in J if S and i not in S))
            added = sp.Add(*((1 - sp.Add(*(weights[j, S] for j in S))) * J[S] / len(S) for S in J if i in S))
            rows = {
                S: dict(
                    zip(
                        sorted(S), projection([weights[j, S] for j in sorted(S)], [one] * len(S)), strict=True
                    )
                )
                for S in J
                if i in S
            }
            repaired = sp.Add(*(row[i] * J[S] for S, row in rows.items()))
            yield Step(f"n = {n}: scores of player {i}, repaired", score - gone + added, repaired)


THEOREM = Theorem(
    name="nearest_ratios",
    statement="w_i + (1 − Σ_S w)/(q_i Σ_S 1/q) on S is the nearest complete row without leak; "
    "Occlusion-1 and 0 become Shapley; with w' ≥ 0 max(w_i − θ, 0)",
    source="(53), (54), (55), (56), T11",
    covers="symbolic rows and q for |S| ≤ 4 (Pythagoras ≤ 3); 1/s for symbolic s; every face of the "
    "simplex for |S| ≤ 4; scores for n ≤ 3",
    lifts="q_i (w'_i − w_i) is constant on S, any two complete rows differ by a row of sum 0, off S "
    "only 0 is allowed: every |S|",
    prove=prove,
)
