"""The target: which number of the model's output is analysed, in captum's forms or as a callable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget
from taylorattr.errors import ShapeError, TargetError, TaylorAttrError

_FORMS = (
    "None, an int, a tuple of ints, a tensor of ints with one entry or one per example, "
    "a list of ints or of tuples with one entry per example, or a callable output -> (B,)"
)


class TargetSelector:
    """One number per row out of a model's output.

    Args:
        target: Captum's TargetType or a callable ``output -> (B,)``. None: the output is one number per row.
            An int or tuple indexes the output of every row; a tensor or list gives each example its own.
        batch: Number of examples B.

    Raises:
        TargetError: If the target has none of these forms, or not one entry per example.
    """

    def __init__(self, target: AnyTarget, batch: int) -> None:
        self.target = target
        self.function: Callable[[Any], Tensor] | None = None
        self.common: tuple[int, ...] | None = None
        self.each: Tensor | None = None
        if isinstance(target, np.ndarray | np.integer):
            target = torch.as_tensor(target)
        if target is None:
            pass
        elif isinstance(target, bool):
            raise TargetError(f"target={target!r} is a bool; expected {_FORMS}")
        elif isinstance(target, int):
            self.common = (target,)
        elif isinstance(target, Tensor):
            self._set_tensor(target, batch)
        elif isinstance(target, tuple):
            self.common = _integers(target, target)
        elif isinstance(target, Sequence) and not isinstance(target, str):
            self._set_sequence(target, batch)
        elif callable(target):
            self.function = target
        else:
            raise TargetError(f"target={target!r} is a {type(target).__name__}; expected {_FORMS}")

    @property
    def key(self) -> Any:
        """What selectors that select the same have in common; hashable if the user's function is."""
        if self.function is not None:
            return self.function
        return self.common if self.each is None else tuple(map(tuple, self.each.tolist()))

    def _set_tensor(self, target: Tensor, batch: int) -> None:
        if target.dtype.is_floating_point or target.dtype.is_complex or target.dtype is torch.bool:
            raise TargetError(f"target is a tensor of {target.dtype}; class indices must be integers")
        if target.numel() == 1:
            self.common = (int(target),)
        elif target.ndim == 1 and len(target) == batch:
            self.each = target.detach().to("cpu", torch.int64).reshape(batch, 1)
        else:
            raise TargetError(
                f"target is a tensor of shape {tuple(target.shape)} for {batch} examples; expected one entry "
                f"or shape ({batch},)"
            )

    def _set_sequence(self, target: Sequence[Any], batch: int) -> None:
        if len(target) != batch:
            raise TargetError(
                f"target is a list of {len(target)} entries for {batch} examples; expected one per example "
                "(a tuple indexes every example's output)"
            )
        rows = [_integers(t, target) if isinstance(t, tuple) else _integers((t,), target) for t in target]
        if len({len(row) for row in rows}) != 1:
            raise TargetError(f"target={target!r} mixes tuples of different lengths")
        self.each = torch.tensor(rows, dtype=torch.int64)

    def select(self, output: Any, examples: Tensor, rows_of: Tensor | None = None) -> Tensor:
        """Return the selected number of each row.

        Args:
            output: What the model returned for R rows.
            examples: Shape (R,), the example each row belongs to.
            rows_of: Where several examples with targets of their own share a row, the row of each, in order,
                shaped like examples.

        Returns:
            Shaped like examples.

        Raises:
            TargetError: If the output is not a tensor and the target is not callable; if a target is missing
                for a vector output or out of range; if a callable target does not give one number per row.
            ShapeError: If the output has no batch dimension.
        """
        rows = len(examples) if rows_of is None else int(rows_of[-1]) + 1
        if self.function is not None:
            return self._call(output, rows)
        output = tensor_output(output)
        if output.ndim == 0 and rows == 1 and self.target is None:
            output = output.reshape(1)  # the batch of one was squeezed away
        if output.ndim == 0 or output.shape[0] != rows:
            raise ShapeError(
                f"the model's output has shape {tuple(output.shape)} for a batch of {rows}; expected a batch "
                f"dimension of {rows} first. Return one row of numbers per example (no sum or mean over the "
                "batch, no squeeze() of it)"
            )
        shape = tuple(output.shape[1:])
        if self.common is None and self.each is None:
            if output.numel() != rows:
                raise TargetError(
                    f"the model's output has shape {tuple(output.shape)}, that is {output.numel() // rows} "
                    f"numbers per example, and target is None; pass target={_example_of(shape)} or a "
                    "callable output -> (B,)"
                )
            return output.reshape(rows)
        width = len(self.common) if self.common is not None else self.each.shape[1]  # type: ignore[union-attr]
        if width < len(shape) and all(size == 1 for size in shape[width:]):
            # (B, K, 1, 1) of a fully convolutional network: one class is one number
            output, shape = output.reshape(rows, *shape[:width]), shape[:width]
        if width != len(shape):
            raise TargetError(
                f"target={_short(self.target)} has {width} indices but one example's output has shape "
                f"{shape}; pass {len(shape)} of them, for instance target={_example_of(shape)}"
            )
        self._check_range(shape, tuple(output.shape))
        if self.common is not None:
            return output[(slice(None), *self.common)]
        picked = self.each[examples.to("cpu")].to(output.device)  # type: ignore[index]
        where = torch.arange(rows) if rows_of is None else rows_of
        return output[(where.to(output.device), *picked.unbind(1))]

    def _check_range(self, shape: tuple[int, ...], full: tuple[int, ...]) -> None:
        for axis, size in enumerate(shape):
            if self.common is not None:
                low = high = self.common[axis]
            else:
                column = self.each[:, axis]  # type: ignore[index]
                low, high = int(column.min()), int(column.max())
            if low < -size or high >= size:
                bad = high if high >= size else low
                raise TargetError(
                    f"target {bad} is out of range: the model's output has shape {full}, so indices of "
                    f"dimension {axis + 1} run from 0 to {size - 1}"
                )

    def _call(self, output: Any, rows: int) -> Tensor:
        try:
            result = self.function(output)  # type: ignore[misc]
        except TaylorAttrError:
            raise
        except Exception as error:
            given = f"{tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
            line = (str(error).splitlines() or [""])[0]
            raise TargetError(
                f"the callable target raised {type(error).__name__}: {line}; it was called with the model's "
                f"output, {given}, and must return one number per row, shape ({rows},)"
            ) from error
        if not isinstance(result, Tensor):
            raise TargetError(
                f"the callable target returned a {type(result).__name__}; expected a tensor of shape "
                f"({rows},)"
            )
        if result.ndim == 0 and rows == 1:
            return result.reshape(1)
        if result.ndim == 0 or result.shape[0] != rows or result.numel() != rows:
            raise TargetError(
                f"the callable target returned shape {tuple(result.shape)} for a batch of {rows}; "
                f"expected ({rows},)"
            )
        return result.reshape(rows)


