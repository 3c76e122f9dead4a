"""(R21), (R22): what LRP does at elementwise functions of one value."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from taylorattr.errors import OptionError
from taylorattr.methods.relevance.rule import Pulled, Rule
from taylorattr.methods.relevance.rules.units import chord_slope
from taylorattr.methods.relevance.site import Site, fit

aten = torch.ops.aten

Constant: TypeAlias = Literal["pass", "share"]
"""What becomes of σ(0) ≠ 0: passed on with the rest, or a named share."""


class RelevanceUnit(Rule):
    """m_z = m·σ(z)/z, so R_z = R: a unit hands its relevance to its only input.

    Where σ(0) = 0 this is the secant from 0, with σ′(0) at 0 and the gate for ReLU. Where σ(0) ≠ 0
    (sigmoid, softplus, exp):

    - ``pass``: m_z = m·σ(z)/(z + ε sgn z), all of R goes on as in eq. (29). As unstable as the published
      rule for small z: relevance of size σ(0)/ε can appear, with both signs.
    - ``share``: m_z = m·(σ(z) − σ(0))/z, the secant from 0; m·σ(0) is the named share ``constant``.

    Where σ(0) is not finite (log, 1/z), relevance is passed on.

    Attributes:
        eps: ε of ``pass``.
        constant: Which of the two.
    """

    name = "unit"

    def __init__(self, eps: float = 1e-6, constant: Constant = "pass") -> None:
        if constant not in ("pass", "share"):
            raise OptionError(f"constant={constant!r}; expected 'pass' or 'share'")
        self.eps = eps
        self.constant: Constant = constant

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return m·σ(z)/z."""
        (z,) = site.x
        if self.gates(site):
            return [aten.threshold_backward.default(m, site.y, 0)]
        zero = torch.zeros_like(z)
        at_zero = site.call([zero])
        if bool(torch.isfinite(at_zero).all()) and (self.constant == "share" or not bool(at_zero.any())):
            if site.note is not None:
                site.note("constant", m * at_zero)
            return [fit(m * chord_slope(site, zero, z, at_zero, site.y), z)]
        return [fit(self._passed(site, m, z), z)]

    def gates(self, site: Site) -> bool:
        """Whether this is a ReLU, which has no constant to note."""
        return site.name == "relu"

    def _passed(self, site: Site, m: Tensor, z: Tensor) -> Tensor:
        side = torch.where(z < 0, -1.0, 1.0).to(z.dtype)
        eps = self.eps or torch.finfo(z.dtype).tiny
        given = m * site.y / (z + eps * side)
        if site.note is not None:
            site.note("epsilon", m * site.y - given * z)
        return given
