"""LRP of gated units and of products over a dimension, by their degree."""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.methods.relevance.maths.product_mean import exclusive_products
from taylorattr.methods.relevance.rule import Pulled, Rule
from taylorattr.methods.relevance.site import Site


class GateProduct(Rule):
    """GLU, a·σ(g): (76) all to the signal a; or (75) half to σ(g), which the secant from 0 hands to g.

    The half of σ(0) = ½ that g cannot take is the named share ``constant``.

    Attributes:
        half: Whether the gate takes its half.
    """

    def __init__(self, half: bool = False) -> None:
        self.half = half
        self.name = "half" if half else "signal"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return the multipliers of signal and gate, joined."""
        dim = site.named["dim"]
        a, g = site.x[0].chunk(2, dim)
        s = g.sigmoid()
        if not self.half:
            return [torch.cat([m * s, torch.zeros_like(g)], dim)]
        slope = torch.where(g == 0, 0.25, (s - 0.5) / torch.where(g == 0, 1.0, g))
        site.give_up("constant", m, a / 4)
        return [torch.cat([m * s / 2, m * a / 2 * slope], dim)]


class EulerProd(Rule):
    """A product of k factors is homogeneous of degree k: m_i = m·Π_{j≠i} x_j / k."""

    name = "homogeneous"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return m times the product of the other factors over k."""
        x, a = site.x[0], site.named
        if a.get("dim") is None:
            return [m * exclusive_products(x.reshape(1, -1)).reshape(x.shape) / x.numel()]
        dim: int = a["dim"]
        others: Tensor = exclusive_products(x.movedim(dim, -1)).movedim(-1, dim)
        return [(m if a["keepdim"] else m.unsqueeze(dim)) * others / x.shape[dim]]
