"""LRP rules for weighted sums: α–β, z⁺, γ by the sign of each contribution; w², flat, z^B for first layers.

Written with contributions z_ij = a_i w_ij and signed inputs a = a⁺ + a⁻: the positive contributions come
from w⁺ where a ≥ 0 and from w⁻ where a < 0. The two extra products are made only if some a < 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from taylorattr.errors import OptionError, PrecisionWarning, warn
from taylorattr.methods.relevance import linear_map
from taylorattr.methods.relevance.rule import Pulled, Relevance, Rule
from taylorattr.methods.relevance.site import Site

Bias: TypeAlias = Literal["denominator", "ignore"]
"""Whether c⁺, c⁻ stand in the denominators (their part is the share ``bias``), eq. (36), or nowhere."""


OnEmpty: TypeAlias = Callable[[Site, Tensor], None]
"""Told of the relevance of units without a contribution to take it, entry by entry."""


def positive_part(site: Site, c: Tensor | None = None) -> Tensor:
    """Return P_j = c⁺ + Σ_i (a_i w_ij)⁺; a tensor of its own."""
    return _part(site, "positive", "negative", None if c is None else c.clamp(min=0))


def negative_part(site: Site, c: Tensor | None = None) -> Tensor:
    """Return Q_j = c⁻ + Σ_i (a_i w_ij)⁻; a tensor of its own."""
    return _part(site, "negative", "positive", None if c is None else c.clamp(max=0))


def _part(site: Site, above: linear_map.Part, below: linear_map.Part, constant: Tensor | None) -> Tensor:
    """Return constant + W_above·a⁺ + W_below·a⁻, the second product only where some input is negative."""
    (a,) = site.x
    if not _signed(site):
        return linear_map.push(site, [a], above, constant)
    total = linear_map.push(site, [a.clamp(min=0)], above, constant)
    return total.add_(linear_map.push(site, [a.clamp(max=0)], below))


def _signed(site: Site) -> bool:
    """Return whether some input is negative; asked up to four times, read once, and not behind a ReLU."""
    if "signed" not in site.memo:
        maker = site.makers.get(site.operands[0])
        clipped = maker is not None and maker.op is torch.ops.aten.relu.default
        site.memo["signed"] = not clipped and bool(site.x[0].amin() < 0)
    return site.memo["signed"]


def by_sign(site: Site, up: Tensor | None, down: Tensor | None) -> Tensor:
    """Return m_in for a multiplier of the positive and one of the negative contributions.

    m_in = W⁺ᵀup + W⁻ᵀdown where a ≥ 0; the weights change places where a < 0.
    """
    plain = _transposed(site, up, down)
    if not _signed(site):
        return plain
    return torch.where(site.x[0] < 0, _transposed(site, down, up), plain)


def _transposed(site: Site, on_positive: Tensor | None, on_negative: Tensor | None) -> Tensor:
    """Return W⁺ᵀm⁺ + W⁻ᵀm⁻; one of the two may be None."""
    total: Tensor | None = None
    parts: tuple[tuple[Tensor | None, linear_map.Part], ...]
    parts = (on_positive, "positive"), (on_negative, "negative")
    for m, part in parts:
        if m is not None:
            (image,) = linear_map.pull(site, m, part)
            assert image is not None
            total = image if total is None else total + image
    assert total is not None
    return total


def quotient(
    site: Site, relevance: Tensor, divisor: Tensor, share: str, on_empty: OnEmpty | None = None
) -> Tensor:
    """Return R/divisor; where the divisor is 0 nobody is there to take R: 0, and R is the named share."""
    result = relevance / divisor
    if bool(torch.isfinite(result.sum())):
        return result
    empty = (divisor == 0).to(divisor.dtype)
    lost = relevance * empty
    if site.note is not None:
        site.note(share, lost)
    elif on_empty is not None:  # walks that write a balance repeat the one that counts
        on_empty(site, lost)
    return (relevance - lost).div_(divisor + empty)


def bias_of(site: Site) -> Tensor | None:
    """Return c in a shape that broadcasts against the result, None where there is none."""
    a: dict[str, Any] = site.named
    if site.name in ("addmm", "baddbmm", "addmv"):
        beta = a.get("beta", 1)
        return a["self"] * beta if beta != 1 else a["self"]
    bias = a.get("bias")
    if bias is not None and site.name == "convolution":
        return bias.reshape([-1] + [1] * (site.y.dim() - 2))
    return bias


def _one_operand(site: Site, rule: Rule) -> None:
    """Raise MissingRuleError for a product of two activations, whose contributions have no weights."""
    if len(site.operands) != 1:
        raise site.refuse(
            f"{rule.name} shares by the sign of each contribution and takes sums with constant weights and "
            "one active operand; give this operation Epsilon()"
        )


class AlphaBeta(Rule):
    """(R23) R_i = (α(z_ij)⁺/P_j − β(z_ij)⁻/Q_j)R_j with α − β = 1, eqs. (33)-(36).

    Contributions are split by the sign of w·a, not of w. An empty group with β ≠ 0 gives relevance to
    nobody: eq. (34), the named share ``empty group``.

    Attributes:
        alpha: α ≥ 1.
        beta: β = α − 1.
        bias: c⁺ with P and c⁻ with Q in the denominators, or ignored.
        on_empty: Told of relevance that an empty group does not take.
    """

    def __init__(
        self,
        alpha: float = 2.0,
        beta: float | None = None,
        bias: Bias = "denominator",
        on_empty: OnEmpty | None = None,
    ) -> None:
        beta = alpha - 1 if beta is None else beta
        if not math.isclose(alpha - beta, 1.0, abs_tol=1e-9) or beta < 0:
            raise OptionError(
                f"alpha={alpha!r}, beta={beta!r}; expected alpha − beta = 1 and beta ≥ 0 (leave beta out)"
            )
        if bias not in ("denominator", "ignore"):
            raise OptionError(f"bias={bias!r}; expected 'denominator' or 'ignore'")
        self.alpha, self.beta = alpha, beta
        self.bias: Bias = bias
        self.on_empty = on_empty
        self.name = f"alpha{alpha:g}beta{beta:g}"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return the multiplier of the input."""
        return self._shared(site, m * site.y)

    def pull_gated(self, site: Site, m: Tensor, clipped: Tensor) -> Pulled:
        """Return the multiplier of the input; R = m·y⁺ needs no gate."""
        return self._shared(site, m * clipped)

    def _shared(self, site: Site, relevance: Tensor) -> Pulled:
        """Return the multiplier of the input for the relevance of the result."""
        _one_operand(site, self)
        c = bias_of(site) if self.bias == "denominator" else None
        top = relevance if self.alpha == 1 else self.alpha * relevance
        up = quotient(site, top, positive_part(site, c), "empty group", self.on_empty)
        down: Tensor | None = None
        if self.beta:
            low = negative_part(site, c)
            down = quotient(site, -self.beta * relevance, low, "empty group", self.on_empty)
        if c is not None and site.note is not None:
            site.give_up("bias", up, c.clamp(min=0))
            if down is not None:
                site.give_up("bias", down, c.clamp(max=0))
        return [by_sign(site, up, down)]


