"""(R19), (R20) LRP of linear operations: ε for sums, the plain transpose for rearrangements."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from taylorattr.errors import OptionError
from taylorattr.methods.relevance import linear_map
from taylorattr.methods.relevance.rule import Pulled, Relevance, Rule
from taylorattr.methods.relevance.rules.products import stabilised
from taylorattr.methods.relevance.site import Site


class Move(Rule):
    """m_in = Lᵀm without ε: rearrangements and constant factors; constants written in are a named share."""

    name = "move"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return Lᵀm."""
        return self.pull_all(site, [m])

    def pull_all(self, site: Site, ms: Sequence[Tensor | None]) -> Pulled:
        """Return Lᵀm, all results taken together."""
        if site.note is not None:
            for m, constant in zip(ms, site.at_zero(), strict=False):
                if m is not None:
                    site.give_up("constant", m, constant)
        return linear_map.pull(site, ms)


class Epsilon(Rule):
    """R_i = Σ_j a_i w_ij R_j/(z_j + ε sgn z_j): m_in = Lᵀ(f m), f = |z|/(|z| + ε), eqs. (29)-(32).

    Shares: ``epsilon`` = Σm(1 − f)z, ``bias`` = Σmf·z(0), the response to inputs 0. ε = 0 is LRP-0.

    Attributes:
        eps: ε ≥ 0.
    """

    def __init__(self, eps: float = 1e-6) -> None:
        if not eps >= 0:
            raise OptionError(f"epsilon={eps!r}; expected a number ≥ 0")
        self.eps = eps
        self.name = f"epsilon({eps:g})"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return Lᵀ(f m)."""
        m = stabilised(site, m, self.eps)
        if site.note is not None:
            site.give_up("bias", m, site.at_zero()[0])
        return linear_map.pull(site, m)

    def pull_gated(self, site: Site, m: Tensor, clipped: Tensor) -> Pulled | Relevance:
        """Return Lᵀ(f m) with f = y⁺/(y⁺ + ε), which is gate and ε in one."""
        if self.eps == 0:
            return super().pull_gated(site, m, clipped)
        f = clipped + self.eps
        return linear_map.pull(site, torch.div(clipped, f, out=f).mul_(m))
