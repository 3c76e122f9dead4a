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
            relevances = {i: self.relevances.pop(i) for i in operation.outs if i in self.relevances}
            if relevances:
                self._move_relevance(operation, relevances)
            above = {i: self.multipliers.pop(i) for i in operation.outs if i in self.multipliers}
            if not above or operation.kind == "switch":
                continue
            if operation.kind == "unit":
                self._unit(operation, above[operation.out])
            elif operation.kind == "weights":
                self._weighted(operation, above[operation.out])
            elif operation.kind == "sum":
                self._epsilon(operation, above, "")
            else:
                self._add(operation, above, operation.pull(above, self.x))
        return [self._amount(i) for i in self.network.inputs]

    def _amount(self, slot: int) -> Tensor:
        x = self.x[slot]
        none = x.new_zeros(2, *x.shape[1:])
        return self.multipliers.get(slot, none) * x + self.relevances.get(slot, none)

    def _relevance(self, multipliers: Values) -> Tensor:
        """Return Σ M·value of the exact chain, shape (E,)."""
        return torch.stack([per_example(m[:1] * self.x[i]) for i, m in multipliers.items()]).sum(0)

    def _add(
        self,
        operation: Component,
        above: Values,
        below: Values,
        rule: str = "",
        *,
        epsilon: Tensor | None = None,
        empty: Tensor | None = None,
    ) -> None:
        """Hand multipliers of the results on to what an operation reads, and write down what is lost there.

        Args:
            operation: The operation.
            above: Multipliers of its results.
            below: Multipliers of what it reads; others may have given to the same before.
            rule: Name of the ratio.
            epsilon: Relevance that ε keeps, shape (E,).
            empty: Relevance of empty groups, shape (E,).
        """
        for i, m in below.items():
            self.multipliers[i] = self.multipliers[i] + m if i in self.multipliers else m
        before, after = self._relevance(above), self._relevance(below)
        none = torch.zeros_like(before)
        by_epsilon, lost = none if epsilon is None else epsilon, none if empty is None else empty
        # what no stabiliser and no empty group explains stayed with the bias
        self.ledger.write(
            operation, before, after, rule=rule, bias_loss=before - after - by_epsilon - lost,
            empty_loss=lost, epsilon_loss=by_epsilon, units=self.x[operation.out][0, 0].numel(),
        )  # fmt: skip

    def _epsilon(self, operation: Component, above: Values, rule: str) -> None:
        """Eq. (29), (30): every term times z/d, divided by what each operand adds."""
        share = {i: self.x[i].abs() / self._safe(self.x[i].abs() + self.rule.epsilon) for i in above}
        if self.rule.epsilon == 0:  # also where z = 0, for which the quotient would be 0
            share = {i: torch.ones_like(self.x[i]) for i in above}
        by_epsilon = [per_example(m[:1] * (1 - share[i]) * self.x[i]) for i, m in above.items()]
        scaled = {i: m * share[i] for i, m in above.items()}
        below = operation.pull(scaled, self.x)
        self._add(operation, above, below, rule, epsilon=torch.stack(by_epsilon).sum(0))

    @staticmethod
    def _safe(divisor: Tensor) -> Tensor:
        """Return a divisor without zeros; what is divided by them is not used."""
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
        # P and Q of every unit: contributions are split by the sign of w·a, not of w
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
        # what is positive raises units by its positive weights, what is negative by its negative ones
        shares = torch.where(flat < 0, negative, positive).reshape(2, *a.shape[1:])
        # eq. (34): what an empty group would take reaches nobody
        empty = torch.where(top == 0, alpha, 0.0) - torch.where(low == 0, self.rule.beta, 0.0)
        lost = per_example(relevance[:1] * empty)
        self._add(operation, {operation.out: m}, {slot: shares}, self.rule.name, empty=lost)

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
            shares = torch.where(total == 0, 0.0, relevance / self._safe(total)) @ squares
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
            per_unit = torch.where(total == 0, 0.0, relevance / self._safe(total))
            shares = flat * (per_unit @ matrix) - low * (per_unit @ plus) - high * (per_unit @ minus)
        shares = shares.reshape(2, *a.shape[1:])
        self.relevances[slot] = self.relevances[slot] + shares if slot in self.relevances else shares
        before, after = per_example(relevance[:1]), per_example(shares[:1])
        self.ledger.write(
            operation, before, after, rule=f"deep_taylor/{self.rule.first}", empty_loss=before - after,
            units=y[0, 0].numel(),
        )  # fmt: skip

    def _move_relevance(self, operation: Component, relevances: Values) -> None:
        """Relevance follows the entries; below a first layer there are only rearrangements."""
        alone = operation.entrywise and len(operation.inputs) == 1
        same_shape = self.x[operation.out].shape == self.x[operation.inputs[0]].shape
        if operation.kind != "move" and alone and same_shape:
            moved = {operation.inputs[0]: relevances[operation.out]}
        elif operation.kind != "move":
            raise MissingRuleError(
                f"no layer-wise ratio for {operation.place} in front of the first layer; use first='z_plus'"
            )
        else:
            moved = operation.pull(relevances, self.x)
        for i, r in moved.items():
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
        if finite and (self.rule.constant == "share" or not bool(at_zero.any())):
            # (σ(z) − σ(0))/z by the chord, which has a limit at z = 0; σ(0) stays with the unit
            divisor, gain, by_constant = z, activation.secant(zero, z), m[:1] * at_zero
            by_epsilon = torch.zeros_like(by_constant)
        else:
            # σ(z)/(z ± ε) passes σ(0) on as well, which has no limit at z = 0 and needs the stabiliser
            side = torch.where(z < 0, -1.0, 1.0).to(z)
            divisor = z + (self.rule.epsilon or torch.finfo(z.dtype).tiny) * side
            gain, by_constant = y / divisor, torch.zeros_like(m[:1] * z)
            by_epsilon = m[:1] * (y - gain * z)
        delta = z - c
        series = activation.reaches(c, delta)
        s, terms = activation.coefficients(c, self.order), powers(delta, self.order)[1:]
        orders = [m[:1] * k * t for k, t in zip(s[1:], terms, strict=False)]
        orders += [torch.zeros_like(m[:1] * z)] * (self.order - len(orders))
        tail = torch.where(series, beyond(y - s[0], s, terms), 0.0)
        part = torch.where(divisor == 0, 0.0, tail / self._safe(divisor))
        below = m * torch.cat([gain, gain - part])  # every term; the terms up to order K
        self.multipliers[slot] = self.multipliers[slot] + below if slot in self.multipliers else below
        relevance = m[:1] * y
        self.ledger.write(
            operation, per_example(relevance), self._relevance({slot: below}), rule=self.rule.name,
            units=z[0, 0].numel(), inputs_of=layer.name if layer is not None else "",
            constant=per_example(torch.where(series, m[:1] * s[0], 0.0)), bias_loss=per_example(by_constant),
            epsilon_loss=per_example(by_epsilon), **unit_parts(relevance, orders, m[:1] * tail, series),
        )  # fmt: skip

    def _layer(self, operation: Component) -> Component | None:
        """The sum that this unit alone reads."""
        (slot,) = operation.inputs
        maker = self.network.makers.get(slot)
        if maker is None or self.network.readers.get(slot, 0) != 1 or not maker.affine:
            return None
        return maker if maker.kind in ("weights", "sum") else None
