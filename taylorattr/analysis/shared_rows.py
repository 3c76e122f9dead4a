"""Rows that several examples share, each asked about another output: the model runs once for them."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor

from taylorattr.analysis.scalar import ScalarModel
from taylorattr.program.isolate import preserved_rng


def values_once(
    scalar: ScalarModel, xs: tuple[Tensor, ...], examples: Tensor, *, guarded: bool = True
) -> Tensor:
    """Return what `ScalarModel.values` does, running the model once for rows that are the same.

    The gradient of such a row would be the sum over all that share it.
    """
    if scalar.columns == 1:
        return scalar.values(xs, examples, guarded=guarded)
    rows_of = shared_rows(scalar, xs, examples)
    first = torch.cat([rows_of[:1] == 0, rows_of[1:] != rows_of[:-1]])
    rows = tuple(x[first.to(x.device)] for x in xs)
    return values_at(scalar, rows, examples[first], examples, rows_of, guarded=guarded)


def values_at(
    scalar: ScalarModel,
    xs: tuple[Tensor, ...],
    owners: Tensor,
    examples: Tensor,
    rows_of: Tensor,
    *,
    guarded: bool = True,
) -> Tensor:
    """Return f of examples that share rows, shape (E,); differentiable.

    Args:
        scalar: The model.
        xs: Input tensors, each (R, …).
        owners: Shape (R,): an example of each row, whose extra arguments it uses.
        examples: Shape (E,): whose targets are read.
        rows_of: Shape (E,): in which row, in order.
        guarded: As in `ScalarModel.values`.
    """
    with preserved_rng() if guarded and scalar.draws else nullcontext():
        return scalar.selector.select(scalar.output(xs, owners), examples, rows_of).to(scalar.dtype)


def columns_at(scalar: ScalarModel, xs: tuple[Tensor, ...], examples: Tensor) -> Tensor:
    """Return f of each row for the K examples that share it, shape (R, K).

    Args:
        scalar: The model.
        xs: Input tensors, each (R, …).
        examples: Shape (R,): the first of the examples of each row.
    """
    if scalar.columns == 1:
        return scalar.values(xs, examples)[:, None]
    sharing = examples[:, None] + torch.arange(scalar.columns)
    rows_of = torch.arange(len(examples)).repeat_interleave(scalar.columns)
    return values_at(scalar, xs, examples, sharing.reshape(-1), rows_of).reshape(sharing.shape)


def shared_rows(scalar: ScalarModel, xs: tuple[Tensor, ...], examples: Tensor) -> Tensor:
    """Return which of the different rows each row is, (R,) from 0 on, on the CPU.

    A row is the same as the one before if it is equal and belongs to the same row of the inputs.
    """
    owners = examples // scalar.columns
    same = owners[1:] == owners[:-1]
    for x in xs:
        same &= (x[1:] == x[:-1]).flatten(1).all(1).to(same.device)
    return torch.cat([same.new_zeros(1), ~same]).cumsum(0).cpu()
