"""Elementwise functions of two values: hypot, atan2, xlogy, powers, remainders, an active PReLU slope."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from taylorattr.methods.relevance.maths import secant as chords
from taylorattr.methods.relevance.maths.pair_mean import pair_slopes
from taylorattr.methods.relevance.rule import Pulled, Rule
from taylorattr.methods.relevance.rules.units import KINKED, STEPS
from taylorattr.methods.relevance.site import Site, fit


class PairSecant(Rule):
    """The Shapley value of the two arguments, as secants: see `pair_slopes`. A choice."""

    name = "pair shapley"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return m times each argument's mean secant."""
        return [fit(m * w, x) for w, x in zip(self._weights(site), site.x, strict=True)]

    def pull_abs(self, site: Site, m: Tensor) -> Pulled:
        """Return the same with |·|."""
        return [fit(m * w.abs(), x) for w, x in zip(self._weights(site), site.x, strict=True)]

    def push_abs(self, site: Site, parts: Sequence[Tensor]) -> Tensor:
        """Return Σ|weight|·A."""
        first, second = self._weights(site)
        return first.abs() * parts[0] + second.abs() * parts[1]

    def _weights(self, site: Site) -> tuple[Tensor, Tensor]:
        if self.name not in site.memo:
            site.memo[self.name] = _slopes(site, site.b)
        return site.memo[self.name]


def _function(site: Site) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the operation as a function of two arguments; a step function is cut off from autograd."""
    if site.name in STEPS:
        return lambda p, q: site.call([p.detach(), q.detach()])
    return lambda p, q: site.call([p, q])


def _slopes(site: Site, start: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return both arguments' mean secants from a start to x.

    Raises:
        MissingRuleError: If the operation is not finite at a mixture of the two points.
    """
    slope = chords.kinked if site.name in KINKED else chords.smooth
    u, v = site.x
    u0, v0 = start
    slopes = pair_slopes(_function(site), (u, v), (u0, v0), slope)
    if all(bool(torch.isfinite(w).all()) for w in slopes):
        return slopes
    raise site.refuse(
        "it is not finite where one argument is at the input and the other at the baseline; choose a "
        "baseline inside its domain (positive bases of powers, positive arguments of logarithms)"
    )


_SCALED_BY_THE_SECOND = frozenset(
    "pow float_power xlogy special_xlog1py remainder fmod copysign floor_divide div _prelu_kernel".split()
)
"""Functions whose second argument is a parameter of what is done to the first."""


class PairRelevance(Rule):
    """LRP of a function of two values.

    The second argument of powers, x·log y, remainders, signs and slopes is a frozen parameter, as the divisor
    of a quotient is: the first gets the secant from 0. Of hypot and atan2 both get their Shapley value
    against (0, 0). What f gives at 0 is the named share ``constant``.
    """

    name = "pair"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return the multipliers of both arguments."""
        u, v = site.x
        if site.name in _SCALED_BY_THE_SECOND:
            zero = torch.zeros_like(u)
            at_zero = site.call([zero, v]).expand_as(site.y)
            if not bool(torch.isfinite(at_zero).all()):
                raise site.refuse("it is not finite where its first argument is 0; pass rules={...} for it")
            ends = zero.expand_as(site.y), u.expand_as(site.y), at_zero, site.y
            slope = chords.kinked(lambda t: _function(site)(t, v), *ends)
            multipliers: list[Tensor | None] = [fit(m * slope, u), None]
        else:
            origin = [torch.zeros_like(u), torch.zeros_like(v)]
            at_zero = site.call(origin)
            multipliers = [fit(m * w, x) for w, x in zip(_slopes(site, origin), site.x, strict=True)]
        if site.note is not None:
            site.note("constant", m * at_zero)
        return multipliers
