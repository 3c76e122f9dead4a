"""LRP on operations: its own rules, (R19) to (R22), and the table of all; R = m·value, walked backwards.

ε for sums, the plain transpose for rearrangements, all of R on through a unit, shares by degree at products.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from taylorattr.errors import OptionError
from taylorattr.methods.relevance import linear_map
from taylorattr.methods.relevance.maths.product_mean import exclusive_products
from taylorattr.methods.relevance.rule import Pulled, Relevance, Rule, RuleTable
from taylorattr.methods.relevance.rules.choices import FrozenChoice
from taylorattr.methods.relevance.rules.maxima import WinnerTakesAll
from taylorattr.methods.relevance.rules.norms import EulerMoment, FrozenScale
from taylorattr.methods.relevance.rules.pairs import PairRelevance
from taylorattr.methods.relevance.rules.products import FrozenDivisor, HalfMatmul, HalfProduct, stabilised
from taylorattr.methods.relevance.rules.softmax import LogSumExpRelevance, SoftmaxRelevance
from taylorattr.methods.relevance.rules.units import chord_slope
from taylorattr.methods.relevance.site import Site, fit

Attention: TypeAlias = Literal["frozen", "uniform", "tangent"]
"""(R26): all to the values; (R27): half to the pattern, which passes it on by either form of softmax."""

Products: TypeAlias = Literal["gate", "half"]
"""Of a product of a gate (sigmoid) and a signal: all to the signal, (76), or one half each, (75)."""

Constant: TypeAlias = Literal["pass", "share"]
"""What becomes of σ(0) ≠ 0: passed on with the rest, or a named share."""


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
            return [torch.ops.aten.threshold_backward.default(m, site.y, 0)]
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


def lrp_rules(
    *,
    eps: float = 1e-6,
    weights: Rule | None = None,
    constant: Constant = "pass",
    attention: Attention = "frozen",
    products: Products = "gate",
    method: str = "this method",
) -> RuleTable:
    """Return the rules of LRP on operations.

    Args:
        eps: ε of every sum, ≥ 0.
        weights: Rule of sums with constant weights; None: ε.
        constant: What becomes of σ(0) ≠ 0.
        attention: What softmax patterns get.
        products: What gates get.
        method: Name for error messages.

    Returns:
        The table, without overrides.

    Raises:
        OptionError: If an option is not one of these.
    """
    if attention not in ("frozen", "uniform", "tangent"):
        raise OptionError(f"attention={attention!r}; expected 'frozen', 'uniform' or 'tangent'")
    if products not in ("gate", "half"):
        raise OptionError(f"products={products!r}; expected 'gate' or 'half'")
    epsilon, gates = Epsilon(eps), products == "gate"
    move = Move()
    frozen = attention == "frozen"
    return RuleTable(
        {
            "move": move,
            "scale": move,
            "order": move,
            "sum": epsilon,
            "weights": weights or epsilon,
            "batch_norm": epsilon,
            "unit": RelevanceUnit(eps, constant),
            "pair": PairRelevance(),
            "product": HalfProduct(frozen, gates),
            "matmul": HalfMatmul(frozen, eps, gates),
            "quotient": FrozenDivisor(),
            "glu": GateProduct(half=not gates),
            "softmax": SoftmaxRelevance("tangent" if attention == "tangent" else "uniform"),
            "log_softmax": LogSumExpRelevance(),
            "logsumexp": LogSumExpRelevance(),
            "normalise": FrozenScale(),
            "moment": EulerMoment(),
            "maximum": WinnerTakesAll(),
            "prod": EulerProd(),
            "choice": FrozenChoice(),
        },
        method=method,
    )