def tensor_output(output: Any) -> Tensor:
    """Return the tensor a target indexes: the output itself, or `.logits` of an object that has it.

    Raises:
        TargetError: If there is neither.
    """
    if not isinstance(output, Tensor):
        logits = getattr(output, "logits", None)
        if not isinstance(logits, Tensor):
            if isinstance(output, (np.ndarray, np.generic, int, float, list)):
                raise TargetError(
                    f"the model returned a {type(output).__name__}, not a tensor; return "
                    "torch.as_tensor(output), one row per example. Methods without derivatives (ta.harsanyi, "
                    "shapley, occlusion_1) take such a function, others need torch operations throughout"
                )
            keys = f" with keys {sorted(map(str, output))}" if isinstance(output, dict) else ""
            raise TargetError(
                f"the model returned a {type(output).__name__}{keys}, not a tensor; pass a callable "
                "target that picks one number per example, for instance target=lambda output: "
                "output[...][:, 0]"
            )
        output = logits
    if output.is_complex():
        raise TargetError(
            "the model's output is complex; pass a callable target, e.g. lambda z: z.real[:, 0]"
        )
    return output


def _integers(values: Sequence[Any], target: Any) -> tuple[int, ...]:
    try:
        numbers = tuple(int(v) for v in values)
    except (TypeError, ValueError):
        numbers = ()
    if not numbers or any(isinstance(v, bool) or n != v for v, n in zip(values, numbers, strict=True)):
        raise TargetError(f"target={_short(target)} is not made of integers; expected {_FORMS}")
    return numbers


def _example_of(shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return f"0 … {shape[0] - 1}"
    return repr((0,) * len(shape))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
