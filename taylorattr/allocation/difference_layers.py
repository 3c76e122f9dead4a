"""Difference rules layer by layer: Rescale, RevealCancel, Deep SHAP; docs/theory.md eq. (28), (39) to (43).

At each unit r_j(a) = M_j[σ(z_j(a)) − σ(z_j(b))] with a frozen multiplier M_j is expanded at b and its terms
are shared by the ratio of the method. Two multipliers are carried in one block: entry 0 with every term,
entry 1 with the terms up to order K; their difference at the inputs is the tail.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from taylorattr.allocation.layer_ledger import LayerLedger, per_example, unit_parts
from taylorattr.allocation.maximum_game import MaximumGame
from taylorattr.allocation.operations import WEIGHTED, Network, Operation, Values
from taylorattr.allocation.unit_series import Activation, beyond, group_terms, powers
from taylorattr.errors import OptionError

FAN_IN = 12
"""Widest neuron whose game is enumerated."""


class DifferenceLayers:
    """Rescale, and Deep SHAP with its two kinds of component.

    Args:
        network: The operations.
        x: Values at the input.
        b: Values at the baseline.
        order: K.
        neurons: Whether a sum and its activation are one component (ratio 1/s).
        rule: Name of the ratio of the other units.
    """

    def __init__(
        self, network: Network, x: Values, b: Values, order: int, *, neurons: bool = False,
        rule: str = "deeplift_rescale",
    ) -> None:  # fmt: skip
        """Start at the output."""
        self.network, self.x, self.b, self.order = network, x, b, order
        self.neurons, self.rule = neurons, rule
        out = x[network.output]
        self.ledger = LayerLedger(out.shape[1], order)
        self.multipliers: Values = {network.output: torch.ones_like(out).expand(2, *out.shape[1:])}

    def run(self) -> list[Tensor]:
        """Return what each input element gets, (2, E, …) per input: all terms, terms up to order K."""
        for operation in reversed(self.network.operations):
            given = {i: self.multipliers.pop(i) for i in operation.outs if i in self.multipliers}
            if not given or operation.kind == "choice":
                continue
            if operation.kind == "unit":
                self._unit(operation, given[operation.out])
            elif operation.kind == "maximum" and self.rule == "deeplift_rescale":
                self._pass(operation, given, self._winners(operation, given))
            elif operation.kind == "maximum":
                game = MaximumGame.of(operation, self.x, self.b)
                self._pass(operation, given, game.pull(given[operation.out]), "deep_shap")
            else:
                self._pass(operation, given, operation.pull(given, self.x))
        return [self._amount(i) for i in self.network.inputs]

    def _amount(self, slot: int) -> Tensor:
        m = self.multipliers.get(slot)
        delta = self.x[slot] - self.b[slot]
        return delta.new_zeros(2, *delta.shape[1:]) if m is None else m * delta

    def _add(self, found: Values) -> None:
        for i, m in found.items():
            self.multipliers[i] = self.multipliers[i] + m if i in self.multipliers else m

    def _relevance(self, given: Values) -> Tensor:
        """Σ M·Δ of the exact chain, shape (E,)."""
        parts = [per_example(m[:1] * (self.x[i] - self.b[i])) for i, m in given.items()]
        return torch.stack(parts).sum(0)

    def _pass(self, operation: Operation, given: Values, found: Values, rule: str = "") -> None:
        self._add(found)
        self.ledger.write(operation, self._relevance(given), self._relevance(found), rule=rule)

    def _unit(self, operation: Operation, m: Tensor) -> None:
        layer = self._layer(operation)
        if self.neurons and layer is not None:
            self._neuron(operation, layer, m)
            return
        (slot,) = operation.inputs
        z, z0, activation = self.x[slot], self.b[slot], Activation.of(operation)
        delta = z - z0
        s = activation.coefficients(z0, self.order)
        series = activation.reaches(z0, delta)
        exact = activation.secant(z0, z)
        terms = powers(delta, self.order - 1)
        summed = exact - torch.where(series, beyond(exact, s, terms), 0.0)
        found = {slot: m * torch.cat([exact, summed])}
        self._add(found)
        weight = m[:1]
        orders = [weight * c * p * delta for c, p in zip(s[1:], terms, strict=False)]
        orders += [torch.zeros_like(delta)] * (self.order - len(orders))
        parts = unit_parts(weight * exact * delta, orders, weight * (exact - summed) * delta, series)
        relevance = self._relevance({operation.out: m})
        self.ledger.write(
            operation, relevance, self._relevance(found), rule=self.rule, units=delta[0, 0].numel(),
            inputs_of=layer.name if layer is not None else "", **parts,
        )  # fmt: skip

    def _layer(self, operation: Operation) -> Operation | None:
        """The weighted sum that this unit alone reads."""
        (slot,) = operation.inputs
        maker = self.network.makers.get(slot)
        if maker is None or self.network.readers.get(slot, 0) != 1:
            return None
        return maker if maker.name in WEIGHTED and len(maker.inputs) == 1 else None

    def _neuron(self, operation: Operation, layer: Operation, m: Tensor) -> None:
        """1/s over the inputs of a whole neuron: averaged secants, every term at once."""
        (slot,), (z,) = layer.inputs, operation.inputs
        matrix = layer.matrix(self.x)
        wide = int((matrix != 0).sum(1).max())
        if wide > FAN_IN:
            raise OptionError(
                f"a neuron of {layer.place} has {wide} inputs: the effects of all its coalitions are "
                f"enumerated up to {FAN_IN}; pass components='linear_activation'"
            )
        used = (matrix != 0).to(torch.int8).topk(max(wide, 1), dim=1).indices  # (out, k)
        weights = matrix.gather(1, used)
        delta = self.x[slot] - self.b[slot]
        inputs = delta.reshape(delta.shape[1], -1)
        steps = inputs[:, used] * weights  # (E, out, k)
        activation = Activation.of(operation)
        start = self.b[z].expand_as(self.x[z]).reshape(len(inputs), -1)
        slopes = shapley_slopes(activation, start, steps)
        given = m.reshape(2, len(inputs), -1, 1) * weights * slopes
        flat = given.new_zeros(2, len(inputs), inputs.shape[1])
        flat.index_add_(2, used.reshape(-1), given.reshape(2, len(inputs), -1))
        found = {slot: flat.reshape(2, *delta.shape[1:])}
        self._add(found)
        relevance = self._relevance({operation.out: m})
        count = torch.full((len(inputs),), start.shape[1], dtype=torch.int64)
        self.ledger.write(
            operation, relevance, self._relevance(found), rule="deep_shap", inputs_of=layer.name,
            units=start.shape[1], secant=relevance, secant_share=torch.ones_like(relevance),
            secant_units=count,
        )  # fmt: skip

    def _winners(self, operation: Operation, given: Values) -> Values:
        """The winner at x takes θ, that at b the rest: x_w − b_v = θ(x_w − b_w) + (1 − θ)(x_v − b_v)."""
        out = operation.out
        frozen_x = {step.out: self.x[step.out] for step in operation.steps}
        frozen_b = {step.out: self.b[step.out] for step in operation.steps}
        x_v = operation.run(self.x, frozen_b)[out]
        b_w = operation.run(self.b, frozen_x)[out]
        rise, fall = self.x[out] - x_v, self.b[out] - b_w
        both = rise + fall
        share = torch.where(both == 0, 1.0, rise / torch.where(both == 0, 1.0, both))
        m = given[out]
        first = operation.pull({out: m * share}, self.x)
        rest = operation.pull({out: m * (1 - share)}, self.b)
        return {i: first[i] + rest[i] for i in first}


def shapley_slopes(activation: Activation, start: Tensor, steps: Tensor) -> Tensor:
    """Return E_S[secant(z_S, z_S + u_i)] over Shapley's distribution of S ∌ i, z_S = z⁰ + Σ_{j∈S} u_j.

    u_i times this is Σ_{S∋i} J(S)/|S| of one neuron.

    Args:
        activation: σ.
        start: z⁰, shape (E, units).
        steps: u_i, shape (E, units, k).
    """
    k = steps.shape[-1]
    masks = torch.arange(1 << (k - 1))
    bits = (masks[:, None] >> torch.arange(k - 1) & 1).to(steps.dtype)
    weights = torch.tensor([1 / (k * math.comb(k - 1, s)) for s in range(k)], dtype=steps.dtype)
    weights = weights[bits.sum(1).long()]
    found = torch.empty_like(steps)
    for i in range(k):
        others = torch.cat([steps[..., :i], steps[..., i + 1 :]], -1)
        sums = start[..., None] + others @ bits.T
        slopes = activation.secant(sums[None], (sums + steps[..., i : i + 1])[None])[0]
        found[..., i] = slopes @ weights
    return found


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
                found, found_halves = (game.pull(m[operation.out]) if m else {} for m in (sums, halves))
            else:
                found, found_halves = operation.pull(sums, self.x), self._pull_abs(operation, halves)
            self._add(found)
            for i, d in found_halves.items():
                self.halves[i] = self.halves[i] + d if i in self.halves else d
            after = self._relevance(found) + self._spread_relevance(found_halves)
            rule = "deep_shap" if game is not None else ""
            self.ledger.write(operation, before, after, rule=rule)
        return [self._amount(i) + self._half(i) for i in self.network.inputs]

    def _half(self, slot: int) -> Tensor:
        d = self.halves.get(slot)
        return torch.zeros(()) if d is None else d * self.spreads[slot]

    def _spread_relevance(self, halves: Values) -> Tensor:
        total = self.x[self.network.output].new_zeros(self.ledger.batch)
        for i, d in halves.items():
            total = total + per_example(d[:1] * self.spreads[i])
        return total

    def _forward(self, operation: Operation) -> None:
        if operation.kind == "choice":
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

    def _push_abs(self, operation: Operation, slot: int, out: int) -> Tensor:
        """|W|A from one input."""
        spread = self.spreads[slot]
        if operation.name in WEIGHTED and len(operation.inputs) == 1:
            matrix = self.matrices[out] = operation.matrix(self.x).abs()
            image = spread.reshape(spread.shape[1], -1) @ matrix.T
            return image.reshape(1, *image.shape[:1], *self.x[out].shape[2:])
        return operation.push({slot: spread}, self.x, out) * operation.signs(slot, self.x, out)

    def _pull_abs(self, operation: Operation, halves: Values) -> Values:
        """|W|ᵀd to each input."""
        if not halves:
            return {}
        if operation.out in self.matrices:
            d, (slot,) = halves[operation.out], operation.inputs
            image = d.reshape(2, d.shape[1], -1) @ self.matrices[operation.out]
            return {slot: image.reshape(2, d.shape[1], *self.x[slot].shape[2:])}
        found: Values = {}
        for slot in operation.inputs:
            signed = {i: d * operation.signs(slot, self.x, i) for i, d in halves.items()}
            found[slot] = operation.pull(signed, self.x)[slot]
        return found

    def _spread_of_unit(self, operation: Operation) -> Tensor:
        (slot,) = operation.inputs
        z0, z, activation = self.b[slot].expand_as(self.x[slot]), self.x[slot], Activation.of(operation)
        up, down = self._groups(slot)
        q_up = (activation.secant(z0, z0 + up) + activation.secant(z0 + down, z)) / 2
        q_down = (activation.secant(z0, z0 + down) + activation.secant(z0 + up, z)) / 2
        self.slopes[operation.out] = q_up, q_down
        if self.bookkeeping == "variables":
            return (self.x[operation.out] - self.b[operation.out]).abs()
        return (q_up * up).abs() + (q_down * down).abs()

    def labels(self, operation: Operation) -> tuple[Tensor, Tensor]:
        """Return whether the effect of either part of a unit's sum is ≥ 0, by parts."""
        up, down = self._groups(operation.inputs[0])
        q_up, q_down = self.slopes[operation.out]
        return q_up * up >= 0, q_down * down > 0

    def _groups(self, slot: int) -> tuple[Tensor, Tensor]:
        """P and Q of each unit."""
        delta = self.x[slot] - self.b[slot]
        spread = torch.maximum(self.spreads[slot], delta.abs())
        return (delta + spread) / 2, (delta - spread) / 2

    def _parted(self, operation: Operation, s: Tensor, d: Tensor | None, before: Tensor) -> None:
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
