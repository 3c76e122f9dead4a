"""Does the model behave like a function of each row? Checked once, before any analysis."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from taylorattr.autodiff.scalar import ScalarModel
from taylorattr.errors import (
    InputMutationError,
    NondeterministicModelError,
    NonFiniteError,
    ShapeError,
    TaylorAttrError,
)

_PROBE_ROWS = 64


def check_behaviour(
    scalar: ScalarModel,
    x: tuple[Tensor, ...],
    b: tuple[Tensor, ...],
    internal_batch_size: int | None,
    diagnostics: dict[str, Any],
) -> tuple[Tensor, Tensor]:
    """Evaluate f(x) and f(b), and compare calls that must agree.

    Rows are evaluated in one batch, the same batch again, and alone.

    Args:
        scalar: The model.
        x: Inputs (B, …).
        b: Baselines (B, …).
        internal_batch_size: Rows per call, None for at most 64.
        diagnostics: Receives what was found.

    Returns:
        f(x) and f(b), each (B,).

    Raises:
        NonFiniteError: If an output is NaN or infinite.
        InputMutationError: If a call changes the tensors it is given.
        NondeterministicModelError: If the same batch gives different outputs.
        ShapeError: If a row alone gives another output than in a batch.
    """
    batch = x[0].shape[0]
    rows = tuple(torch.cat([end, start]) for end, start in zip(x, b, strict=True))
    examples = torch.arange(batch).repeat(2)
    order = torch.arange(2 * batch).reshape(2, batch).t().reshape(-1)  # x_0, b_0, x_1, b_1, …
    rows, examples = tuple(r[order.to(r.device)] for r in rows), examples[order]
    size = internal_batch_size or _PROBE_ROWS
    with torch.no_grad():
        values = torch.cat(
            [_call(scalar, rows, examples, slice(i, i + size)) for i in range(0, 2 * batch, size)]
        )
        _require_finite(values, diagnostics)
        first = slice(0, min(2 * batch, 8, size))
        again = _call(scalar, rows, examples, first)
        _compare_repeat(values[first], again, values, scalar.dtype)
        if size > 1:
            alone = _call_alone(scalar, rows, examples)
            _compare_alone(scalar, rows, examples, float(values[0]), float(alone[0]), values)
    return values[0::2].clone(), values[1::2].clone()


def _call(scalar: ScalarModel, rows: tuple[Tensor, ...], examples: Tensor, part: slice) -> Tensor:
    given = tuple(r[part].clone() for r in rows)
    versions = [g._version for g in given]
    result = scalar.unguarded_values(given, examples[part])
    for i, (g, r, version) in enumerate(zip(given, rows, versions, strict=True)):
        if g._version != version or not torch.equal(g, r[part]):
            name = f"inputs[{i}]" if len(rows) > 1 else "inputs"
            raise InputMutationError(
                f"the model writes to {name} (an in-place operation on its argument, such as x += 1 or "
                "ReLU(inplace=True) as first layer); make it work on a copy: x = x.clone()"
            )
    return result.detach()


def _call_alone(scalar: ScalarModel, rows: tuple[Tensor, ...], examples: Tensor) -> Tensor:
    try:
        return _call(scalar, rows, examples, slice(0, 1))
    except Exception as error:
        if isinstance(error, TaylorAttrError):
            raise
        raise ShapeError(
            f"the model runs on a batch of {len(examples)} but not on one row alone ({error}): rows must be "
            "independent. Batch statistics need running values: track_running_stats=True"
        ) from error


def _require_finite(values: Tensor, diagnostics: dict[str, Any]) -> None:
    bad = (~torch.isfinite(values)).nonzero().reshape(-1)
    if not len(bad):
        return
    example, side = divmod(int(bad[0]), 2)
    raise NonFiniteError(
        f"the model's output is {float(values[bad[0]])} at the {'baseline' if side else 'input'} of example "
        f"{example} ({len(bad)} of {len(values)} outputs are not finite); check the model there, or choose "
        "another baseline"
    )


def _scale(values: Tensor) -> float:
    """Return the scale of rounding: that of the outputs, which may cancel, so at least 1e-3."""
    return max(float(values.abs().max()), 1e-3)


def _same_call(values: Tensor, dtype: torch.dtype) -> float:
    """Tolerance between two runs of one call: some rounding, for devices with atomic additions."""
    return 1e3 * torch.finfo(dtype).eps * _scale(values)


def _same_row(values: Tensor, dtype: torch.dtype) -> float:
    """Tolerance between batch sizes: kernels round differently, batch statistics change leading digits."""
    return 10 * torch.finfo(dtype).eps ** 0.5 * _scale(values)


def _compare_repeat(first: Tensor, again: Tensor, values: Tensor, dtype: torch.dtype) -> None:
    spread = (first - again).abs()
    if bool((spread > _same_call(values, dtype)).any()):
        row = int(spread.argmax())
        raise NondeterministicModelError(
            f"the model gives {float(first[row]):.8g} and then {float(again[row]):.8g} for the same "
            "input: it draws random numbers (dropout called with training=True, sampling, added noise) or "
            "keeps state between calls. Make it deterministic, for instance by a fixed seed inside forward"
        )


def _compare_alone(
    scalar: ScalarModel,
    rows: tuple[Tensor, ...],
    examples: Tensor,
    in_batch: float,
    alone: float,
    values: Tensor,
) -> None:
    if abs(in_batch - alone) <= _same_row(values, scalar.dtype):
        return
    repeated = float(_call(scalar, rows, examples, slice(0, 1))[0])
    if abs(repeated - alone) > _same_call(values, scalar.dtype):
        _compare_repeat(torch.tensor([alone]), torch.tensor([repeated]), values, scalar.dtype)
    raise ShapeError(
        f"the output of an example depends on the other rows of its batch: {in_batch:.8g} in a batch, "
        f"{alone:.8g} alone. Batch statistics (BatchNorm without running statistics), a softmax, mean or "
        "norm over dimension 0 do that; make every row independent"
    )
