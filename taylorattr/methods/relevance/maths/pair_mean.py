"""The difference rule of a function of two values: the Shapley value of the two."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from taylorattr.methods.relevance.maths.secant import Function

PairSlope = Callable[[Function, Tensor, Tensor, Tensor, Tensor], Tensor]
"""(function, z0, z1, y0, y1) -> secant."""


def pair_slopes(
    function: Callable[[Tensor, Tensor], Tensor],
    x: tuple[Tensor, Tensor],
    b: tuple[Tensor, Tensor],
    slope: PairSlope,
) -> tuple[Tensor, Tensor]:
    """Return each argument's secant, averaged over the other argument at b and at x.

    φ_u = ½[f(u, v⁰) − f(u⁰, v⁰)] + ½[f(u, v) − f(u⁰, v)] and φ_v likewise add up to f(u, v) − f(u⁰, v⁰). As
    secants they have their limit where one argument stays. For f = uv it is the rule of products.

    Args:
        function: f, elementwise, with broadcasting.
        x: (u, v).
        b: (u⁰, v⁰).
        slope: Secant of a function of one argument.

    Returns:
        Multipliers of u and v, in the shape of the result.
    """
    (u, v), (u0, v0) = x, b
    ends = {(i, j): function(p, q) for i, p in enumerate((u0, u)) for j, q in enumerate((v0, v))}
    shape = ends[1, 1].shape
    u, v, u0, v0 = (t.expand(shape) for t in (u, v, u0, v0))
    of_u = slope(lambda t: function(t, v0), u0, u, ends[0, 0].expand(shape), ends[1, 0].expand(shape))
    of_u = of_u + slope(lambda t: function(t, v), u0, u, ends[0, 1].expand(shape), ends[1, 1])
    of_v = slope(lambda t: function(u0, t), v0, v, ends[0, 0].expand(shape), ends[0, 1].expand(shape))
    of_v = of_v + slope(lambda t: function(u, t), v0, v, ends[1, 0].expand(shape), ends[1, 1])
    return of_u / 2, of_v / 2
