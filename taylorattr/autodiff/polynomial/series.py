"""Scalar Taylor coefficients f_k = φ^{(k)}(u)/k! of smooth elementwise functions, by recurrence.

Every function maps a tensor u and an order to the list [f_0, …, f_order]; a shorter list means
that the remaining coefficients are zero (polynomials, kinks). Composite functions are built from
the arithmetic of one-variable series z(h) = Σ z_k h^k, which stands first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor


def identity(u: Tensor, order: int) -> list[Tensor]:
    """u + h."""
    return [u, torch.ones_like(u)][: order + 1] + [torch.zeros_like(u) for _ in range(order - 1)]


def product(x: list[Tensor], y: list[Tensor]) -> list[Tensor]:
    """Σ_i x_i y_{k−i}, to the order of the longer list."""
    order = max(len(x), len(y)) - 1
    out = []
    for k in range(order + 1):
        terms = [x[i] * y[k - i] for i in range(k + 1) if i < len(x) and k - i < len(y)]
        out.append(torch.stack(terms).sum(0) if len(terms) > 1 else terms[0])
    return out


def power_of(z: list[Tensor], exponent: float) -> list[Tensor]:
    """w = z^p from z·w' = p·z'·w: w_k = Σ_{i=1}^k (p·i − (k−i))·z_i·w_{k−i} / (k·z_0)."""
    w = [torch.pow(z[0], exponent)]
    for k in range(1, len(z)):
        total = torch.zeros_like(w[0])
        for i in range(1, k + 1):
            total = total + z[i] * w[k - i] * (exponent * i - (k - i))
        w.append(total / (k * z[0]))
    return w


def tanh_of(z: list[Tensor], order: int) -> list[Tensor]:
    """t = tanh(z) from t' = (1 − t²)·z'."""
    t = [torch.tanh(z[0])]
    slope: list[Tensor] = []
    for k in range(order):
        squared = sum((t[i] * t[k - i] for i in range(1, k + 1)), t[0] * t[k])
        slope.append(1 - squared if k == 0 else -squared)
        total = torch.zeros_like(t[0])
        for i in range(1, min(k + 1, len(z) - 1) + 1):
            total = total + i * z[i] * slope[k + 1 - i]
        t.append(total / (k + 1))
    return t


def integral_of(value: Tensor, slope: list[Tensor]) -> list[Tensor]:
    """φ from φ(u) and the series of φ': f_k = φ'_{k−1}/k."""
    return [value] + [term / (k + 1) if k else term for k, term in enumerate(slope)]


def derivative_of(series: list[Tensor]) -> list[Tensor]:
    """(k+1)·f_{k+1}."""
    return [term * k if k > 1 else term for k, term in enumerate(series) if k]


Series: TypeAlias = list[Tensor]
"""[f_0, f_1, …] of one shape; what a shorter list leaves out is zero."""

SeriesFunction: TypeAlias = Callable[[Tensor, int], Series]
"""(u, order) -> [f_0, …, f_order], each of u's shape; shorter when the rest vanishes."""


def exp(u: Tensor, order: int) -> Series:
    """e^u: f_k = e^u/k!."""
    value = torch.exp(u)
    return [value] + [value / float(math.factorial(k)) for k in range(1, order + 1)]


def exponential(base: float) -> SeriesFunction:
    """base^u: f_k = base^u·(ln base)^k/k!."""
    log_base = math.log(base)

    def series(u: Tensor, order: int) -> Series:
        value = torch.exp(u * log_base)
        return [value * (log_base**k / math.factorial(k)) for k in range(order + 1)]

    return series


def expm1(u: Tensor, order: int) -> Series:
    """e^u − 1."""
    coefficients = exp(u, order)
    coefficients[0] = torch.expm1(u)
    return coefficients


def power(exponent: float) -> SeriesFunction:
    """u^p: f_k = C(p, k)·u^{p−k}; for p = 0, 1, 2, … the list ends at k = p."""

    def series(u: Tensor, order: int) -> Series:
        whole = exponent == int(exponent) and exponent >= 0
        # a list that goes on would hold 0·u^{p−k}, which is NaN at u = 0
        coefficients, binomial = [], 1.0
        for k in range(min(order, int(exponent)) + 1 if whole else order + 1):
            coefficients.append(torch.pow(u, exponent - k) * binomial)
            binomial *= (exponent - k) / (k + 1)
        return coefficients

    return series


def powers(exponent: Tensor) -> SeriesFunction:
    """u^p with one exponent per entry, f_k = C(p, k)·u^{p−k}; zero once p − k passes a whole p ≥ 0."""

    def series(u: Tensor, order: int) -> Series:
        coefficients, binomial = [], torch.ones_like(exponent)
        for k in range(order + 1):
            term = torch.pow(u, exponent - k) * binomial
            coefficients.append(torch.where(binomial == 0, 0.0, term))  # 0·u^{p−k} is NaN at u = 0
            binomial = binomial * (exponent - k) / (k + 1)
        return coefficients

    return series


def square(u: Tensor, order: int) -> Series:
    """u²: (u², 2u, 1)."""
    return [u * u, 2 * u, torch.ones_like(u)][: order + 1]


