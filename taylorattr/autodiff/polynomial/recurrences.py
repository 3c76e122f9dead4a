"""Smooth functions of a one-variable series, from the differential equation that each satisfies.

Composition from the scalar coefficients f_k takes K products of series, about K³/6 multiplications per entry;
y' = φ'(u)·u', with φ' expressed by y or by a series at hand, takes one to four of K²/2. With z_d = d·y_d and
w_d = d·u_d, the coefficients of s·y' and s·u', e^u for instance is z_d = Σ_{j=1}^{d} w_j y_{d−j}.

A series is u_0, (1, E, *value), and its degrees 1 … k in one tensor, (k, R, *value), beyond which all are
zero; see `rays`. Sums are pushed forward: as soon as y_d is known it is multiplied by a slice of w and added
to all later ones, so that a degree is one call.

Source: Knuth, "The Art of Computer Programming" 2, §4.7; Griewank & Walther, "Evaluating Derivatives" (2008),
§13.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial import series

Recurrence: TypeAlias = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]
"""(u_0, degrees 1 … k of u, order) -> (y_0, degrees 1 … order of y)."""


def product(x0: Tensor, x: Tensor, y0: Tensor, y: Tensor, order: int) -> Tensor:
    """Return degrees 1 … order, or as many as there are, of a product, entry by entry with broadcasting.

    Args:
        x0: Degree 0 of x.
        x: Degrees 1 … k of x.
        y0: Degree 0 of y.
        y: Degrees 1 … l of y.
        order: Highest degree.
    """
    if len(x) > len(y):  # the loop is over the shorter one
        x0, x, y0, y = y0, y, x0, x
    top = min(order, len(x) + len(y))
    x, y = x[:top], y[:top]
    first = x0 * y
    out = first.new_zeros((top, *torch.broadcast_shapes(first.shape[1:], x.shape[1:])))
    out[: len(y)] = first
    out[: len(x)].addcmul_(x, y0)
    for a in range(1, min(len(x), top - 1) + 1):
        count = min(len(y), top - a)
        out[a : a + count].addcmul_(x[a - 1], y[:count])
    return out


def _times_degree(u: Tensor) -> Tensor:
    """Return w_d = d·u_d."""
    degrees = torch.arange(1, len(u) + 1, dtype=u.dtype, device=u.device)
    return u * degrees.reshape(-1, *[1] * (u.dim() - 1))


def _started(w: Tensor, y0: Tensor, order: int) -> Tensor:
    """Return y_0·w_d for d = 1 … order: the sums before any other degree of y is known."""
    out = w.new_zeros((order, *w.shape[1:]))
    torch.mul(w[:order], y0, out=out[: len(w)])
    return out


def _push(out: Tensor, w: Tensor, d: int, known: Tensor) -> None:
    """Add y_d·w_j to the sums of degree d + j."""
    count = min(len(w), len(out) - d)
    if count > 0:
        out[d : d + count].addcmul_(w[:count], known)


def integral(g0: Tensor, g: Tensor, u: Tensor, order: int) -> Tensor:
    """Return degrees 1 … order of y with y' = g·u', g known to order − 1."""
    w = _times_degree(u)
    out = _started(w, g0, order)
    for d in range(1, min(len(g), order - 1) + 1):
        _push(out, w, d, g[d - 1])
    return _over_degree(out)


def _over_degree(out: Tensor) -> Tensor:
    """Divide z_d = d·y_d by d, in place."""
    degrees = torch.arange(1, len(out) + 1, dtype=out.dtype, device=out.device)
    return out.div_(degrees.reshape(-1, *[1] * (out.dim() - 1)))


def exp(u0: Tensor, u: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """e^u: z_d = Σ w_j y_{d−j}."""
    y0, w = torch.exp(u0), _times_degree(u)
    out = _started(w, y0, order)
    for d in range(1, order + 1):
        _push(out, w, d, out[d - 1].div_(d))
    return y0, out


def expm1(u0: Tensor, u: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """e^u − 1."""
    return torch.expm1(u0), exp(u0, u, order)[1]


def log(u0: Tensor, u: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """Natural logarithm: u_0 z_d = w_d − Σ_{j<d} u_j z_{d−j}."""
    inverse, w = torch.reciprocal(u0), _times_degree(u)
    out = _started(w, torch.ones_like(u0), order)
    for d in range(1, order + 1):
        _push(out, -u, d, out[d - 1].mul_(inverse[0]))
    return torch.log(u0), _over_degree(out)


def log1p(u0: Tensor, u: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """log(1 + u)."""
    return torch.log1p(u0), log(1 + u0, u, order)[1]


def reciprocal(u0: Tensor, u: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """1/u: u_0 y_d = −Σ u_j y_{d−j}."""
    y0 = torch.reciprocal(u0)
    out = _started(u, y0, order)
    for d in range(1, order + 1):
        _push(out, u, d, out[d - 1].mul_(-y0[0]))
    return y0, out


def _half_power(value: Callable[[Tensor], Tensor], p: float) -> Recurrence:
    """u^p from u·y' = p·u'·y: d u_0 y_d = Σ (p·j − (d − j)) u_j y_{d−j}."""

    def recurrence(u0: Tensor, u: Tensor, order: int) -> tuple[Tensor, Tensor]:
        y0, inverse, w = value(u0), torch.reciprocal(u0), _times_degree(u)
        with_degree, plain = _started(w, y0, order), _started(u, y0, order)
        for d in range(1, order + 1):
            # (p + 1)·Σ j u_j y_{d−j} − d·Σ u_j y_{d−j}
            known = with_degree[d - 1].mul_((p + 1) / d).sub_(plain[d - 1]).mul_(inverse[0])
            _push(with_degree, w, d, known)
            _push(plain, u, d, known)
        return y0, with_degree

    return recurrence


def _logistic(value: Callable[[Tensor], Tensor], linear: float, constant: float) -> Recurrence:
    """y with y' = q·u', q = constant + linear·y − y²: tanh and the logistic function."""

    def recurrence(u0: Tensor, u: Tensor, order: int) -> tuple[Tensor, Tensor]:
        y0, w = value(u0), _times_degree(u)
        out = _started(w, constant + linear * y0 - y0 * y0, order)
        slope = (linear - 2 * y0)[0]
        for d in range(1, order):
            known = out[d - 1].div_(d)
            q = known * slope
            half = (d - 1) // 2  # the products y_i y_{d−i} come in pairs
            if half:
                q.sub_((out[:half] * out[d - 1 - half : d - 1].flip(0)).sum(0), alpha=2)
            if d % 2 == 0:
                q.addcmul_(out[d // 2 - 1], out[d // 2 - 1], value=-1)
            _push(out, w, d, q)
        out[order - 1].div_(order)
        return y0, out

    return recurrence


tanh = _logistic(torch.tanh, 0.0, 1.0)
sigmoid = _logistic(torch.sigmoid, 1.0, 0.0)


def silu(u0: Tensor, u: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """u·σ(u)."""
    s0, s = sigmoid(u0, u, order)
    return u0 * s0, product(u0, u, s0, s, order)


def _gaussian(u0: Tensor, u: Tensor, order: int, decay: float, height: float) -> tuple[Tensor, Tensor]:
    """height·e^{−decay·u²/2}."""
    square = product(u0, u, u0, u, order)
    p0, p = exp(u0 * u0 * (-decay / 2), square.mul_(-decay / 2), order)
    return p0 * height, p.mul_(height)


def erf(u0: Tensor, u: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """erf: slope 2/√π·e^{−u²}."""
    return torch.erf(u0), integral(*_gaussian(u0, u, order, 2.0, 2 / math.sqrt(math.pi)), u, order)


def normal_cdf(u0: Tensor, u: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """Φ(u)."""
    density = _gaussian(u0, u, order, 1.0, 1 / math.sqrt(2 * math.pi))
    return torch.special.ndtr(u0), integral(*density, u, order)


def gelu(u0: Tensor, u: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """u·Φ(u)."""
    phi0, phi = normal_cdf(u0, u, order)
    return u0 * phi0, product(u0, u, phi0, phi, order)


def _phase(which: int) -> Recurrence:
    """Sine and cosine, each the slope of the other."""

    def recurrence(u0: Tensor, u: Tensor, order: int) -> tuple[Tensor, Tensor]:
        s0, c0, w = torch.sin(u0), torch.cos(u0), _times_degree(u)
        s, c = _started(w, c0, order), _started(-w, s0, order)
        for d in range(1, order + 1):
            sine, cosine = s[d - 1].div_(d), c[d - 1].div_(d)
            _push(s, w, d, cosine)
            _push(c, -w, d, sine)
        return ((s0, s), (c0, c))[which]

    return recurrence


def softplus(given: series.Softplus) -> Recurrence:
    """log(1 + e^{βu})/β: slope σ(βu), and 1 where βu > threshold."""

    def recurrence(u0: Tensor, u: Tensor, order: int) -> tuple[Tensor, Tensor]:
        s0, s = sigmoid(given.beta * u0, given.beta * u, order)
        linear = given.beta * u0 > given.threshold
        slope = torch.where(linear, 0.0, s)
        return given(u0, 0)[0], integral(torch.where(linear, 1.0, s0), slope, u, order)

    return recurrence


RECURRENCES: dict[series.SeriesFunction, tuple[Recurrence, int]] = {
    series.exp: (exp, 1),
    series.expm1: (expm1, 1),
    series.log: (log, 1),
    series.log1p: (log1p, 1),
    series.reciprocal: (reciprocal, 1),
    series.sqrt: (_half_power(torch.sqrt, 0.5), 2),
    series.rsqrt: (_half_power(torch.rsqrt, -0.5), 2),
    series.tanh: (tanh, 2),
    series.sigmoid: (sigmoid, 2),
    series.silu: (silu, 3),
    series.erf: (erf, 3),
    series.normal_cdf: (normal_cdf, 3),
    series.gelu: (gelu, 4),
    series.sin: (_phase(0), 2),
    series.cos: (_phase(1), 2),
}
"""Scalar series -> the recurrence of the same function, and how many products of series it takes."""

FEW_ENTRIES = 1 << 14
"""Entries of a series up to which calls count more than multiplications: composition makes K²/2 of them."""


def recurrence_of(function: series.SeriesFunction, order: int, entries: int) -> Recurrence | None:
    """Return the recurrence of a function that is given by its scalar series, None where it does not pay.

    Args:
        function: The scalar series.
        order: K.
        entries: Of all degrees of its operand.
    """
    if isinstance(function, series.Softplus):
        return softplus(function)
    recurrence, products = RECURRENCES.get(function, (None, 0))
    return recurrence if entries <= FEW_ENTRIES or order >= 3 * products else None
