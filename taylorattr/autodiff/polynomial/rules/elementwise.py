"""Smooth elementwise functions: the table of their scalar series."""

from __future__ import annotations

from functools import partial
from typing import Any

from taylorattr.autodiff.polynomial import series
from taylorattr.autodiff.polynomial.builder import Builder, Slot, rule
from taylorattr.autodiff.polynomial.series import SeriesFunction

ELEMENTWISE: dict[str, SeriesFunction] = {
    "exp": series.exp, "exp2": series.exponential(2.0), "expm1": series.expm1, "special_expm1": series.expm1,
    "log": series.log, "log1p": series.log1p, "log2": series.log2, "log10": series.log10,
    "logit": series.logit,
    "sin": series.sin, "cos": series.cos, "tan": series.tan,
    "sinh": series.sinh, "cosh": series.cosh, "tanh": series.tanh,
    "asin": series.asin, "acos": series.acos, "atan": series.atan,
    "asinh": series.asinh, "acosh": series.acosh, "atanh": series.atanh,
    "sqrt": series.sqrt, "rsqrt": series.rsqrt, "reciprocal": series.reciprocal, "square": series.square,
    "sigmoid": series.sigmoid, "special_expit": series.sigmoid, "log_sigmoid": series.log_sigmoid,
    "silu": series.silu, "mish": series.mish,
    "erf": series.erf, "special_erf": series.erf, "erfc": series.erfc, "special_erfc": series.erfc,
    "special_ndtr": series.normal_cdf,
}  # fmt: skip
"""φ of one argument by ATen name."""


for _name, _series in ELEMENTWISE.items():
    rule(_name)(partial(Builder.elementwise, series=_series))


@rule("gelu")
def gelu(b: Builder, x: Slot, *, approximate: str = "none") -> Slot:
    """GELU, exact or by tanh."""
    return b.elementwise(x, series.gelu_tanh if approximate == "tanh" else series.gelu)


@rule("softplus")
def softplus(b: Builder, x: Slot, beta: float = 1, threshold: float = 20) -> Slot:
    """log(1 + e^{βx})/β."""
    return b.elementwise(x, series.Softplus(float(beta), float(threshold)))


@rule("elu")
def elu(b: Builder, x: Slot, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Slot:
    """ELU; SELU and CELU reach ATen as this operation too."""
    return b.elementwise(x, series.elu(float(alpha), float(scale), float(input_scale)))


@rule("selu")
def selu(b: Builder, x: Slot) -> Slot:
    """ELU with α and scale that keep mean 0 and variance 1 (Klambauer et al., 2017)."""
    return elu(b, x, 1.6732632423543772, 1.0507009873554805)


@rule("celu")
def celu(b: Builder, x: Slot, alpha: float = 1.0) -> Slot:
    """max(0, x) + min(0, α(e^{x/α} − 1))."""
    return elu(b, x, alpha, 1, 1 / alpha)


@rule("log_sigmoid_forward")
def log_sigmoid_forward(b: Builder, x: Slot) -> tuple[Any, None]:
    """log σ(x); the second result is a buffer of the backward pass."""
    return b.elementwise(x, series.log_sigmoid), None


@rule("pow.Tensor_Scalar", "float_power.Tensor_Scalar")
def pow_scalar(b: Builder, x: Slot, exponent: float) -> Slot:
    """x^p."""
    if exponent == 1:
        return x
    special = {2.0: series.square, 0.5: series.sqrt, -0.5: series.rsqrt, -1.0: series.reciprocal}
    return b.elementwise(x, special.get(float(exponent)) or series.power(float(exponent)))


@rule("pow.Scalar")
def exponential(b: Builder, base: float, x: Slot) -> Slot:
    """base^x for a positive base."""
    if base <= 0:
        raise b.refuse(f"the base {base} of a power with an active exponent must be positive")
    return b.elementwise(x, series.exponential(float(base)))


@rule("glu")
def glu(b: Builder, x: Slot, dim: int = -1) -> Slot:
    """First half times σ(second half)."""
    half = x.shape[dim] // 2
    gate = b("sigmoid", b("slice.Tensor", x, dim, half, 2 * half))
    return b("mul.Tensor", b("slice.Tensor", x, dim, 0, half), gate)
