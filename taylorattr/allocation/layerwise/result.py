"""What a layer-wise reformulation says: who got how much, and what happened at every operation.

`LayerLedger` writes down the operations while a rule goes through them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from taylorattr.allocation.layerwise.components import Component
from taylorattr.allocation.rule import RULES
from taylorattr.effects.examples import in_rows
from taylorattr.effects.result import Result


@dataclass(frozen=True, eq=False, repr=False)
class LayerRecord(Result):
    """One operation of the network, as the rule saw it. All tensors are per example, in units of the output.

    Attributes:
        operation: ATen name.
        module: Path of the module.
        where: ``file:line``.
        kind: ``unit`` (a function of one sum), ``sum``, ``move`` or ``maximum``.
        rule: Name of the ratio in ``ta.RULES``; empty where nothing is shared.
        ratio: The ratio as text.
        inputs_of: Component whose inputs κ counts; empty where the unit has one input.
        units: Units of one example.
        relevance_out: What arrives from above, shape (B,).
        relevance_in: What is handed on below, shape (B,).
        by_order: Part of the relevance that terms of order 1 … K carry, shape (B, K); series units only.
        constant: Part that is the constant I(0) = σ(c), handed out by relevance rules, shape (B,).
        tail: Part that terms of order > K carry, known exactly, shape (B,).
        tail_share: Σ|tail| over the sum of |relevance| of all units, shape (B,).
        secant: Relevance of units without a series at x, shared in closed form, shape (B,).
        secant_share: Σ|R_j| of those over all, shape (B,).
        series_units: How many units have a series that reaches x, shape (B,).
        secant_units: How many have not, shape (B,).
        bias_loss: Relevance kept by biases, shape (B,).
        empty_loss: Relevance of units without a contribution of the sign that takes it, shape (B,).
        epsilon_loss: Relevance kept by ε, shape (B,).
    """

    example_axes: ClassVar = in_rows(
        "relevance_out relevance_in by_order constant tail tail_share secant secant_share series_units "
        "secant_units bias_loss empty_loss epsilon_loss"
    )

    operation: str
    module: str
    where: str
    kind: str
    rule: str
    ratio: str
    inputs_of: str
    units: int
    relevance_out: Tensor
    relevance_in: Tensor
    by_order: Tensor
    constant: Tensor
    tail: Tensor
    tail_share: Tensor
    secant: Tensor
    secant_share: Tensor
    series_units: Tensor
    secant_units: Tensor
    bias_loss: Tensor
    empty_loss: Tensor
    epsilon_loss: Tensor

    def line(self, example: int = 0) -> str:
        """Return one line for a reader."""
        name = f"{self.module}: {self.operation}" if self.module else self.operation
        parts = [f"{name} ×{self.units}", f"R {float(self.relevance_out[example]):+.4g}"]
        parts.append(f"→ {float(self.relevance_in[example]):+.4g}")
        if self.kind == "unit":
            series, secant = int(self.series_units[example]), int(self.secant_units[example])
            parts.append(f"w = {self.ratio.partition(', with ')[0]}" if self.ratio else "one input")
            if series:
                parts.append(f"series {series}, beyond order K {float(self.tail_share[example]):.1e}")
            if secant:
                parts.append(f"secant {secant} ({float(self.secant_share[example]):.0%})")
        named = {"bias": self.bias_loss, "nobody": self.empty_loss, "ε": self.epsilon_loss}
        for label, loss in (named | {"I(0)": self.constant}).items():
            if abs(float(loss[example])) > 1e-12 * abs(float(self.relevance_out[example])):
                parts.append(f"{label} {float(loss[example]):+.2g}")
        return "  ".join(parts)


@dataclass(frozen=True, eq=False, repr=False)
class Layerwise(Result):
    """Scores of a back-propagation method as ratios of each layer's effects, chained.

    Attributes:
        method: Name of the method.
        names: Names of the n players.
        order: Highest order K of the terms that were summed.
        scores: What terms up to order K give to the players, units without a series in closed form, (B, n).
        tail: What terms beyond order K give, known exactly, shape (B, n).
        layers: One record per operation, from the output to the inputs.
        f_input: f(x), shape (B,).
        f_baseline: f(b), shape (B,).
        options: Options of the method that were used.
        diagnostics: What a reader must know.
    """

    example_axes: ClassVar = in_rows("scores tail f_input f_baseline layers")

    method: str
    names: tuple[str, ...]
    order: int
    scores: Tensor
    tail: Tensor
    layers: tuple[LayerRecord, ...]
    f_input: Tensor
    f_baseline: Tensor
    options: dict[str, Any] = field(default_factory=dict)
    diagnostics: dict[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> Tensor:
        """Scores with the tail, shape (B, n): the method's own up to rounding."""
        return self.scores + self.tail

    @property
    def tail_share(self) -> Tensor:
        """Σ|tail| over Σ|total|, shape (B,)."""
        size = self.total.abs().sum(1)
        return torch.where(size == 0, 0.0, self.tail.abs().sum(1) / torch.where(size == 0, 1.0, size))

    @property
    def exact(self) -> Tensor:
        """Whether terms up to order K and closed forms are everything, up to rounding, shape (B,)."""
        return self.tail_share < 1e-12

    @property
    def bias_loss(self) -> Tensor:
        """Relevance that biases kept, shape (B,)."""
        return torch.stack([layer.bias_loss for layer in self.layers]).sum(0)

    @property
    def empty_loss(self) -> Tensor:
        """Relevance that nobody got, for want of a contribution of the right sign, shape (B,)."""
        return torch.stack([layer.empty_loss for layer in self.layers]).sum(0)

    @property
    def epsilon_loss(self) -> Tensor:
        """Relevance that ε kept, shape (B,)."""
        return torch.stack([layer.epsilon_loss for layer in self.layers]).sum(0)

    def __repr__(self) -> str:
        """Show one line per layer of the first example."""
        head = f"Layerwise {self.method}, terms to order {self.order}, {len(self.names)} players"
        if not len(self.scores):
            return head
        lines = [layer.line() for layer in self.layers if layer.kind != "move"]
        foot = f"beyond order {self.order}: {float(self.tail_share[0]):.1e} of the scores"
        return "\n  ".join([head, *lines, foot])


