"""Methods as they are defined, for a polynomial between the baseline 0 and an input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import sympy as sp

from proofs.refutations.polynomials import Method
from proofs.smooth_grad import mean
from proofs.theorem import Number

Scores = Sequence[sp.Expr]
Windows = Sequence[Sequence[int]]

HALF = sp.Rational(1, 2)
ALPHA = sp.Symbol("alpha")


def gradient_x_input(f: sp.Expr, y: Sequence[sp.Symbol], x: Sequence[int]) -> Scores:
    """Return x_i ∂_i f(x)."""
    at: dict[Any, Any] = dict(zip(y, x, strict=True))
    return [a * sp.diff(f, v).subs(at) for v, a in zip(y, x, strict=True)]


def smooth_grad(sigma: int) -> Method:
    """Return x_i E ∂_i f(x + ξ), ξ_j ~ N(0, σ²)."""

    def scores(f: sp.Expr, y: Sequence[sp.Symbol], x: Sequence[int]) -> Scores:
        noise = sp.symbols(f"Z1:{len(y) + 1}")
        at: dict[Any, Any] = {v: a + sigma * z for v, a, z in zip(y, x, noise, strict=True)}
        return [a * mean(sp.diff(f, v).subs(at), noise) for v, a in zip(y, x, strict=True)]

    return scores


def quadrature(nodes: Sequence[Number], weights: Sequence[Number]) -> Method:
    """Return x_i Σ_q ω_q ∂_i f(α_q x)."""

    def scores(f: sp.Expr, y: Sequence[sp.Symbol], x: Sequence[int]) -> Scores:
        points: list[Any] = [{v: alpha * a for v, a in zip(y, x, strict=True)} for alpha in nodes]
        return [
            a * sp.Add(*(w * sp.diff(f, v).subs(at) for w, at in zip(weights, points, strict=True)))
            for v, a in zip(y, x, strict=True)
        ]

    return scores


def integrated_gradients(f: sp.Expr, y: Sequence[sp.Symbol], x: Sequence[int]) -> Scores:
    """Return x_i ∫₀¹ ∂_i f(αx) dα."""
    way: dict[Any, Any] = {v: ALPHA * a for v, a in zip(y, x, strict=True)}
    slopes = (sp.expand(sp.diff(f, v).subs(way)) for v in y)
    return [a * sp.integrate(slope, (ALPHA, 0, 1)) for slope, a in zip(slopes, x, strict=True)]


def masked(f: sp.Expr, y: Sequence[sp.Symbol], x: Sequence[int], removed: Sequence[int]) -> sp.Expr:
    """Return f with the variables of these places at 0."""
    return sp.sympify(f).subs(
        {v: 0 if i in removed else a for i, (v, a) in enumerate(zip(y, x, strict=True))}
    )


def occlusion_of_windows(
    windows: Callable[[int], Windows], share: Callable[[Sequence[int], int], Number]
) -> Method:
    """Return Σ_{W∋i} c_{W,i} (f(x) − f(x without W)).

    Args:
        windows: Number of variables -> places in each window.
        share: Window and number of windows that contain i -> c_{W,i}.
    """

    def scores(f: sp.Expr, y: Sequence[sp.Symbol], x: Sequence[int]) -> Scores:
        listed = windows(len(x))
        drops = [masked(f, y, x, ()) - masked(f, y, x, W) for W in listed]
        found = []
        for i in range(len(x)):
            meeting = [(W, drop) for W, drop in zip(listed, drops, strict=True) if i in W]
            found.append(sp.Add(*(share(W, len(meeting)) * drop for W, drop in meeting)))
        return found

    return scores


def each_alone(n: int) -> Windows:
    """Return a window for every variable."""
    return [[i] for i in range(n)]


def all_together(n: int) -> Windows:
    """Return one window."""
    return [list(range(n))]


def averaged(W: Sequence[int], meeting: int) -> Number:
    """Return 1/number of windows that contain i, which is 1 for patches."""
    return sp.Rational(1, meeting)


def shared(W: Sequence[int], meeting: int) -> Number:
    """Return 1/|W|."""
    return sp.Rational(1, len(W))


def summed(W: Sequence[int], meeting: int) -> Number:
    """Return 1, one choice of c."""
    return sp.Integer(1)


occlusion_1 = occlusion_of_windows(each_alone, averaged)


def prediction_difference(f: sp.Expr, y: Sequence[sp.Symbol], x: Sequence[int]) -> Scores:
    """Return f(x) − E f(x with y_i replaced), for references that are all 0: the effects' own one."""
    return [masked(f, y, x, ()) - masked(f, y, x, (i,)) for i in range(len(x))]


def shapley(f: sp.Expr, y: Sequence[sp.Symbol], x: Sequence[int]) -> Scores:
    """Return the mean over all orders of what y_i adds to those before it."""
    n = len(x)
    orders = list(permutations(range(n)))
    scores: list[Any] = [sp.Integer(0)] * n
    for order in orders:
        for place, i in enumerate(order):
            later = order[place:]
            scores[i] += masked(f, y, x, later[1:]) - masked(f, y, x, later)
    return [a / len(orders) for a in scores]


def grad_cam(f: sp.Expr, y: Sequence[sp.Symbol], x: Sequence[int]) -> Scores:
    """Return L_p = A_p (1/Z) Σ_q ∂y/∂A_q, for one channel with Z = n positions and no ReLU."""
    at: dict[Any, Any] = dict(zip(y, x, strict=True))
    alpha = sp.Add(*(sp.diff(f, v).subs(at) for v in y)) / len(y)
    return [alpha * a for a in x]


def rectified(f: sp.Expr, y: Sequence[sp.Symbol], x: Sequence[int]) -> Scores:
    """Return max(L_p, 0)."""
    return [sp.Max(a, 0) for a in grad_cam(f, y, x)]
