"""(R1) Linear operations: the transposed map."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from taylorattr.methods.relevance import linear_map
from taylorattr.methods.relevance.rule import Pulled, Rule
from taylorattr.methods.relevance.site import Site


class Transpose(Rule):
    """m_in = Lᵀm: complete for differences, since Δ(La + c) = LΔa."""

    name = "linear"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return Lᵀm."""
        return linear_map.pull(site, m)

    def pull_all(self, site: Site, ms: Sequence[Tensor | None]) -> Pulled:
        """Return Lᵀm, all results taken together (split, unbind)."""
        return linear_map.pull(site, ms)

    def pull_abs(self, site: Site, m: Tensor) -> Pulled:
        """Return |L|ᵀm."""
        return linear_map.pull(site, m, "abs")

    def push_abs(self, site: Site, parts: Sequence[Tensor]) -> Tensor:
        """Return |L|a."""
        return linear_map.push(site, parts, "abs")