def per_example(values: Tensor) -> Tensor:
    """Return the sum over all but the example axis of (1, E, …) or (E, …) values, shape (E,)."""
    values = values[0] if values.dim() and values.shape[0] == 1 and values.dim() > 1 else values
    return values.reshape(values.shape[0], -1).sum(1)


class LayerLedger:
    """Collects records from the output to the inputs.

    Attributes:
        batch: Number of examples E.
        order: K.
        records: What was written.
    """

    def __init__(self, batch: int, order: int) -> None:
        """Start empty."""
        self.batch, self.order = batch, order
        self.records: list[LayerRecord] = []

    def write(
        self,
        operation: Component,
        relevance_out: Tensor,
        relevance_in: Tensor,
        *,
        rule: str = "",
        inputs_of: str = "",
        units: int = 0,
        **parts: Tensor,
    ) -> None:
        """Add one record; parts that are not given are 0.

        Args:
            operation: Where.
            relevance_out: Shape (E,).
            relevance_in: Shape (E,).
            rule: Name of the ratio.
            inputs_of: Component whose inputs κ counts.
            units: Units per example.
            **parts: Other tensors of the record.
        """
        zero = relevance_out.new_zeros(self.batch)
        none: dict[str, Any] = dict.fromkeys(
            "constant tail tail_share secant secant_share bias_loss empty_loss epsilon_loss".split(), zero
        )
        none["by_order"] = relevance_out.new_zeros(self.batch, self.order)
        none["series_units"] = none["secant_units"] = zero.long()
        kind = {"weights": "sum", "scale": "move"}.get(operation.kind, operation.kind)
        self.records.append(
            LayerRecord(
                operation=operation.name,
                module=operation.node.module,
                where=operation.node.where,
                kind=kind,
                rule=rule,
                ratio=RULES[rule].formula if rule else "",
                inputs_of=inputs_of,
                units=units,
                relevance_out=relevance_out,
                relevance_in=relevance_in,
                **(none | parts),
            )
        )


def unit_parts(relevance: Tensor, orders: list[Tensor], tail: Tensor, series: Tensor) -> dict[str, Tensor]:
    """Return the parts of a record of units.

    Args:
        relevance: R_j, shape (1, E, …).
        orders: What terms of order 1, 2, … carry at each unit.
        tail: What the terms beyond carry.
        series: Which units have a series at x.
    """

    def flat(values: Tensor) -> Tensor:
        return values.expand(relevance.shape)[0].reshape(relevance.shape[1], -1)

    inside, size = flat(series), flat(relevance).abs().sum(1)
    size = torch.where(size == 0, 1.0, size)
    rows = [(flat(o) * inside).sum(1) for o in orders]
    beyond = flat(tail) * inside
    closed = flat(relevance) * ~inside
    return {
        "by_order": torch.stack(rows, 1),
        "tail": beyond.sum(1),
        "tail_share": beyond.abs().sum(1) / size,
        "secant": closed.sum(1),
        "secant_share": closed.abs().sum(1) / size,
        "series_units": inside.sum(1),
        "secant_units": (~inside).sum(1),
    }
