"""Elementwise functions of one value: which secant each operation has."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from taylorattr.methods.relevance.maths import secant as chords
from taylorattr.methods.relevance.rule import Pulled, Rule
from taylorattr.methods.relevance.site import Site, fit

aten = torch.ops.aten

ChordFunction = Callable[[Site, Tensor, Tensor], Tensor | None]
"""Slopes of the chords from z0 to z1 in closed form; None where these arguments have none."""

_LOG2 = math.log(2.0)


def _relu(site: Site, z0: Tensor, z1: Tensor) -> Tensor:
    return chords.fraction_above(z0, z1)


def _leaky(site: Site, z0: Tensor, z1: Tensor) -> Tensor:
    slope = site.named["negative_slope"]
    return slope + (1 - slope) * chords.fraction_above(z0, z1)


def _prelu(site: Site, z0: Tensor, z1: Tensor) -> Tensor | None:
    """As a leaky ReLU; none where the slope moves, too."""
    if site.is_operand("weight"):
        return None
    slope = site.named["weight"]
    return slope + (1 - slope) * chords.fraction_above(z0, z1)


def _abs(site: Site, z0: Tensor, z1: Tensor) -> Tensor:
    """From the share above 0; 0 and not −1 where both ends lie on the kink, as torch's derivative."""
    slope = 2 * chords.fraction_above(z0, z1) - 1
    return slope if bool((z0 != z1).all()) else torch.where((z0 == 0) & (z1 == 0), 0.0, slope)


def _clamp(site: Site, z0: Tensor, z1: Tensor) -> Tensor | None:
    """From the share between the bounds; none where a bound is a tensor."""
    a = site.named
    low, high = (a.get(k) for k in (("min", "max") if "min" in a or "max" in a else ("min_val", "max_val")))
    if isinstance(low, Tensor) or isinstance(high, Tensor):
        return None
    return chords.fraction_between(
        z0, z1, -math.inf if low is None else low, math.inf if high is None else high
    )


def _relu6(site: Site, z0: Tensor, z1: Tensor) -> Tensor:
    return chords.fraction_between(z0, z1, 0.0, 6.0)


def _hardsigmoid(site: Site, z0: Tensor, z1: Tensor) -> Tensor:
    return chords.fraction_between(z0, z1, -3.0, 3.0) / 6


def _hardswish(site: Site, z0: Tensor, z1: Tensor) -> Tensor:
    """By the product rule on z·hardsigmoid(z)."""
    gate = (torch.nn.functional.hardsigmoid(z0) + torch.nn.functional.hardsigmoid(z1)) / 2
    return gate + (z0 + z1) / 2 * _hardsigmoid(site, z0, z1)


def _softshrink(site: Site, z0: Tensor, z1: Tensor) -> Tensor:
    width = site.named["lambd"]
    return 1 - chords.fraction_between(z0, z1, -width, width)


def _exp(site: Site, z0: Tensor, z1: Tensor) -> Tensor:
    return chords.exp(z0, z1)


def _exp2(site: Site, z0: Tensor, z1: Tensor) -> Tensor:
    return _LOG2 * chords.exp(z0 * _LOG2, z1 * _LOG2)


def _elu(site: Site, z0: Tensor, z1: Tensor) -> Tensor:
    a = site.named
    return chords.elu(z0, z1, float(a["alpha"]), float(a["scale"]), float(a["input_scale"]))


def _celu(site: Site, z0: Tensor, z1: Tensor) -> Tensor:
    alpha = float(site.named["alpha"])
    return chords.elu(z0, z1, alpha, 1.0, 1 / alpha)


def _selu(site: Site, z0: Tensor, z1: Tensor) -> Tensor:
    return chords.elu(z0, z1, 1.6732632423543772, 1.0507009873554805, 1.0)


def _pow(site: Site, z0: Tensor, z1: Tensor) -> Tensor | None:
    exponent = site.named["exponent"]
    if isinstance(exponent, Tensor) or site.is_operand("exponent"):
        return None
    return chords.power(z0, z1, float(exponent))


def _fixed_power(exponent: float) -> ChordFunction:
    return lambda site, z0, z1: chords.power(z0, z1, exponent)


CLOSED: dict[str, ChordFunction] = {
    "relu": _relu, "leaky_relu": _leaky, "_prelu_kernel": _prelu, "abs": _abs, "clamp": _clamp,
    "clamp_min": _clamp, "clamp_max": _clamp, "hardtanh": _clamp, "relu6": _relu6,
    "hardsigmoid": _hardsigmoid, "hardswish": _hardswish, "softshrink": _softshrink,
    "exp": _exp, "expm1": _exp, "special_expm1": _exp, "exp2": _exp2,
    "elu": _elu, "celu": _celu, "selu": _selu,
    "pow": _pow, "float_power": _pow, "square": _fixed_power(2), "sqrt": _fixed_power(0.5),
    "rsqrt": _fixed_power(-0.5), "reciprocal": _fixed_power(-1),
}  # fmt: skip
"""Secants in closed form: piecewise linear functions by shares of the chord, powers, exponentials."""

