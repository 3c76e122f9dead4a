"""Difference rules on power series: one walk forwards for Δ(t), one backwards for the multipliers.

docs/theory.md eq. (45). Parts of RevealCancel carry the label that their effect has at x; while units do not
turn (increasing or decreasing σ) it is the label at every t.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from taylorattr.allocation.layerwise.components import Component, Network, Values
from taylorattr.allocation.layerwise.neuron_game import coalition_weights, fan_in
from taylorattr.allocation.layerwise.power_series import SeriesAlgebra
from taylorattr.allocation.layerwise.reveal_cancel import RevealCancelLayers
from taylorattr.allocation.layerwise.unit_series import Activation
from taylorattr.errors import MissingRuleError, OptionError

PLUS, MINUS = 0, 1
"""Which part."""

NUMBERS = 1 << 22
"""Numbers held at once by a block of neurons: 32 MiB."""

Parts = dict[tuple[int, int], Tensor]
"""(Slot, part) -> series (T, 1, …)."""


class FormalWalk:
    """The scores R_i(t) as power series.

    Args:
        network: The operations.
        algebra: Of the series.
        method: Which rule.
        neurons: Whether a sum and its activation are one component of Deep SHAP.
    """

    def __init__(self, network: Network, algebra: SeriesAlgebra, method: str, neurons: bool) -> None:
        """Refuse what is not analytic."""
        self.network, self.algebra = network, algebra
        self.parted = method == "deeplift_reveal_cancel"
        self.neurons = neurons and method == "deep_shap"
        self.b: Values = {}
        self.delta: Values = {}
        self.slopes: Parts = {}
        self.multipliers: Parts = {}
        self.labels: dict[int, tuple[Tensor, Tensor]] = {}
        for operation in network.operations:
            if operation.kind == "maximum":
                raise MissingRuleError(
                    f"no power series at {operation.place}: a maximum is not analytic; layer-wise "
                    "ratios take it"
                )

    def run(self, baseline: Sequence[Tensor], directions: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return f(b + Δt) − f(b), shape (T, 1, 1), and R(t) of every input element, (T, …).

        Args:
            baseline: b, tensors (1, …).
            directions: Δ of each player, tensors (n, …).
        """
        self.b = self.network.values(baseline)
        parts: Parts = {}
        for slot, moved in zip(self.network.inputs, directions, strict=True):
            series = moved.new_zeros(self.algebra.terms, 1, 1, *moved.shape[1:])
            series[1 : 1 + self.algebra.n] = moved[:, None, None]
            self.delta[slot] = series
            parts[slot, PLUS], parts[slot, MINUS] = series.clamp(min=0), series.clamp(max=0)
        if self.parted:
            at_x = self.network.values(
                [b + d.sum(0, keepdim=True) for b, d in zip(baseline, directions, strict=True)]
            )
            layers = RevealCancelLayers(self.network, at_x, self.b, 1)
            for operation in self.network.operations:
                if operation.kind == "unit":
                    self.labels[operation.out] = layers.labels(operation)
        self._forward(parts)
        return self._backward(parts)

    def _coefficients(self, operation: Component) -> tuple[Activation, list[Tensor]]:
        (slot,) = operation.inputs
        activation, z0 = Activation.of(operation), self.b[slot]
        if bool((activation.reach(z0) == 0).any()):
            raise OptionError(
                f"a unit of {operation.place} stands on its kink or pole at the baseline and has no power "
                "series there; move the baseline"
            )
        return activation, activation.coefficients(z0, self.algebra.order + 1)

    def _forward(self, parts: Parts) -> None:
        """Find Δ(t) of every value, and for RevealCancel both parts."""
        for operation in self.network.operations:
            if operation.kind == "switch":
                continue
            if operation.kind == "unit":
                self._unit_forward(operation, parts)
                continue
            for out in operation.outs:
                moved = {i: self.delta[i] for i in operation.inputs}
                self.delta[out] = operation.push(moved, self.b, out)
                if self.parted:
                    parts[out, PLUS] = self._part(operation, parts, out, PLUS)
                    parts[out, MINUS] = self._part(operation, parts, out, MINUS)

    def _unit_forward(self, operation: Component, parts: Parts) -> None:
        (slot,), out = operation.inputs, operation.out
        _, s = self._coefficients(operation)
        zero = torch.zeros_like(self.delta[slot])
        slope = self.algebra.slope(s, zero, self.delta[slot])
        self.delta[out] = self.algebra.multiply(slope, self.delta[slot])
        if not self.parted:
            self.slopes[out, PLUS] = slope
            return
        parts[out, PLUS], parts[out, MINUS] = torch.zeros_like(zero), torch.zeros_like(zero)
        for side in (PLUS, MINUS):
            own, other = parts[slot, side], parts[slot, 1 - side]
            q = (self.algebra.slope(s, zero, own) + self.algebra.slope(s, other, own)) / 2
            effect, positive = self.algebra.multiply(q, own), self.labels[out][side]
            self.slopes[out, side] = q
            parts[out, PLUS] = parts[out, PLUS] + torch.where(positive, effect, 0.0)
            parts[out, MINUS] = parts[out, MINUS] + torch.where(positive, 0.0, effect)

    def _part(self, operation: Component, parts: Parts, out: int, side: int) -> Tensor:
        """W⁺D^side + W⁻D^other."""
        if operation.kind == "weights" and len(operation.inputs) == 1:
            matrix, (slot,) = operation.matrix(self.b), operation.inputs
            own, other = parts[slot, side].flatten(2), parts[slot, 1 - side].flatten(2)
            image = own @ matrix.clamp(min=0).T + other @ matrix.clamp(max=0).T
            return image.reshape(*image.shape[:2], *self.b[out].shape[2:])
        total = torch.zeros_like(self.delta[out])
        for slot in operation.inputs:
            keeps = operation.signs(slot, self.b, out) >= 0
            own, other = (operation.push({slot: parts[slot, s]}, self.b, out) for s in (side, 1 - side))
            total = total + torch.where(keeps, own, other)
        return total

    def _backward(self, parts: Parts) -> tuple[Tensor, list[Tensor]]:
        output = self.network.output
        one = self.algebra.constant(torch.ones_like(self.b[output]))
        self.multipliers = {(output, PLUS): one}
        if self.parted:
            self.multipliers[output, MINUS] = one
        for operation in reversed(self.network.operations):
            if operation.kind == "switch":
                continue
            if operation.kind == "unit":
                self._unit_backward(operation)
            elif self.parted:
                self._parts_backward(operation)
            else:
                above = {
                    i: self.multipliers.pop((i, PLUS))
                    for i in operation.outs
                    if (i, PLUS) in self.multipliers
                }
                for i, m in operation.pull(above, self.b).items() if above else ():
                    self._add(i, PLUS, m)
        return self.delta[output], [self._score(slot, parts) for slot in self.network.inputs]

    def _score(self, slot: int, parts: Parts) -> Tensor:
        total = torch.zeros_like(self.delta[slot])
        for side in (PLUS, MINUS) if self.parted else (PLUS,):
            m = self.multipliers.get((slot, side))
            moved = parts[slot, side] if self.parted else self.delta[slot]
            if m is not None:
                total = total + self.algebra.multiply(m, moved)
        return total[:, 0, 0]

    def _add(self, slot: int, side: int, m: Tensor) -> None:
        key = slot, side
        self.multipliers[key] = self.multipliers[key] + m if key in self.multipliers else m

    def _unit_backward(self, operation: Component) -> None:
        (slot,), out = operation.inputs, operation.out
        if (out, PLUS) not in self.multipliers:
            return
        up = self.multipliers.pop((out, PLUS))
        if not self.parted:
            layer = self.network.makers.get(slot)
            alone = layer is not None and self.network.readers[slot] == 1 and layer.kind == "weights"
            if self.neurons and alone and layer is not None and len(layer.inputs) == 1:
                self._neuron(operation, layer, up)
            else:
                self._add(slot, PLUS, self.algebra.multiply(up, self.slopes[out, PLUS]))
            return
        down = self.multipliers.pop((out, MINUS))
        for side in (PLUS, MINUS):
            above = torch.where(self.labels[out][side], up, down)
            self._add(slot, side, self.algebra.multiply(above, self.slopes[out, side]))

    def _parts_backward(self, operation: Component) -> None:
        """m⁺_in = W⁺ᵀm⁺ + W⁻ᵀm⁻, and m⁻_in with the parts exchanged."""
        outs = [i for i in operation.outs if (i, PLUS) in self.multipliers]
        if not outs:
            return
        ms = [{i: self.multipliers.pop((i, side)) for i in outs} for side in (PLUS, MINUS)]
        if operation.kind == "weights" and len(operation.inputs) == 1:
            matrix, (slot,) = operation.matrix(self.b), operation.inputs
            plus, minus = matrix.clamp(min=0), matrix.clamp(max=0)
            for side in (PLUS, MINUS):
                own, other = (ms[s][operation.out].flatten(2) for s in (side, 1 - side))
                image = own @ plus + other @ minus
                self._add(slot, side, image.reshape(*image.shape[:2], *self.b[slot].shape[2:]))
            return
        for slot in operation.inputs:
            for side in (PLUS, MINUS):
                mixed = {
                    i: torch.where(operation.signs(slot, self.b, i) >= 0, ms[side][i], ms[1 - side][i])
                    for i in outs
                }
                self._add(slot, side, operation.pull(mixed, self.b)[slot])

    def _neuron(self, operation: Component, layer: Component, m: Tensor) -> None:
        """φ_i/Δh_i = Σ_j m_j w_ji E_S[slope from V_S by u_i], straight to the layer's inputs."""
        (slot,) = layer.inputs
        matrix, (_, s) = layer.matrix(self.b), self._coefficients(operation)
        used, weights = fan_in(layer, matrix)
        inputs, above = self.delta[slot].flatten(2), m.flatten(2)
        steps = inputs[:, :, used] * weights  # (T, 1, units, k)
        coefficients = [c.flatten(2)[..., None] for c in s]
        below = torch.zeros_like(inputs)
        count = max(1, NUMBERS // (self.algebra.terms << used.shape[1]))
        for first in range(0, len(used), count):
            part = slice(first, first + count)
            local = [c[:, :, part] for c in coefficients]
            for i in range(used.shape[1]):
                slope = self._averaged(local, steps[:, :, part], i)
                share = self.algebra.multiply(above[:, :, part], slope) * weights[part, i]
                below.index_add_(2, used[part, i], share)
        self._add(slot, PLUS, below.reshape(self.delta[slot].shape))

    def _averaged(self, s: list[Tensor], u: Tensor, i: int) -> Tensor:
        """E_S[(σ(V_S + u_i) − σ(V_S))/u_i] over S ∌ i, shape (T, 1, units)."""
        bits, weights = coalition_weights(u.shape[-1], u.dtype)
        others = torch.cat([u[..., :i], u[..., i + 1 :]], -1)
        return self.algebra.slope(s, others @ bits.T, u[..., i : i + 1]) @ weights
