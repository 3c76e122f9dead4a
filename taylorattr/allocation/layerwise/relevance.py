"""Relevance rules layer by layer: LRP-ε, LRP-αβ, Deep Taylor; docs/theory.md eq. (28) to (38).

At each unit r_j(a) = M_jσ(z_j(a)) is expanded at a = 0, where z_j is the bias: I(0) = M_jσ(c_j) and terms
of order m. The unit hands all of it to its sum (ratio κ_i/m of one input), and the sum divides it:
(U/d)κ_i/m by what is added, or by group. Every term of one unit is divided alike, so the terms of an order
are summed first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from taylorattr.allocation.layerwise.components import Component, Network, Values
from taylorattr.allocation.layerwise.result import LayerLedger, per_example, unit_parts
from taylorattr.allocation.layerwise.unit_series import Activation, beyond, powers
from taylorattr.errors import MissingRuleError, OptionError

First = Literal["z_plus", "w2", "z_B"]
"""Rule of the first layer in Deep Taylor."""


@dataclass(frozen=True)
class RelevanceRule:
    """How sums divide what they get.

    Attributes:
        name: Ratio of weighted sums in ``ta.RULES``.
        alpha: α of weighted sums; None: they are divided by ε like the others.
        beta: β.
        bias_counts: Whether c⁺ and c⁻ stand in the denominators of α–β.
        epsilon: ε of all other sums.
        constant: Whether σ(0) ≠ 0 is passed on or kept.
        first: Rule of the first weighted sums.
        low: Lower bound of their input for ``z_B``; None: the smallest value there.
        high: Upper bound; None: the largest.
    """

    name: str
    alpha: float | None = None
    beta: float = 0.0
    bias_counts: bool = True
    epsilon: float = 1e-6
    constant: Literal["pass", "share"] = "pass"
    first: First = "z_plus"
    low: float | None = None
    high: float | None = None


class RelevanceLayers:
    """Multipliers M with R = M·value, entry 0 with every term, entry 1 with the terms up to order K.

    Args:
        network: The operations.
        x: Values at the input.
        order: K.
        rule: How sums divide.
    """

    def __init__(self, network: Network, x: Values, order: int, rule: RelevanceRule) -> None:
        """Start at the output."""
        self.network, self.x, self.order, self.rule = network, x, order, rule
        out = x[network.output]
        self.ledger = LayerLedger(out.shape[1], order)
        self.multipliers: Values = {network.output: torch.ones_like(out).expand(2, *out.shape[1:])}
        self.relevances: Values = {}

    def run(self) -> list[Tensor]:
        """Return what each input element gets, (2, E, …) per input: all terms, terms up to order K."""
        for operation in reversed(self.network.operations):
            rest = {i: self.relevances.pop(i) for i in operation.outs if i in self.relevances}
            if rest:
                self._move_relevance(operation, rest)
            given = {i: self.multipliers.pop(i) for i in operation.outs if i in self.multipliers}
            if not given or operation.kind == "switch":
                continue
            if operation.kind == "unit":
                self._unit(operation, given[operation.out])
            elif operation.kind == "weights":
                self._weighted(operation, given[operation.out])
            elif operation.kind == "sum":
                self._epsilon(operation, given, "")
            else:
                self._add(operation, given, operation.pull(given, self.x))
        return [self._amount(i) for i in self.network.inputs]

    def _amount(self, slot: int) -> Tensor:
        x = self.x[slot]
        none = x.new_zeros(2, *x.shape[1:])
        return self.multipliers.get(slot, none) * x + self.relevances.get(slot, none)

    def _relevance(self, given: Values) -> Tensor:
        return torch.stack([per_example(m[:1] * self.x[i]) for i, m in given.items()]).sum(0)

    def _add(
        self,
        operation: Component,
        given: Values,
        found: Values,
        rule: str = "",
        *,
        epsilon: Tensor | None = None,
        empty: Tensor | None = None,
    ) -> None:
        for i, m in found.items():
            self.multipliers[i] = self.multipliers[i] + m if i in self.multipliers else m
        before, after = self._relevance(given), self._relevance(found)
        none = torch.zeros_like(before)
        kept, nobody = none if epsilon is None else epsilon, none if empty is None else empty
        self.ledger.write(
            operation, before, after, rule=rule, bias_loss=before - after - kept - nobody,
            empty_loss=nobody, epsilon_loss=kept, units=self.x[operation.out][0, 0].numel(),
        )  # fmt: skip

    def _epsilon(self, operation: Component, given: Values, rule: str) -> None:
        """Eq. (29), (30): every term times z/d, divided by what each operand adds."""
        share = {i: self.x[i].abs() / self._safe(self.x[i].abs() + self.rule.epsilon) for i in given}
        if self.rule.epsilon == 0:
            share = {i: torch.ones_like(self.x[i]) for i in given}
        kept = [per_example(m[:1] * (1 - share[i]) * self.x[i]) for i, m in given.items()]
        scaled = {i: m * share[i] for i, m in given.items()}
        self._add(operation, given, operation.pull(scaled, self.x), rule, epsilon=torch.stack(kept).sum(0))

    @staticmethod
    def _safe(divisor: Tensor) -> Tensor:
        return torch.where(divisor == 0, 1.0, divisor)

    def _weighted(self, operation: Component, m: Tensor) -> None:
        if self.rule.first != "z_plus" and self._is_first(operation):
            self._first(operation, m)
            return
        if self.rule.alpha is None:
            self._epsilon(operation, {operation.out: m}, self.rule.name)
            return
        self._alpha_beta(operation, m)

    def _one_operand(self, operation: Component) -> int:
        if len(operation.inputs) != 1:
            raise MissingRuleError(
                f"no layer-wise ratio for {operation.place}: contributions are divided by their signs, which "
                "takes one operand; use lrp_epsilon"
            )
        return operation.inputs[0]

    def _alpha_beta(self, operation: Component, m: Tensor) -> None:
        """Eq. (33), (36): α to the positive contributions, −β to the negative, each term alike."""
        slot = self._one_operand(operation)
        a, y = self.x[slot], self.x[operation.out]
        batch, matrix = a.shape[1], operation.matrix(self.x)
        flat = a.reshape(batch, -1)
        plus, minus = matrix.clamp(min=0), matrix.clamp(max=0)
        up, down = flat.clamp(min=0), flat.clamp(max=0)
        top, low = up @ plus.T + down @ minus.T, up @ minus.T + down @ plus.T
        if self.rule.bias_counts:
            c = self._bias(operation).reshape(1, -1)
            top, low = top + c.clamp(min=0), low + c.clamp(max=0)
        relevance = (m * y).reshape(2, batch, -1)
        alpha = self.rule.alpha or 0.0
        raised = torch.where(top == 0, 0.0, alpha * relevance / self._safe(top))
        lowered = torch.where(low == 0, 0.0, -self.rule.beta * relevance / self._safe(low))
        positive = raised @ plus + lowered @ minus
        negative = raised @ minus + lowered @ plus
        found = torch.where(flat < 0, negative, positive).reshape(2, *a.shape[1:])
        empty = torch.where(top == 0, alpha, 0.0) - torch.where(low == 0, self.rule.beta, 0.0)
        nobody = per_example(relevance[:1] * empty)
        self._add(operation, {operation.out: m}, {slot: found}, self.rule.name, empty=nobody)

    def _bias(self, operation: Component) -> Tensor:
        """z at a = 0, one row."""
        zeros = {i: torch.zeros_like(self.x[i][:, :1]) for i in operation.inputs}
        return operation.run(zeros)[operation.out]

    def _is_first(self, operation: Component) -> bool:
        """Whether nothing but rearrangements stands between the inputs and this sum."""
        slot = self._one_operand(operation)
        while slot not in self.network.inputs:
            maker = self.network.makers[slot]
            if not maker.affine or maker.kind == "weights" or len(maker.inputs) != 1:
                return False
            slot = maker.inputs[0]
        return True

    def _first(self, operation: Component, m: Tensor) -> None:
        """Eq. (37): w², or z^B; relevances, for an input of 0 gets some too."""
        slot = self._one_operand(operation)
        a, y = self.x[slot], self.x[operation.out]
        batch, matrix = a.shape[1], operation.matrix(self.x)
        flat, relevance = a.reshape(batch, -1), (m * y).reshape(2, batch, -1)
        if self.rule.first == "w2":
            squares = matrix**2
            total = squares.sum(1)
            found = torch.where(total == 0, 0.0, relevance / self._safe(total)) @ squares
        else:
            low = float(a.min()) if self.rule.low is None else self.rule.low
            high = float(a.max()) if self.rule.high is None else self.rule.high
            if float(a.min()) < low or float(a.max()) > high:
                raise OptionError(
                    f"the input of {operation.place} spans [{float(a.min()):g}, {float(a.max()):g}], outside "
                    f"the box [{low:g}, {high:g}]; pass low= and high= that hold it"
                )
            plus, minus = matrix.clamp(min=0), matrix.clamp(max=0)
            total = flat @ matrix.T - low * plus.sum(1) - high * minus.sum(1)
            given = torch.where(total == 0, 0.0, relevance / self._safe(total))
            found = flat * (given @ matrix) - low * (given @ plus) - high * (given @ minus)
        found = found.reshape(2, *a.shape[1:])
        self.relevances[slot] = self.relevances[slot] + found if slot in self.relevances else found
        before, after = per_example(relevance[:1]), per_example(found[:1])
        self.ledger.write(
            operation, before, after, rule=f"deep_taylor/{self.rule.first}", empty_loss=before - after,
            units=y[0, 0].numel(),
        )  # fmt: skip

    def _move_relevance(self, operation: Component, rest: Values) -> None:
        """Relevance follows the entries; below a first layer there are only rearrangements."""
        alone = operation.entrywise and len(operation.inputs) == 1
        same_shape = self.x[operation.out].shape == self.x[operation.inputs[0]].shape
        if operation.kind != "move" and alone and same_shape:
            found = {operation.inputs[0]: rest[operation.out]}
        elif operation.kind != "move":
            raise MissingRuleError(
                f"no layer-wise ratio for {operation.place} in front of the first layer; use first='z_plus'"
            )
        else:
            found = operation.pull(rest, self.x)
        for i, r in found.items():
            self.relevances[i] = self.relevances[i] + r if i in self.relevances else r

    def _unit(self, operation: Component, m: Tensor) -> None:
        """The unit hands its relevance to its sum; its terms are those at a = 0, where z is the bias."""
        (slot,) = operation.inputs
        z, y, activation = self.x[slot], self.x[operation.out], Activation.of(operation)
        zero = torch.zeros_like(z)
        layer, c = self._layer(operation), zero
        if layer is not None:
            c = self._bias(layer).expand_as(z)
        at_zero = activation.value(zero)
        finite = bool(torch.isfinite(at_zero).all())
        chord = finite and (self.rule.constant == "share" or not bool(at_zero.any()))
        if chord:
            divisor, gain, kept = z, activation.secant(zero, z), m[:1] * at_zero
            stays = torch.zeros_like(kept)
        else:
            side = torch.where(z < 0, -1.0, 1.0).to(z)
            divisor = z + (self.rule.epsilon or torch.finfo(z.dtype).tiny) * side
            gain, kept = y / divisor, torch.zeros_like(m[:1] * z)
            stays = m[:1] * (y - gain * z)
        delta = z - c
        series = activation.reaches(c, delta)
        s, terms = activation.coefficients(c, self.order), powers(delta, self.order)[1:]
        orders = [m[:1] * k * t for k, t in zip(s[1:], terms, strict=False)]
        orders += [torch.zeros_like(m[:1] * z)] * (self.order - len(orders))
        tail = torch.where(series, beyond(y - s[0], s, terms), 0.0)
        part = torch.where(divisor == 0, 0.0, tail / self._safe(divisor))
        found = m * torch.cat([gain, gain - part])
        self.multipliers[slot] = self.multipliers[slot] + found if slot in self.multipliers else found
        relevance = m[:1] * y
        self.ledger.write(
            operation, per_example(relevance), self._relevance({slot: found}), rule=self.rule.name,
            units=z[0, 0].numel(), inputs_of=layer.name if layer is not None else "",
            constant=per_example(torch.where(series, m[:1] * s[0], 0.0)), bias_loss=per_example(kept),
            epsilon_loss=per_example(stays), **unit_parts(relevance, orders, m[:1] * tail, series),
        )  # fmt: skip

    def _layer(self, operation: Component) -> Component | None:
        """The sum that this unit alone reads."""
        (slot,) = operation.inputs
        maker = self.network.makers.get(slot)
        if maker is None or self.network.readers.get(slot, 0) != 1 or not maker.affine:
            return None
        return maker if maker.kind in ("weights", "sum") else None
