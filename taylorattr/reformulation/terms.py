"""One effect's part in one receiver's score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from taylorattr.allocation.rule import AllocationRule
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.effects.taylor_effects import TaylorEffects


class Term(NamedTuple):
    """One effect's part in one receiver's score.

    Attributes:
        weight: w_i(κ): a ``Fraction`` where nothing but κ decides it.
        effect: Name of the effect, as radius² × texture.
        value: I(κ), in units of the output; the mean over several references.
        part: weight · value.
        key: κ, or the coalition.
    """

    weight: Fraction | float
    effect: str
    value: float
    part: float
    key: tuple[int, ...]


def terms_of(
    rule: AllocationRule,
    tables: Sequence[TaylorEffects | HarsanyiEffects],
    contexts: Sequence[Mapping[str, Any]],
    parts: Tensor,
    place: int,
    example: int,
    k: int,
) -> list[Term]:
    """Return the k largest parts of one receiver's score, as terms.

    Args:
        rule: The ratio.
        tables: Effects, one table per reference.
        contexts: What the ratio reads besides κ, one per table.
        parts: The receiver's column of the matrix, the mean over the tables.
        place: The receiver.
        example: Which example.
        k: How many.
    """
    table = tables[0]
    rows = []
    for row in torch.topk(parts.abs(), min(k, int((parts != 0).sum()))).indices.tolist():
        if isinstance(table, TaylorEffects):
            column, key = row, tuple(int(p) for p in table.multi_indices[row])
            kappa = key
        else:
            column, key = row + 1, table.coalitions[row + 1]
            kappa = tuple(int(p in key) for p in range(table.n))
        value = sum(float(t.values[example, column]) for t in tables) / len(tables)
        weight = _weight(rule, kappa, contexts, example, place, float(parts[row]), value)
        rows.append(Term(weight, table.label(column), value, float(parts[row]), key))
    return rows


def _weight(
    rule: AllocationRule,
    kappa: tuple[int, ...],
    contexts: Sequence[Mapping[str, Any]],
    example: int,
    place: int,
    part: float,
    value: float,
) -> Fraction | float:
    """Return the ratio; over several references with contexts of their own the one their means have."""
    if not rule.needs:
        return rule.ratio(kappa)[place]
    if len(contexts) > 1 and value != 0:
        return part / value
    return float(rule.ratios(np.array([kappa]), contexts[0], example=example)[0, place])
