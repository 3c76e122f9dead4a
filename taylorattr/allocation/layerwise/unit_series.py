"""Sums of effects of one unit σ(z⁰ + Σu_i) over all κ of an order, in closed form.

With s_m = σ^{(m)}(z⁰)/m! and the ridge formula I(κ) = s_m m!/κ! u^κ, eq. (5), every ratio of one unit needs
only a few sums per order: U = Σu_i for κ_i/m, and the group sums P, Q for rules by sign. So a unit of any
fan-in costs a polynomial of one variable. Where the series does not reach x (a ReLU between both ends, tanh
far out) the unit itself takes its place: the same sums in closed form, the secant being integrated
gradients of the unit, eq. (39).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from taylorattr.allocation.layerwise.components import Component
from taylorattr.autodiff.polynomial.series import SeriesFunction
from taylorattr.errors import MissingRuleError
from taylorattr.program.operations import implementations

NEAR = 0.1
"""Below this share of the distance to the nearest singularity a chord's slope is summed, not divided."""

NEAR_TERMS = 24
"""Terms of that sum: 0.1²⁴ is below float64's rounding."""


def _from(*points: complex) -> Callable[[Tensor, dict[str, Any]], Tensor]:
    """Distance to the nearest of some points of the complex plane."""

    def distance(z: Tensor, named: dict[str, Any]) -> Tensor:
        distances = [torch.hypot(z - p.real, torch.full_like(z, p.imag)) for p in map(complex, points)]
        return torch.stack(distances).amin(0)

    return distance


def _everywhere(z: Tensor, named: dict[str, Any]) -> Tensor:
    return torch.full_like(z, math.inf)


def _power(z: Tensor, named: dict[str, Any]) -> Tensor:
    p = float(named["exponent"])
    return _everywhere(z, named) if p >= 0 and p == int(p) else z.abs()


def _softplus(z: Tensor, named: dict[str, Any]) -> Tensor:
    return torch.hypot(z, torch.full_like(z, math.pi / float(named["beta"])))


def _ends(named: dict[str, Any]) -> list[Any]:
    """Bounds of a clamp: numbers, or constant tensors that broadcast."""
    return [named[k] for k in ("min", "max", "min_val", "max_val") if named.get(k) is not None]


def _constant_candidate(named: dict[str, Any]) -> list[Any]:
    """The constant that a maximum of a value and a constant compares with."""
    return [v for v in (named["self"], named["other"]) if isinstance(v, (Tensor, int, float))]


def _width(named: dict[str, Any]) -> list[float]:
    return [-float(named["lambd"]), float(named["lambd"])]


def _tangent(z: Tensor, named: dict[str, Any]) -> Tensor:
    return (torch.remainder(z, math.pi) - math.pi / 2).abs()


def _gelu(z: Tensor, named: dict[str, Any]) -> Tensor:
    """Entire; the tanh form has poles where √(2/π)(z + 0.044715z³) = iπ/2 + ikπ."""
    if named.get("approximate", "none") == "none":
        return _everywhere(z, named)
    poles = [_cubic_roots((k + 0.5) * math.pi / math.sqrt(2 / math.pi)) for k in range(-3, 3)]
    return _from(*(p for group in poles for p in group))(z, named)


def _cubic_roots(height: float) -> list[complex]:
    """Roots of z + 0.044715z³ = i·height."""
    a = 0.044715
    companion = torch.tensor([[0, 0, 1j * height / a], [1, 0, -1 / a], [0, 1, 0]], dtype=torch.complex128)
    return [complex(root) for root in torch.linalg.eigvals(companion).tolist()]


_ZERO, _HALF_TURN = _from(0.0), _from(1j * math.pi)

_BY_KINKS: dict[str, Callable[[dict[str, Any]], list[Any]]] = {
    **dict.fromkeys("relu abs leaky_relu _prelu_kernel elu selu celu".split(), lambda named: [0.0]),
    **dict.fromkeys("maximum minimum fmax fmin".split(), _constant_candidate),
    **dict.fromkeys("clamp clamp_min clamp_max hardtanh".split(), _ends),
    **dict.fromkeys("softshrink hardshrink".split(), _width),
    **dict.fromkeys("hardsigmoid hardswish".split(), lambda named: [-3.0, 3.0]),
    "relu6": lambda named: [0.0, 6.0],
    "threshold": lambda named: [float(named["threshold"])],
}

KINKS = implementations("layer-wise allocation", _BY_KINKS)
"""Activation made of pieces -> where they meet; every piece is entire, so its series reaches all of it."""

_BY_REACH: dict[str, Callable[[Tensor, dict[str, Any]], Tensor]] = {
    **dict.fromkeys(
        "exp exp2 expm1 special_expm1 sin cos sinh cosh square erf special_erf erfc special_erfc "
        "special_ndtr deg2rad".split(),
        _everywhere,
    ),
    **dict.fromkeys("log log2 log10 sqrt rsqrt reciprocal".split(), _ZERO),
    **dict.fromkeys("sigmoid special_expit silu log_sigmoid_forward".split(), _HALF_TURN),
    **dict.fromkeys("pow float_power".split(), _power),
    **dict.fromkeys("asin acos atanh".split(), _from(-1.0, 1.0)),
    **dict.fromkeys("atan asinh".split(), _from(1j)),
    "tanh": _from(0.5j * math.pi),
    "tan": _tangent,
    "logit": _from(0.0, 1.0),
    "log1p": _from(-1.0),
    "acosh": _from(-1.0, 1.0),
    "softplus": _softplus,
    "gelu": _gelu,
    "mish": _from(math.log(2) / 2 + 0.75j * math.pi),
}

