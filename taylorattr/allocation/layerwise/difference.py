"""Difference rules layer by layer: Rescale and Deep SHAP; docs/theory.md eq. (28), (39) to (43).

At each unit r_j(a) = M_j[σ(z_j(a)) − σ(z_j(b))] with a frozen multiplier M_j is expanded at b and its terms
are shared by the ratio of the method. Two multipliers are carried in one block: entry 0 with every term,
entry 1 with the terms up to order K; their difference at the inputs is the tail.
"""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.allocation.layerwise.components import Component, Network, Values
from taylorattr.allocation.layerwise.maximum_game import MaximumGame
from taylorattr.allocation.layerwise.neuron_game import fan_in, shapley_slopes
from taylorattr.allocation.layerwise.result import LayerLedger, per_example, unit_parts
from taylorattr.allocation.layerwise.unit_series import Activation, beyond, powers


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
            above = {i: self.multipliers.pop(i) for i in operation.outs if i in self.multipliers}
            if not above or operation.kind == "switch":
                continue
            if operation.kind == "unit":
                self._unit(operation, above[operation.out])
            elif operation.kind == "maximum" and self.rule == "deeplift_rescale":
                self._pass(operation, above, self._winners(operation, above))
            elif operation.kind == "maximum":
                game = MaximumGame.of(operation, self.x, self.b)
                self._pass(operation, above, game.pull(above[operation.out]), "deep_shap")
            else:
                self._pass(operation, above, operation.pull(above, self.x))
        return [self._amount(i) for i in self.network.inputs]

    def _amount(self, slot: int) -> Tensor:
        m = self.multipliers.get(slot)
        delta = self.x[slot] - self.b[slot]
        return delta.new_zeros(2, *delta.shape[1:]) if m is None else m * delta

    def _add(self, below: Values) -> None:
        """Add multipliers of what an operation reads to those that other readers gave."""
        for i, m in below.items():
            self.multipliers[i] = self.multipliers[i] + m if i in self.multipliers else m

    def _relevance(self, multipliers: Values) -> Tensor:
        """Return Σ M·Δ of the exact chain, shape (E,)."""
        parts = [per_example(m[:1] * (self.x[i] - self.b[i])) for i, m in multipliers.items()]
        return torch.stack(parts).sum(0)

    def _pass(self, operation: Component, above: Values, below: Values, rule: str = "") -> None:
        """Hand multipliers on and write down that nothing is lost."""
        self._add(below)
        self.ledger.write(operation, self._relevance(above), self._relevance(below), rule=rule)

    def _unit(self, operation: Component, m: Tensor) -> None:
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
        below = {slot: m * torch.cat([exact, summed])}  # every term; the terms up to order K
        self._add(below)
        weight = m[:1]
        orders = [weight * c * p * delta for c, p in zip(s[1:], terms, strict=False)]
        orders += [torch.zeros_like(delta)] * (self.order - len(orders))
        parts = unit_parts(weight * exact * delta, orders, weight * (exact - summed) * delta, series)
        relevance = self._relevance({operation.out: m})
        self.ledger.write(
            operation, relevance, self._relevance(below), rule=self.rule, units=delta[0, 0].numel(),
            inputs_of=layer.name if layer is not None else "", **parts,
        )  # fmt: skip

    def _layer(self, operation: Component) -> Component | None:
        """The weighted sum that this unit alone reads."""
        (slot,) = operation.inputs
        maker = self.network.makers.get(slot)
        if maker is None or self.network.readers.get(slot, 0) != 1:
            return None
        return maker if maker.kind == "weights" and len(maker.inputs) == 1 else None

    def _neuron(self, operation: Component, layer: Component, m: Tensor) -> None:
        """1/s over the inputs of a whole neuron: averaged secants, every term at once."""
        (slot,), (z,) = layer.inputs, operation.inputs
        matrix = layer.matrix(self.x)
        used, weights = fan_in(layer, matrix)
        delta = self.x[slot] - self.b[slot]
        inputs = delta.reshape(delta.shape[1], -1)
        steps = inputs[:, used] * weights  # (E, out, k)
        activation = Activation.of(operation)
        start = self.b[z].expand_as(self.x[z]).reshape(len(inputs), -1)
        slopes = shapley_slopes(activation, start, steps)
        per_connection = m.reshape(2, len(inputs), -1, 1) * weights * slopes
        flat = per_connection.new_zeros(2, len(inputs), inputs.shape[1])
        flat.index_add_(2, used.reshape(-1), per_connection.reshape(2, len(inputs), -1))
        below = {slot: flat.reshape(2, *delta.shape[1:])}
        self._add(below)
        relevance = self._relevance({operation.out: m})
        count = torch.full((len(inputs),), start.shape[1], dtype=torch.int64)
        self.ledger.write(
            operation, relevance, self._relevance(below), rule="deep_shap", inputs_of=layer.name,
            units=start.shape[1], secant=relevance, secant_share=torch.ones_like(relevance),
            secant_units=count,
        )  # fmt: skip

    def _winners(self, operation: Component, above: Values) -> Values:
        """The winner at x takes θ, that at b the rest: x_w − b_v = θ(x_w − b_w) + (1 − θ)(x_v − b_v)."""
        out = operation.out
        frozen_x = {step.out: self.x[step.out] for step in operation.steps}
        frozen_b = {step.out: self.b[step.out] for step in operation.steps}
        x_v = operation.run(self.x, frozen_b)[out]
        b_w = operation.run(self.b, frozen_x)[out]
        # of a maximum both are ≥ 0, of a minimum ≤ 0, so θ lies in [0, 1]; both are 0 for one winner or a tie
        rise, fall = self.x[out] - x_v, self.b[out] - b_w
        both = rise + fall
        share = torch.where(both == 0, 1.0, rise / torch.where(both == 0, 1.0, both))
        m = above[out]
        at_x = operation.pull({out: m * share}, self.x)
        at_b = operation.pull({out: m * (1 - share)}, self.b)
        return {i: at_x[i] + at_b[i] for i in at_x}
