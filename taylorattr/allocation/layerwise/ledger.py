"""Writes down what a layer-wise rule does at every operation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from taylorattr.allocation.layerwise.components import Component
from taylorattr.allocation.layerwise.result import LayerRecord
from taylorattr.allocation.rule import RULES


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
