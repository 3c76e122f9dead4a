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

_BLOCK = 1 << 22
"""Numbers held at once by one block of neurons."""

_KINK_AT_ZERO = frozenset({"relu", "leaky_relu", "abs", "_prelu_kernel"})


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
        """Σ_o m·gain·w·slope for the windows (G, P, K)."""
        z0 = layer.neurons(site.b[0].expand_as(site.x[0]).reshape(layer.shape))
        passed = layer.neurons((m * layer.gain.reshape(m.shape)).reshape(layer.shape))
        gain = layer.neurons(layer.gain.reshape(layer.shape))
        tilt = site.named["weight"] if site.name == "_prelu_kernel" else None
        if tilt is not None:
            tilt = layer.neurons(tilt.expand_as(site.x[0]).reshape(layer.shape))
        weight = layer.weight.mT  # (G, O, K)
        _, places, k = delta.shape
        width = max(1, _BLOCK // (weight.shape[0] * weight.shape[1] * (k + 2 ** min(k, EXACT_FAN_IN))))
        found = torch.zeros_like(delta)
        for start in range(0, places, width):
            part = slice(start, start + width)
            steps = gain[:, part, :, None] * weight[:, None] * delta[:, part, None]  # (G, p, O, K)
            flat = steps.reshape(-1, k)
            slopes = self._slopes(site, z0[:, part].reshape(-1), flat, _slope_of(site, tilt, part))
            share = passed[:, part, :, None] * weight[:, None] * slopes.reshape(steps.shape)
            found[:, part] = share.sum(2)
        return found

    def _slopes(self, site: Site, z0: Tensor, steps: Tensor, slope: Slope) -> Tensor:
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
    """Coalitions of the inputs that move; all that do not share one limit."""
    if moving == steps.shape[1]:
        return exact_slopes(z0, steps, slope)
    largest = steps.abs().topk(moving, 1).indices
    kept = torch.cat([steps.gather(1, largest), torch.zeros_like(z0)[:, None]], 1)
    found = exact_slopes(z0, kept, slope)
    return found[:, -1:].expand_as(steps).scatter(1, largest, found[:, :-1])


def _slope_of(site: Site, tilt: Tensor | None, part: slice) -> Slope:
    """The unit's secant for rows of neurons."""
    if tilt is not None:
        below = tilt[:, part].reshape(-1, 1)
        return lambda start, end: below + (1 - below) * chords.fraction_above(start, end)
    return lambda start, end: chord_slope(site, start, end, site.call([start]), site.call([end]))


def _elementwise(site: Site) -> bool:
    """Whether the unit is one function for all entries, or PReLU, whose slopes are known."""
    if site.name == "_prelu_kernel":
        return not site.is_operand("weight")
    others = [v for name, v in site.named.items() if isinstance(v, Tensor) and not site.is_operand(name)]
    return all(v.dim() == 0 for v in others)


def _once(names: list[str], site: Site) -> None:
    name = site.node.module or site.name
    if name not in names:
        names.append(name)