def reciprocal(u: Tensor, order: int) -> Series:
    """1/u: f_k = −f_{k−1}/u."""
    coefficients = [torch.reciprocal(u)]
    for _ in range(order):
        coefficients.append(-coefficients[-1] * coefficients[0])
    return coefficients


def _half_power(first: Tensor, inverse: Tensor, exponent: float, order: int) -> Series:
    """Return u^p with f_0 and 1/u given, by f_{k+1} = f_k·(p−k)/((k+1)·u)."""
    coefficients = [first]
    for k in range(order):
        coefficients.append(coefficients[-1] * inverse * ((exponent - k) / (k + 1)))
    return coefficients


def sqrt(u: Tensor, order: int) -> Series:
    """√u."""
    return _half_power(torch.sqrt(u), torch.reciprocal(u), 0.5, order)


def rsqrt(u: Tensor, order: int) -> Series:
    """1/√u."""
    return _half_power(torch.rsqrt(u), torch.reciprocal(u), -0.5, order)


def _logarithm(value: Tensor, u: Tensor, order: int, scale: float) -> Series:
    """Return scale·log u: f_k = scale·(−1)^{k+1}u^{−k}/k, with f_0 given."""
    coefficients, inverse = [value], torch.reciprocal(u)
    for k in range(1, order + 1):
        coefficients.append(torch.pow(inverse, k) * ((-1) ** (k + 1) * scale / k))
    return coefficients


def log(u: Tensor, order: int) -> Series:
    """Natural logarithm."""
    return _logarithm(torch.log(u), u, order, 1.0)


def log1p(u: Tensor, order: int) -> Series:
    """log(1 + u)."""
    return _logarithm(torch.log1p(u), 1 + u, order, 1.0)


def log2(u: Tensor, order: int) -> Series:
    """Logarithm to base 2."""
    return _logarithm(torch.log2(u), u, order, 1 / math.log(2))


def log10(u: Tensor, order: int) -> Series:
    """Logarithm to base 10."""
    return _logarithm(torch.log10(u), u, order, 1 / math.log(10))


def _phases(cycle: list[Tensor], order: int) -> Series:
    """Return f_k = φ^{(k)}/k! of a function whose derivatives come back after one cycle."""
    return [cycle[k % len(cycle)] / float(math.factorial(k)) for k in range(order + 1)]


def sin(u: Tensor, order: int) -> Series:
    """sin, by phase."""
    s, c = torch.sin(u), torch.cos(u)
    return _phases([s, c, -s, -c], order)


def cos(u: Tensor, order: int) -> Series:
    """cos, by phase."""
    s, c = torch.sin(u), torch.cos(u)
    return _phases([c, -s, -c, s], order)


def sinh(u: Tensor, order: int) -> Series:
    """sinh, by phase."""
    return _phases([torch.sinh(u), torch.cosh(u)], order)


def cosh(u: Tensor, order: int) -> Series:
    """cosh, by phase."""
    return _phases([torch.cosh(u), torch.sinh(u)], order)


def tan(u: Tensor, order: int) -> Series:
    """tan: (k+1)t_{k+1} = [k=0] + Σ t_i t_{k−i}."""
    t = [torch.tan(u)]
    for k in range(order):
        total = sum((t[i] * t[k - i] for i in range(1, k + 1)), t[0] * t[k])
        t.append((total + 1 if k == 0 else total) / (k + 1))
    return t


def tanh(u: Tensor, order: int) -> Series:
    """tanh: (k+1)t_{k+1} = [k=0] − Σ t_i t_{k−i}."""
    t = [torch.tanh(u)]
    for k in range(order):
        total = sum((t[i] * t[k - i] for i in range(1, k + 1)), t[0] * t[k])
        t.append((1 - total if k == 0 else -total) / (k + 1))
    return t


def sigmoid(u: Tensor, order: int) -> Series:
    """Logistic function: (k+1)s_{k+1} = s_k − Σ s_i s_{k−i}."""
    s = [torch.sigmoid(u)]
    for k in range(order):
        total = sum((s[i] * s[k - i] for i in range(1, k + 1)), s[0] * s[k])
        s.append((s[k] - total) / (k + 1))
    return s


def integrated(value: Callable[[Tensor], Tensor], slope: Callable[[Series], Series]) -> SeriesFunction:
    """φ with known φ' = slope(u + h) as a series in h: f_k = φ'_{k−1}/k."""

    def series(u: Tensor, order: int) -> Series:
        if order == 0:
            return [value(u)]
        return integral_of(value(u), slope(identity(u, order - 1)))

    return series


def _one_plus_square(z: Series, sign: float) -> Series:
    """Return 1 + sign·z²."""
    squared = [sign * term for term in product(z, z)]
    return [squared[0] + 1, *squared[1:]]


