"""Deep SHAP with whole neurons as components: σ(w·h + c) shared by the Shapley values of its inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from taylorattr.methods.relevance.kinds import kind_of
from taylorattr.methods.relevance.maths.shapley_unit import EXACT_FAN_IN, exact_slopes, sampled_slopes
from taylorattr.methods.relevance.rule import Pulled
from taylorattr.methods.relevance.rules.units import Secant, chord_slope
from taylorattr.methods.relevance.site import Site
from taylorattr.program.program import Node

_BLOCK = 1 << 22
"""Numbers held at once by one block of neurons."""


@dataclass
class NeuronShapley(Secant):
    """m_i = Σ_j m_j·w_ji·E_S[sec_j(z_S, z_S + w_jiΔ_i)], straight from the units to the layer's input.

    For a dense layer or 2-d convolution read by this unit alone; any other unit keeps the secant. Exact up to
    12 inputs per neuron, else averaged over random orders, which stays complete.

    Attributes:
        pairs: Orders drawn for wider neurons, each used forwards and backwards.
        generator: Source of randomness.
        sampled: Set when a neuron was too wide to enumerate.
    """

    pairs: int
    generator: torch.Generator
    sampled: list[str] = field(default_factory=list)
    name: str = "neuron"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return the multiplier of the layer's input, past the layer; else of the unit's."""
        layer = _layer(site)
        if layer is None:
            return super().pull(site, m)
        inner = Site(layer, site.values, site.reference, site.active, site.readers, site.makers)
        index = inner.operands[0]
        total = torch.zeros_like(site.values[index])
        for rows in _neurons(site, inner, m):
            total = total + self._shares(site, rows)
        return {index: total}

    def _shares(self, site: Site, rows: _Rows) -> Tensor:
        """The multiplier of the layer's input from one block of neurons."""

        def slope(start: Tensor, end: Tensor) -> Tensor:
            return chord_slope(site, start, end, site.call([start]), site.call([end]))

        weight = rows.weight.expand(rows.steps.shape)
        n = rows.steps.shape[-1]
        flat, z0 = rows.steps.reshape(-1, n), rows.z0.reshape(-1)
        if n <= EXACT_FAN_IN:
            slopes = exact_slopes(z0, flat, slope)
        else:
            if site.node.module not in self.sampled:
                self.sampled.append(site.node.module)
            slopes = sampled_slopes(z0, flat, slope, self.pairs, self.generator)
        return rows.back(rows.m[..., None] * weight * slopes.reshape(rows.steps.shape))


class _Rows:
    """A block of neurons that share inputs: steps (B, P, n), z0 and m (B, P), weight (…, n)."""

    def __init__(
        self, steps: Tensor, z0: Tensor, m: Tensor, weight: Tensor, like: Tensor, site: Site
    ) -> None:
        self.steps, self.z0, self.m, self.weight = steps, z0, m, weight
        self._like, self._site = like, site

    def back(self, amounts: Tensor) -> Tensor:
        """Add amounts (B, P, n) up at the layer's input."""
        if self._site.name != "convolution":
            return amounts.sum(1).reshape(self._like.shape)
        a = self._site.named
        columns = amounts.transpose(1, 2)  # (B, n, positions)
        return F.fold(
            columns,
            tuple(self._like.shape[-2:]),
            tuple(a["weight"].shape[-2:]),
            dilation=tuple(a["dilation"]),
            padding=tuple(a["padding"]),
            stride=tuple(a["stride"]),
        )


def _layer(site: Site) -> Node | None:
    """The dense layer or convolution whose result this unit alone reads, None where there is none."""
    index = site.operands[0]
    node = site.makers.get(index)
    if node is None or len(site.readers[index]) != 1 or site.name == "_prelu_kernel":
        return None
    inner = Site(node, site.values, site.reference, site.active, site.readers, site.makers)
    if kind_of(inner) != "weights" or len(inner.operands) != 1:
        return None
    if inner.name == "convolution":
        a = inner.named
        plain = not a["transposed"] and a["groups"] == 1 and a["weight"].dim() == 4
        return node if plain else None
    left = "mat1" if inner.name == "addmm" else "self"
    return node if inner.name in ("addmm", "mm") and inner.is_operand(left) else None


def _neurons(site: Site, inner: Site, m: Tensor) -> Iterator[_Rows]:
    """Blocks of neurons of the layer, with what each input adds to them."""
    x, b = inner.x[0], inner.b[0]
    delta = x - b
    z0 = site.b[0].expand_as(site.x[0])
    if inner.name != "convolution":
        weight = inner.named["mat2"].mT * inner.named.get("alpha", 1)  # (out, in)
        width = max(1, _BLOCK // max(1, x.numel()))
        for start in range(0, weight.shape[0], width):
            part = slice(start, start + width)
            w = weight[part]
            yield _Rows(delta[:, None, :] * w, z0[:, part], m[:, part], w, x, inner)
        return
    a = inner.named
    columns = F.unfold(
        delta,
        tuple(a["weight"].shape[-2:]),
        dilation=tuple(a["dilation"]),
        padding=tuple(a["padding"]),
        stride=tuple(a["stride"]),
    ).transpose(1, 2)  # (B, positions, n)
    for channel, w in enumerate(a["weight"].flatten(1)):
        yield _Rows(columns * w, z0[:, channel].flatten(1), m[:, channel].flatten(1), w, x, inner)
