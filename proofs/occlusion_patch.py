"""Occlusion of windows counts every effect that meets a window.

Statement: v(N) − v(N∖W) = Σ_{S∩W≠∅} J(S). If variable i gets c_{W,i} times this from every window W ∋ i,
then J(S) has the weight w_{i,S} = Σ_{W∋i} c_{W,i} 1[S∩W ≠ ∅]. Windows that part N: 1[S∩W ≠ ∅] for c = 1,
1[S∩W ≠ ∅]/|W| for c = 1/|W|, W the window of i. Overlapping windows, mean: the fraction of the windows
around i that S meets. With windows that part N it is Occlusion-1 of the game whose players are the
windows.

Hypotheses: none on v.

Source: eq. (25).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import sympy as sp

from proofs import occlusion_1
from proofs.games import Coalition, effects, everyone, game, label, subsets
from proofs.theorem import Step, Theorem


def share(S: Coalition, window: Coalition) -> sp.Expr:
    """Return 1[S∩W ≠ ∅], W the window of i."""
    return sp.Integer(bool(S & window))


def shared(S: Coalition, window: Coalition) -> sp.Expr:
    """Return 1[S∩W ≠ ∅]/|W|."""
    return sp.Rational(bool(S & window), len(window))


def overlap(S: Coalition, windows: Sequence[Coalition], c: Sequence[sp.Expr]) -> sp.Expr:
    """Return Σ_W c_W 1[S∩W ≠ ∅] over the windows that contain i, in the order of their coefficients."""
    return sp.Add(*(weight * sp.Integer(bool(S & window)) for weight, window in zip(c, windows, strict=True)))


PARTITIONS: dict[int, list[list[set[int]]]] = {
    2: [[{1, 2}], [{1}, {2}]],
    3: [[{1, 2}, {3}], [{1, 2, 3}]],
    4: [[{1, 2}, {3, 4}], [{1, 2, 3}, {4}]],
}
SLIDING = {3: [{1, 2}, {2, 3}], 4: [{1, 2}, {2, 3}, {3, 4}], 5: [{1, 2, 3}, {2, 3, 4}, {3, 4, 5}]}


def prove(
    ratio: Callable[[Coalition, Coalition], sp.Expr] = share,
    shared: Callable[[Coalition, Coalition], sp.Expr] = shared,
    overlap: Callable[[Coalition, Sequence[Coalition], Sequence[sp.Expr]], sp.Expr] = overlap,
) -> Iterator[Step]:
    """Arbitrary games with every window, with partitions, with sliding windows and any coefficients.

    Args:
        ratio: The weight of J(S) for i from S and the window of i; windows part N.
        shared: The same if the window's score is shared equally.
        overlap: The weight of J(S) from S, the windows that contain i, and their coefficients.

    Yields:
        The steps.
    """
    for n in range(1, 5):
        N, v = everyone(n), game(n)
        J = effects(v)
        for W in subsets(N)[1:]:
            lost = sp.Add(*(effect for S, effect in J.items() if S & W))
            yield Step(f"n = {n}: v(N) − v(N∖{label(W)})", v[N] - v[N - W], lost)

    for n, partitions in PARTITIONS.items():
        N, v = everyone(n), game(n)
        J = effects(v)
        for windows in partitions:
            merged = {
                T: v[frozenset().union(*(windows[p - 1] for p in T))] for T in subsets(everyone(len(windows)))
            }
            coarse = effects(merged)
            for player, members in enumerate(windows, start=1):
                W = frozenset(members)
                name = f"n = {n}, windows {' '.join(label(frozenset(w)) for w in windows)}, of {label(W)}"
                lost = v[N] - v[N - W]
                plain = sp.Add(*(ratio(S, W) * effect for S, effect in J.items() if S))
                yield Step(f"{name}: plain", lost, plain)
                part = sp.Add(*(shared(S, W) * effect for S, effect in J.items() if S))
                yield Step(f"{name}: shared", lost / len(W), part)
                alone = sp.Add(*(occlusion_1.share(player, S) * effect for S, effect in coarse.items() if S))
                yield Step(f"{name}: Occlusion-1 of the windows' game", lost, alone)

    for n, sliding in SLIDING.items():
        N, v = everyone(n), game(n)
        J = effects(v)
        for i in N:
            windows = [frozenset(w) for w in sliding if i in w]
            anything = sp.symbols(f"c1:{len(windows) + 1}")
            mean = [sp.Rational(1, len(windows))] * len(windows)
            for name, c in (("any coefficients", anything), ("mean", mean)):
                direct = sp.Add(*(a * (v[N] - v[N - W]) for a, W in zip(c, windows, strict=True)))
                stated = sp.Add(*(overlap(S, windows, c) * effect for S, effect in J.items() if S))
                yield Step(f"n = {n}, sliding windows, {name}: a_{i}", direct, stated)


THEOREM = Theorem(
    name="occlusion_patch",
    statement="v(N) − v(N∖W) = Σ_{S∩W≠∅} J(S);  w_{i,S} = Σ_{W∋i} c_{W,i} 1[S∩W ≠ ∅]",
    source="(25)",
    covers="all values for every window, n ≤ 4; partitions for n ≤ 4; sliding windows with any "
    "coefficients, n ≤ 5",
    lifts="v(N) and v(N∖W) are the sums of J over all S and over the S that miss W, for every n; "
    "linearity in c",
    prove=prove,
)
