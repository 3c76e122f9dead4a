"""Deep SHAP with whole neurons as components: σ(w·h + c) shared by the Shapley values of its inputs."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from taylorattr.methods.relevance.maths import secant as chords
from taylorattr.methods.relevance.maths.shapley_unit import EXACT_FAN_IN, Slope, exact_slopes, sampled_slopes
from taylorattr.methods.relevance.rule import Pulled
from taylorattr.methods.relevance.rules.neuron_layers import NeuronLayer, layer_before
from taylorattr.methods.relevance.rules.units import Secant, chord_slope
from taylorattr.methods.relevance.site import Site

_NUMBERS_AT_ONCE = 1 << 22
"""Numbers held at once by one block of neurons: 32 MiB in float64."""

_KINK_AT_ZERO = frozenset({"relu", "leaky_relu", "abs", "_prelu_kernel"})
"""Units with a kink at 0 and straight beside it: on one side every secant is the same."""


@dataclass
class NeuronShapley(Secant):
    """m_i = Σ_j m_j·w_ji·E_S[sec_j(z_S, z_S + w_jiΔ_i)], straight from the units to the layer's input.

    For a dense layer or convolution read by this unit alone (`layer_before`); any other unit keeps the
    secant. Where Δ_i = 0 the secant is its limit, so the multiplier is E_S[w_ji σ′(z_S)] and what lies below
    keeps its share. Exact where at most 12 inputs move, and where the unit cannot reach its kink; else
    averaged over random orders, each with its reverse, which is complete for any number of orders.

    Attributes:
        pairs: Orders drawn, each used forwards and backwards.
        generator: Source of randomness.
        sampled: Modules with neurons that were sampled.
        apart: Modules whose units kept the secant.
    """

    pairs: int
    generator: torch.Generator
    sampled: list[str] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)
    name: str = "neuron"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return the multiplier of the layer's input, past the layer; else of the unit's."""
        layer = layer_before(site) if _elementwise(site) else None
        if layer is None:
            _once(self.apart, site)
            return super().pull(site, m)
        x, b = site.values[layer.index], (site.reference or {})[layer.index]
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            windows = layer.windows(leaf)
        amounts = self._amounts(site, layer, layer.windows((x - b).expand_as(x)), m)
        (total,) = torch.autograd.grad(windows, leaf, amounts)
        return {layer.index: total}

    def _amounts(self, site: Site, layer: NeuronLayer, delta: Tensor, m: Tensor) -> Tensor:
        """Return Σ_o m·gain·w·slope of each window's entries, (G, P, K); `delta` is Δ in the same form."""
        z0 = layer.neurons(site.b[0].expand_as(site.x[0]).reshape(layer.shape))
        passed = layer.neurons((m * layer.gain.reshape(m.shape)).reshape(layer.shape))
        gain = layer.neurons(layer.gain.reshape(layer.shape))
        tilt = site.named["weight"] if site.name == "_prelu_kernel" else None
        if tilt is not None:
            tilt = layer.neurons(tilt.expand_as(site.x[0]).reshape(layer.shape))
        weight = layer.weight.mT  # (G, O, K)
        _, places, k = delta.shape
        # of each neuron: k steps, and a secant from every coalition of those that move
        numbers = weight.shape[0] * weight.shape[1] * (k + 2 ** min(k, EXACT_FAN_IN))
        width = max(1, _NUMBERS_AT_ONCE // numbers)
        amounts = torch.zeros_like(delta)
        for start in range(0, places, width):
            part = slice(start, start + width)
            steps = gain[:, part, :, None] * weight[:, None] * delta[:, part, None]  # (G, p, O, K)
            flat = steps.reshape(-1, k)
            slopes = self._slopes(site, z0[:, part].reshape(-1), flat, _slope_of(site, tilt, part))
            share = passed[:, part, :, None] * weight[:, None] * slopes.reshape(steps.shape)
            amounts[:, part] = share.sum(2)
        return amounts

    def _slopes(self, site: Site, z0: Tensor, steps: Tensor, slope: Slope) -> Tensor:
        """Return the mean secant of each input of R neurons, (R, K), by the cheapest way that is exact.

        Args:
            site: The unit.
            z0: Pre-activations at b, (R,).
            steps: What each input moves, (R, K).
            slope: The unit's secant.
        """
        moving = int((steps != 0).sum(1).max()) if len(steps) else 0
        if moving <= EXACT_FAN_IN:
            return _exact(z0, steps, moving, slope)
        if site.name in _KINK_AT_ZERO:
            low, high = z0 + steps.clamp(max=0).sum(1), z0 + steps.clamp(min=0).sum(1)
            if bool(((low > 0) | (high < 0)).all()):
                return slope(z0[:, None], z0[:, None] + steps)
        _once(self.sampled, site)
        return sampled_slopes(z0, steps, slope, self.pairs, self.generator)


def _exact(z0: Tensor, steps: Tensor, moving: int, slope: Slope) -> Tensor:
    """Return the exact slopes from the coalitions of the inputs that move.

    An input that does not move has the same limit as any other such one: one column stands for all of them.
    """
    if moving == steps.shape[1]:
        return exact_slopes(z0, steps, slope)
    largest = steps.abs().topk(moving, 1).indices
    with_one_still = torch.cat([steps.gather(1, largest), torch.zeros_like(z0)[:, None]], 1)
    slopes = exact_slopes(z0, with_one_still, slope)
    return slopes[:, -1:].expand_as(steps).scatter(1, largest, slopes[:, :-1])


def _slope_of(site: Site, tilt: Tensor | None, part: slice) -> Slope:
    """Return the unit's secant for rows of neurons; `tilt` is PReLU's slope below 0 of each, if it is one."""
    if tilt is not None:
        below = tilt[:, part].reshape(-1, 1)
        return lambda start, end: below + (1 - below) * chords.fraction_above(start, end)
    return lambda start, end: chord_slope(site, start, end, site.call([start]), site.call([end]))


def _elementwise(site: Site) -> bool:
    """Return whether the unit is one function for all entries, or PReLU, whose slopes are known."""
    if site.name == "_prelu_kernel":
        return not site.is_operand("weight")
    others = [v for name, v in site.named.items() if isinstance(v, Tensor) and not site.is_operand(name)]
    return all(v.dim() == 0 for v in others)


def _once(names: list[str], site: Site) -> None:
    """Add the module of a unit, or its operation outside any, if it is not in the list yet."""
    name = site.node.module or site.name
    if name not in names:
        names.append(name)