KINKED = frozenset(
    "hardshrink threshold sign sgn floor ceil round trunc frac nan_to_num maximum minimum fmax fmin clamp "
    "clamp_min clamp_max remainder fmod atan2 copysign floor_divide div heaviside _prelu_kernel "
    "smooth_l1_loss huber_loss".split()
)
"""Functions with kinks or jumps for which Δy/Δz is taken wherever Δz ≠ 0."""

SCALE_FREE = frozenset("log log2 log10 pow float_power lgamma digamma xlogy special_xlog1py".split())
"""Functions singular at 0: whether Δz is small is judged against |z|."""

STEPS = frozenset("floor_divide heaviside".split())
"""Step functions that torch refuses to differentiate; their derivative is 0."""


def chord_slope(site: Site, z0: Tensor, z1: Tensor, y0: Tensor, y1: Tensor) -> Tensor:
    """Return the slope of the chord of an elementwise operation.

    Args:
        site: The operation; other arguments are taken from it.
        z0: One end.
        z1: Other end.
        y0: Its value at z0.
        y1: Its value at z1.

    Returns:
        (y1 − y0)/(z1 − z0) with its limits, theory eq. (40).
    """
    slope = _chord_slope(site, z0, z1, y0, y1)
    if bool(torch.isfinite(slope.sum())):
        return slope
    # √z, a power or x·log x of a unit that is 0 at both ends: where Δz = 0 nothing is contributed, whatever
    # the limit of the slope is, and an infinite one would make NaN of that nothing
    return torch.where((z0 == z1) & ~torch.isfinite(slope), 0.0, slope)


def _chord_slope(site: Site, z0: Tensor, z1: Tensor, y0: Tensor, y1: Tensor) -> Tensor:
    """Return the slope of the chord, infinite where both ends lie on a vertical tangent."""
    closed = CLOSED.get(site.name)
    slope = closed(site, z0, z1) if closed is not None else None
    if slope is not None:
        return slope
    if site.name in KINKED:
        function = site.function()
        flat = site.name in STEPS
        return chords.kinked((lambda z: function(z.detach())) if flat else function, z0, z1, y0, y1)
    return chords.smooth(site.function(), z0, z1, y0, y1, scale_free=site.name in SCALE_FREE)


class Secant(Rule):
    """(R2) m_z = m·Δy/Δz: with one input, completeness leaves no other multiplier."""

    name = "secant"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return m·Δy/Δz."""
        (z,), (z0,) = site.x, site.b
        if site.name == "relu" and z.shape == m.shape:
            return [_through_relu(m, z0, z, site.y0, site.y)]
        return [fit(m * self.slope(site, z0, z, site.y0, site.y), z)]

    def slope(self, site: Site, z0: Tensor, z1: Tensor, y0: Tensor, y1: Tensor) -> Tensor:
        """Return the slope between two points; a subclass may use another unit."""
        if site.name == "relu":
            return _fast_relu(z0, z1, y0, y1)
        return chord_slope(site, z0, z1, y0, y1)

    def push_abs(self, site: Site, parts: Sequence[Tensor]) -> Tensor:
        """Return |Δy/Δz|·A; RevealCancel has its own rule for units and asks only in linear chains."""
        return self.slope(site, site.b[0], site.x[0], site.y0, site.y).abs() * parts[0]

    def pull_abs(self, site: Site, m: Tensor) -> Pulled:
        """Return |Δy/Δz|·m."""
        return [m * self.slope(site, site.b[0], site.x[0], site.y0, site.y).abs()]


def _through_relu(m: Tensor, z0: Tensor, z1: Tensor, y0: Tensor, y1: Tensor) -> Tensor:
    """Return m·Δrelu/Δz in as few passes as there are."""
    d = z1 - z0
    product = (y1 - y0).mul_(m).div_(d)
    if not torch.isnan(product.sum()):  # one pass of reading: 0/0, where nothing moves, shows in the sum
        return product
    same = (d == 0).to(d.dtype)  # there m·relu′(z), added: selecting by entry takes fifteen passes' time
    product = (y1 - y0).mul_(m).div_(d.add_(same))
    return product.addcmul_(m, aten.threshold_backward.default(same, z1, 0))


def _fast_relu(z0: Tensor, z1: Tensor, y0: Tensor, y1: Tensor) -> Tensor:
    """Return Δrelu/Δz from the recorded values; exact in all sign cases, so only Δz = 0 needs care."""
    d = z1 - z0
    slope = (y1 - y0).div_(d)
    if not torch.isnan(slope.sum()):
        return slope
    return torch.where(d == 0, (z1 > 0).to(slope.dtype), slope)