atan = integrated(torch.atan, lambda z: power_of(_one_plus_square(z, 1.0), -1.0))
asinh = integrated(torch.asinh, lambda z: power_of(_one_plus_square(z, 1.0), -0.5))
atanh = integrated(torch.atanh, lambda z: power_of(_one_plus_square(z, -1.0), -1.0))
asin = integrated(torch.asin, lambda z: power_of(_one_plus_square(z, -1.0), -0.5))
acos = integrated(torch.acos, lambda z: [-term for term in power_of(_one_plus_square(z, -1.0), -0.5)])
acosh = integrated(torch.acosh, lambda z: power_of([-t for t in _one_plus_square(z, -1.0)], -0.5))


@dataclass(frozen=True)
class Softplus:
    """log(1 + e^{βu})/β: f_k = s_{k−1}/k with s the series of σ(βu); linear where βu > threshold."""

    beta: float = 1.0
    threshold: float = 20.0

    def __call__(self, u: Tensor, order: int) -> Series:
        """Return [f_0, …, f_order]."""
        beta = self.beta
        value = torch.nn.functional.softplus(u, beta, self.threshold)
        if order == 0:
            return [value]
        slopes = [s * beta**k for k, s in enumerate(sigmoid(beta * u, order - 1))]
        linear = beta * u > self.threshold
        slopes = [torch.where(linear, 1.0 if k == 0 else 0.0, s) for k, s in enumerate(slopes)]
        return integral_of(value, slopes)


def log_sigmoid(u: Tensor, order: int) -> Series:
    """log σ(u), slope σ(−u)."""
    value = torch.nn.functional.logsigmoid(u)
    if order == 0:
        return [value]
    return integral_of(value, [s * (-1) ** k for k, s in enumerate(sigmoid(-u, order - 1))])


def _gaussian(u: Tensor, order: int, decay: float, height: float) -> Series:
    """Return p = height·e^{−decay·u²/2}: p' = −decay·u·p, so (k+1)p_{k+1} = −decay·(u p_k + p_{k−1})."""
    p = [torch.exp(u * u * (-decay / 2)) * height]
    for k in range(order):
        total = u * p[k] if k == 0 else torch.addcmul(p[k - 1], u, p[k])
        p.append(total * (-decay / (k + 1)))
    return p


def erf(u: Tensor, order: int) -> Series:
    """erf: slope 2/√π·e^{−u²}."""
    if order == 0:
        return [torch.erf(u)]
    return integral_of(torch.erf(u), _gaussian(u, order - 1, 2.0, 2 / math.sqrt(math.pi)))


def erfc(u: Tensor, order: int) -> Series:
    """1 − erf."""
    return [torch.erfc(u)] + [-term for term in erf(u, order)[1:]]


def gelu(u: Tensor, order: int) -> Series:
    """u·Φ(u) with the normal distribution function Φ: f_k = uΦ_k + Φ_{k−1}."""
    phi = normal_cdf(u, order)
    return [u * phi[0]] + [torch.addcmul(phi[k - 1], u, phi[k]) for k in range(1, order + 1)]


def gelu_tanh(u: Tensor, order: int) -> Series:
    """½u(1 + tanh(√(2/π)(u + 0.044715u³)))."""
    scale, cubic = math.sqrt(2 / math.pi), 0.044715
    z = [scale * (u + cubic * u**3), scale * (1 + 3 * cubic * u * u), 3 * scale * cubic * u]
    z = [*z, torch.full_like(u, scale * cubic)][: order + 1]
    gate = [0.5 * term for term in tanh_of(z, order)]
    gate[0] = gate[0] + 0.5
    return product(identity(u, order), gate)


def silu(u: Tensor, order: int) -> Series:
    """u·σ(u): f_k = u s_k + s_{k−1}."""
    s = sigmoid(u, order)
    return [u * s[0]] + [torch.addcmul(s[k - 1], u, s[k]) for k in range(1, order + 1)]


def mish(u: Tensor, order: int) -> Series:
    """u·tanh(softplus(u))."""
    return product(identity(u, order), tanh_of(Softplus(1.0, math.inf)(u, order), order))


def elu(alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> SeriesFunction:
    """scale·u for u > 0, scale·α(e^{c·u} − 1) below: on the branch of u (ELU, SELU, CELU)."""

    def series(u: Tensor, order: int) -> Series:
        below = exp(u.clamp(max=0) * input_scale, order)
        below = [term * (scale * alpha * input_scale**k) for k, term in enumerate(below)]
        below[0] = torch.expm1(u.clamp(max=0) * input_scale) * (scale * alpha)
        above = [scale * u] + [torch.full_like(u, scale if k == 1 else 0.0) for k in range(1, order + 1)]
        return [torch.where(u > 0, a, b) for a, b in zip(above, below, strict=True)]

    return series


def normal_cdf(u: Tensor, order: int) -> Series:
    """Φ(u)."""
    value = torch.special.ndtr(u)
    if order == 0:
        return [value]
    return integral_of(value, _gaussian(u, order - 1, 1.0, 1 / math.sqrt(2 * math.pi)))


def logit(u: Tensor, order: int) -> Series:
    """log(u/(1−u))."""
    other = log(1 - u, order)
    terms = [a - b * (-1) ** k for k, (a, b) in enumerate(zip(log(u, order), other, strict=True))]
    return [torch.logit(u), *terms[1:]]