REACH = implementations("layer-wise allocation", _BY_REACH)
"""Analytic activation -> distance from z to its nearest singularity: how far its series reaches."""


def powers(base: Tensor, order: int) -> list[Tensor]:
    """Return base⁰ … base^order."""
    up_to = [torch.ones_like(base)]
    for _ in range(order):
        up_to.append(up_to[-1] * base)
    return up_to


def weighted_sum(series: Sequence[Tensor], terms: Sequence[Tensor]) -> Tensor:
    """Return Σ_m s_m t_m for m ≥ 1; t_m is entry m−1 of terms."""
    total = torch.zeros_like(terms[0])
    for s, t in zip(series[1:], terms, strict=False):
        total = total + s * t
    return total


@dataclass(frozen=True)
class Activation:
    """σ of one operation.

    Attributes:
        name: ATen name.
        named: Its other arguments.
        series: Its Taylor coefficients.
    """

    name: str
    named: dict[str, Any]
    series: SeriesFunction

    @classmethod
    def of(cls, operation: Component) -> Activation:
        """Return the activation of a unit.

        Raises:
            MissingRuleError: If it is not known how far its series reaches.
        """
        if operation.name not in REACH and operation.name not in KINKS:
            raise MissingRuleError(
                f"no layer-wise ratio for {operation.place}: how far its Taylor series reaches is not known; "
                f"known: {', '.join(sorted([*REACH, *KINKS]))}"
            )
        return cls(operation.name, operation.arguments, operation.series)

    def value(self, z: Tensor) -> Tensor:
        """Return σ(z)."""
        return self.series(z, 0)[0]

    def coefficients(self, z: Tensor, order: int) -> list[Tensor]:
        """Return s_0 … s_order; shorter where the rest is 0."""
        return [s.expand(z.shape) for s in self.series(z, order)]

    def reach(self, z: Tensor) -> Tensor:
        """Return the distance from z to the nearest singularity or kink."""
        if self.name in KINKS:
            gaps = [(z - kink).abs() for kink in KINKS[self.name](self.named)]
            return torch.stack(gaps).amin(0) if gaps else torch.full_like(z, math.inf)
        return REACH[self.name](z, self.named)

    def reaches(self, z0: Tensor, *steps: Tensor) -> Tensor:
        """Return where the series at z⁰ is the function at z⁰ + u, for every u of steps."""
        inside = torch.ones_like(z0, dtype=torch.bool)
        for step in steps:
            if self.name not in KINKS:
                inside &= (step.abs() < self.reach(z0)) | (step == 0)
                continue
            end = z0 + step
            for kink in KINKS[self.name](self.named):
                above, below = (z0 > kink) & (end >= kink), (z0 < kink) & (end <= kink)
                inside &= above | below | (step == 0)
        return inside

    def secant(self, start: Tensor, end: Tensor) -> Tensor:
        """Return (σ(end) − σ(start))/(end − start), with its limit, eq. (40)."""
        step = end - start
        near = step.abs() < NEAR * self.reach(start).clamp(max=1.0)
        near |= step == 0
        inside = torch.where(near, step, 0.0)
        # far from a kink a short list of coefficients is the whole function
        summed = weighted_sum(self.coefficients(start, NEAR_TERMS), powers(inside, NEAR_TERMS))
        divided = (self.value(end) - self.value(start)) / torch.where(step == 0, 1.0, step)
        return torch.where(near, summed, divided)


def beyond(exact: Tensor, series: Sequence[Tensor], terms: Sequence[Tensor]) -> Tensor:
    """Return exact − Σ_m s_m t_m, m ≥ 1, and 0 where that is rounding: below 16 eps of the sum of sizes."""
    # a unit whose terms add up to it leaves only rounding, which is no tail
    tail = exact - weighted_sum(series, terms)
    size = weighted_sum([s.abs() for s in series], [t.abs() for t in terms]) + exact.abs()
    return torch.where(tail.abs() <= 16 * torch.finfo(tail.dtype).eps * size, 0.0, tail)


def group_terms(total: Tensor, own: Tensor, other: Tensor, order: int) -> list[Tensor]:
    """Return ½[(P+Q)^m + P^m − Q^m]/P for m = 1 … order: the terms P^kQ^l by RevealCancel, eq. (41).

    Pure terms of a group are its own, mixed terms half; the division is carried out.

    Args:
        total: P + Q.
        own: P, the group that receives.
        other: Q.
        order: Highest m.
    """
    p, mixed = torch.ones_like(own), torch.ones_like(own)
    power_of_other = torch.ones_like(own)
    terms = []
    for _ in range(order):
        terms.append((p + mixed) / 2)
        p = p * own
        # ((P+Q)^{m+1} − Q^{m+1})/P = (P+Q)·((P+Q)^m − Q^m)/P + Q^m
        power_of_other = power_of_other * other
        mixed = mixed * total + power_of_other
    return terms