class Gamma(Rule):
    """LRP-γ: R_i = (z_ij + γ z_ij⁺)/(Σ_i z_ij + γ z_ij⁺)·R_j where z_j ≥ 0, with z_ij⁻ where z_j < 0.

    For a ≥ 0 and active ReLUs it is the published rule with w + γw⁺; the second case is its mirror image, so
    that the divisor never loses the sign of z_j. The bias counts as a contribution. γ → ∞ gives α1β0,
    γ = 0 LRP-0.

    Attributes:
        gamma: γ ≥ 0.
        eps: ε added to the divisor, away from 0.

    Source: Montavon et al. (2019), "Layer-wise relevance propagation: an overview".
    """

    def __init__(self, gamma: float = 0.25, eps: float = 1e-6) -> None:
        if not gamma >= 0 or not eps >= 0:
            raise OptionError(f"gamma={gamma!r}, eps={eps!r}; expected numbers ≥ 0")
        self.gamma, self.eps = gamma, eps
        self.name = f"gamma({gamma:g})"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return the multiplier of the input."""
        _one_operand(site, self)
        y, c = site.y, bias_of(site)
        top, low = positive_part(site, c), negative_part(site, c)
        active = y >= 0
        divisor = y + self.gamma * torch.where(active, top, low)
        stable = divisor + self.eps * torch.where(active, 1.0, -1.0)
        per_unit = quotient(site, m * y, stable, "empty group")
        site.give_up("epsilon", per_unit, stable - divisor)
        if c is not None:
            favoured = torch.where(active, c.clamp(min=0), c.clamp(max=0))
            site.give_up("bias", per_unit, c + self.gamma * favoured)
        (plain,) = linear_map.pull(site, per_unit)
        assert plain is not None
        extra = self.gamma * per_unit
        return [plain + by_sign(site, torch.where(active, extra, 0.0), torch.where(active, 0.0, extra))]


class FixedShares(Rule):
    """First layers: R_i = Σ_j q_ij/(Σ_i q_ij)·R_j with shares that do not depend on a: w², or flat.

    ``square``: q = w², the root along w, eq. (37). ``one``: q = 1, every input of the window alike. Returns
    relevances, for the input may be 0 where it gets some.

    Attributes:
        part: ``square`` or ``one``.
    """

    def __init__(self, part: Literal["square", "one"]) -> None:
        self.part: Literal["square", "one"] = part
        self.name = {"square": "w2", "one": "flat"}[part]

    def pull(self, site: Site, m: Tensor) -> Relevance:
        """Return the relevance of the input."""
        _one_operand(site, self)
        ones = torch.ones_like(site.x[0])
        total = linear_map.push(site, [ones], self.part)
        per_unit = quotient(site, m * site.y, total, "empty group")
        return Relevance(linear_map.pull(site, per_unit, self.part))


class Box(Rule):
    """z^B for inputs in a box [l, h]: q_ij = x_i w_ij − l_i w_ij⁺ − h_i w_ij⁻ ≥ 0, eq. (37).

    Attributes:
        low: l, a number or a tensor that broadcasts against the layer's input.
        high: h, likewise.
        eps: ε of the divisor.

    Source: Montavon et al. (2017), "Explaining nonlinear classification decisions with deep Taylor
    decomposition", arXiv 1512.02479.
    """

    name = "z_B"

    def __init__(self, low: float | Tensor, high: float | Tensor, eps: float = 0.0) -> None:
        if bool((torch.as_tensor(low) > torch.as_tensor(high)).any()):
            raise OptionError(f"low={low!r} exceeds high={high!r}; expected low ≤ high")
        self.low, self.high, self.eps = low, high, eps

    def pull(self, site: Site, m: Tensor) -> Relevance:
        """Return the relevance of the input."""
        _one_operand(site, self)
        (x,) = site.x
        low = torch.as_tensor(self.low, dtype=x.dtype, device=x.device).expand_as(x)
        high = torch.as_tensor(self.high, dtype=x.dtype, device=x.device).expand_as(x)
        if bool(((x < low) | (x > high)).any()):
            raise OptionError(
                f"the first layer's input spans [{float(x.min()):g}, {float(x.max()):g}], outside the box of "
                "z^B; pass low= and high= that hold it (after any normalisation in front of the layer)"
            )
        total = linear_map.push(site, [x])
        total = total - linear_map.push(site, [low], "positive") - linear_map.push(site, [high], "negative")
        per_unit = quotient(site, m * site.y, total + self.eps, "empty group")
        if self.eps and site.note is not None:
            site.note("epsilon", per_unit * self.eps)
        parts = [(x, "all", 1.0), (low, "positive", -1.0), (high, "negative", -1.0)]
        relevance = torch.zeros_like(x)
        for value, part, sign in parts:
            (image,) = linear_map.pull(site, per_unit, part)  # type: ignore[arg-type]
            assert image is not None
            relevance = relevance + sign * value * image
        return Relevance([relevance])


_MATERIAL = 0.01
"""Share of Σ|f(x)| that nobody gets beyond which a warning says so."""


@dataclass
class EmptyGroups:
    """Counts what α–β and z⁺ give to nobody, during the walks of one question.

    Attributes:
        units: Number of units whose group was empty and whose relevance was not 0.
        lost: Σ|relevance| of theirs.
        places: Operations where it happened.
    """

    units: int = 0
    lost: float = 0.0
    places: list[str] = field(default_factory=list)

    def __call__(self, site: Site, lost: Tensor) -> None:
        """Count the entries of one operation: the relevance given up, 0 elsewhere."""
        count = int(torch.count_nonzero(lost))
        if count:
            self.units += count
            self.lost += float(lost.double().abs().sum())
            if site.place not in self.places:
                self.places.append(site.place)

    def report(self, output: Tensor, method: str) -> dict[str, Any]:
        """Return diagnostics, and warn where more than 1 % of Σ|f(x)| is concerned.

        Args:
            output: f(x), shape (B,).
            method: Name for the message.
        """
        if not self.units:
            return {}
        share = self.lost / max(float(output.double().abs().sum()), torch.finfo(torch.float64).tiny)
        if share > _MATERIAL:
            warn(
                f"{method} found {self.units} units without a contribution of the sign that takes relevance, "
                f"first at {self.places[0]}; they held {share:.0%} of Σ|f(x)|, which nobody gets (the share "
                "'empty group' of balance=True). lrp_epsilon, or bias='denominator', hands it on",
                PrecisionWarning,
            )
        return {"empty_groups": {"units": self.units, "relevance": self.lost, "operations": self.places}}
