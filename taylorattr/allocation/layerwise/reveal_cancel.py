"""RevealCancel layer by layer, in both bookkeepings; docs/theory.md eq. (41), (42)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from taylorattr.allocation.layerwise.components import Component, Network, Values
from taylorattr.allocation.layerwise.difference import DifferenceLayers
from taylorattr.allocation.layerwise.maximum_game import MaximumGame
from taylorattr.allocation.layerwise.result import per_example, unit_parts
from taylorattr.allocation.layerwise.unit_series import Activation, beyond, group_terms

Bookkeeping = Literal["parts", "variables"]
"""Eq. (42)."""


class RevealCancelLayers(DifferenceLayers):
    """RevealCancel: multipliers s = ½(m⁺ + m⁻), d = ½(m⁺ − m⁻) of the two parts of each value.

    A = Δ⁺ − Δ⁻ goes forwards: |W|A through a linear map, the sizes of both effects through a unit. A
    contribution is sΔ + dA. In the bookkeeping by parts, the inputs of a unit are the two parts of each
    value.

    Args:
        network: The operations.
        x: Values at the input.
        b: Values at the baseline.
        order: K.
        bookkeeping: How a unit's result is split for the next layer.
    """

    def __init__(
        self, network: Network, x: Values, b: Values, order: int, bookkeeping: Bookkeeping = "parts"
    ) -> None:
        """Find A of every value."""
        super().__init__(network, x, b, order, rule="deeplift_reveal_cancel")
        self.bookkeeping = bookkeeping
        self.halves: Values = {}
        self.matrices: dict[int, Tensor] = {}
        self.games: dict[int, MaximumGame] = {}
        self.spreads: Values = {i: (x[i] - b[i]).abs() for i in network.inputs}
        self.slopes: dict[int, tuple[Tensor, Tensor]] = {}
        for operation in network.operations:
            self._forward(operation)

    def run(self) -> list[Tensor]:
        """Return what each input element gets, (2, E, …) per input."""
        for operation in reversed(self.network.operations):
            sums = {i: self.multipliers.pop(i) for i in operation.outs if i in self.multipliers}
            halves = {i: self.halves.pop(i) for i in operation.outs if i in self.halves}
            if not sums:
                continue
            before = self._relevance(sums) + self._spread_relevance(halves)
            if operation.kind == "unit":
                self._parted(operation, sums[operation.out], halves.get(operation.out), before)
                continue
            game = self.games.get(operation.out)
            if game is not None:  # no weight is negative
                sums_below, halves_below = (game.pull(m[operation.out]) if m else {} for m in (sums, halves))
            else:
                sums_below, halves_below = operation.pull(sums, self.x), self._pull_abs(operation, halves)
            self._add(sums_below)
            for i, d in halves_below.items():
                self.halves[i] = self.halves[i] + d if i in self.halves else d
            after = self._relevance(sums_below) + self._spread_relevance(halves_below)
            rule = "deep_shap" if game is not None else ""
            self.ledger.write(operation, before, after, rule=rule)
        return [self._amount(i) + self._half(i) for i in self.network.inputs]

    def _half(self, slot: int) -> Tensor:
        """Return dA of one input."""
        d = self.halves.get(slot)
        return torch.zeros(()) if d is None else d * self.spreads[slot]

    def _spread_relevance(self, halves: Values) -> Tensor:
        """Return Σ dA of the exact chain, shape (E,)."""
        total = self.x[self.network.output].new_zeros(self.ledger.batch)
        for i, d in halves.items():
            total = total + per_example(d[:1] * self.spreads[i])
        return total

    def _forward(self, operation: Component) -> None:
        """Find A of the results of one operation."""
        if operation.kind == "switch":
            return
        if operation.kind == "maximum":
            game = self.games[operation.out] = MaximumGame.of(operation, self.x, self.b)
            self.spreads[operation.out] = game.push(self.spreads, self.x[operation.out])
            return
        if operation.kind == "unit":
            self.spreads[operation.out] = self._spread_of_unit(operation)
            return
        for out in operation.outs:
            total = torch.zeros_like(self.x[out])
            for slot in operation.inputs:
                total = total + self._push_abs(operation, slot, out)
            self.spreads[out] = total

    def _push_abs(self, operation: Component, slot: int, out: int) -> Tensor:
        """|W|A from one input."""
        spread = self.spreads[slot]
        if operation.kind == "weights" and len(operation.inputs) == 1:
            matrix = self.matrices[out] = operation.matrix(self.x).abs()
            image = spread.reshape(spread.shape[1], -1) @ matrix.T
            return image.reshape(1, *image.shape[:1], *self.x[out].shape[2:])
        return operation.push({slot: spread}, self.x, out) * operation.signs(slot, self.x, out)

    def _pull_abs(self, operation: Component, halves: Values) -> Values:
        """|W|ᵀd to each input."""
        if not halves:
            return {}
        if operation.out in self.matrices:
            d, (slot,) = halves[operation.out], operation.inputs
            image = d.reshape(2, d.shape[1], -1) @ self.matrices[operation.out]
            return {slot: image.reshape(2, d.shape[1], *self.x[slot].shape[2:])}
        pulled: Values = {}
        for slot in operation.inputs:
            signed = {i: d * operation.signs(slot, self.x, i) for i, d in halves.items()}
            pulled[slot] = operation.pull(signed, self.x)[slot]
        return pulled

    def _spread_of_unit(self, operation: Component) -> Tensor:
        (slot,) = operation.inputs
        z0, z, activation = self.b[slot].expand_as(self.x[slot]), self.x[slot], Activation.of(operation)
        up, down = self._groups(slot)
        q_up = (activation.secant(z0, z0 + up) + activation.secant(z0 + down, z)) / 2
        q_down = (activation.secant(z0, z0 + down) + activation.secant(z0 + up, z)) / 2
        self.slopes[operation.out] = q_up, q_down
        if self.bookkeeping == "variables":
            return (self.x[operation.out] - self.b[operation.out]).abs()
        return (q_up * up).abs() + (q_down * down).abs()

    def labels(self, operation: Component) -> tuple[Tensor, Tensor]:
        """Return whether the effect of either part of a unit's sum is ≥ 0, by parts."""
        up, down = self._groups(operation.inputs[0])
        q_up, q_down = self.slopes[operation.out]
        return q_up * up >= 0, q_down * down > 0

    def _groups(self, slot: int) -> tuple[Tensor, Tensor]:
        """P and Q of each unit."""
        delta = self.x[slot] - self.b[slot]
        spread = torch.maximum(self.spreads[slot], delta.abs())
        return (delta + spread) / 2, (delta - spread) / 2

    def _parted(self, operation: Component, s: Tensor, d: Tensor | None, before: Tensor) -> None:
        (slot,), out = operation.inputs, operation.out
        activation, z0 = Activation.of(operation), self.b[slot].expand_as(self.x[slot])
        delta, (up, down) = self.x[slot] - self.b[slot], self._groups(slot)
        coefficients = activation.coefficients(z0, self.order)
        series = activation.reaches(z0, delta, up, down)
        change = self.x[out] - self.b[out]
        multipliers, orders, tail = [], [torch.zeros_like(delta)] * self.order, torch.zeros_like(delta)
        for own, other, exact in zip((up, down), (down, up), self.slopes[out], strict=True):
            terms = group_terms(delta, own, other, self.order)
            summed = exact - torch.where(series, beyond(exact, coefficients, terms), 0.0)
            side = (exact * own).sign() if self.bookkeeping == "parts" else change.sign()
            above = s if d is None else s + d * side
            multipliers.append(above * torch.cat([exact, summed]))
            for k, (c, t) in enumerate(zip(coefficients[1:], terms, strict=False)):
                orders[k] = orders[k] + above[:1] * c * t * own
            tail = tail + above[:1] * (exact - summed) * own
        first, second = multipliers
        self._add({slot: (first + second) / 2})
        half = (first - second) / 2
        self.halves[slot] = self.halves[slot] + half if slot in self.halves else half
        relevance = first[:1] * up + second[:1] * down
        layer = self._layer(operation)
        self.ledger.write(
            operation, before, per_example(relevance), rule=self.rule, units=delta[0, 0].numel(),
            inputs_of=layer.name if layer is not None else "",
            **unit_parts(relevance, orders, tail, series),
        )  # fmt: skip
