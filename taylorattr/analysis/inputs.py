"""Inputs, baselines, references and targets: from what users pass to checked tensors that fit together.

The target says which number of the model's output is analysed: captum's target forms, or a callable.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Baselines, Tensors
from taylorattr.errors import DtypeError, NonFiniteError, ShapeError, TargetError, TaylorAttrError

_REMEDY = (
    "derivative methods need floating-point inputs. For numbers, pass x.float(); for token ids, pass their "
    "embeddings as inputs (a callable that starts after the embedding layer), or use ta.harsanyi, shapley, "
    "occlusion_1, occlusion_patch or audit with an explicit integer baseline"
)


def input_tuple(inputs: Tensors) -> tuple[Tensor, ...]:
    """Return inputs as a tuple of tensors (B, …).

    Raises:
        ShapeError: If there is no tensor, something is not a tensor, a batch dimension is missing, batch
            sizes differ, the batch is empty or an example has no elements.
        DtypeError: If an input is complex.
        NonFiniteError: If a value is NaN or infinite.
    """
    parts = inputs if isinstance(inputs, tuple) else (inputs,)
    if not parts:
        raise ShapeError("inputs is an empty tuple; expected a tensor (B, …) or a tuple of them")
    for i, part in enumerate(parts):
        name = _name("inputs", i, len(parts))
        if not isinstance(part, Tensor):
            raise ShapeError(
                f"{name} is a {type(part).__name__}; expected a torch tensor with a batch dimension "
                "(torch.as_tensor(…)), or a tuple of tensors"
            )
        require_plain(part, name)
        if part.ndim == 0:
            raise ShapeError(f"{name} has no batch dimension (shape ()); expected (B, …): x.reshape(1, 1)")
        if part.is_complex():
            raise DtypeError(f"{name} is {part.dtype}; pass real and imaginary parts as real inputs")
    sizes = [part.shape[0] for part in parts]
    if len(set(sizes)) > 1:
        raise ShapeError(
            f"inputs have different batch sizes {sizes}; expected the same first dimension in all"
        )
    if sizes[0] == 0:
        raise ShapeError(
            f"inputs of shape {tuple(parts[0].shape)} are an empty batch; pass at least one example"
        )
    if sum(part[0].numel() for part in parts) == 0:
        raise ShapeError(
            f"inputs of shape {tuple(parts[0].shape)} have no elements to explain; expected at least "
            "one number per example"
        )
    for i, part in enumerate(parts):
        require_finite(part, _name("inputs", i, len(parts)))
    return parts


def require_plain(tensor: Tensor, name: str) -> None:
    """Refuse tensors that are no dense array of numbers, with the way to make them one.

    Raises:
        DtypeError: If it is quantised.
        ShapeError: If it is sparse, nested or on the meta device.
    """
    if tensor.is_nested:
        raise ShapeError(
            f"{name} is a nested tensor; expected one of equal rows: "
            "torch.nested.to_padded_tensor(tensor, 0.0), with a mask in additional_forward_args"
        )
    if tensor.layout != torch.strided:
        layout = str(tensor.layout).removeprefix("torch.")
        raise ShapeError(f"{name} has the layout {layout}; expected a dense tensor: pass tensor.to_dense()")
    if tensor.is_quantized:
        raise DtypeError(f"{name} is {tensor.dtype}; expected plain numbers: pass tensor.dequantize()")
    if tensor.device.type == "meta":
        raise ShapeError(f"{name} is on the meta device and holds no numbers; pass a tensor with values")


def require_floating(inputs: tuple[Tensor, ...]) -> None:
    """Refuse integer inputs, naming the remedy.

    Raises:
        DtypeError: If an input is not floating-point.
    """
    for i, part in enumerate(inputs):
        if not part.is_floating_point():
            raise DtypeError(f"{_name('inputs', i, len(inputs))} is {part.dtype}; {_REMEDY}")


A_SET = "; for a set of R baselines, repeat each example R times, one baseline a row, and average the rows"
"""What to do with a reference set where a call takes one baseline per example."""


def baseline_tuple(
    baselines: Baselines, inputs: tuple[Tensor, ...], a_set: str = A_SET
) -> tuple[Tensor, ...]:
    """Return baselines as tensors with the shapes (B, …) and dtypes of the inputs.

    Args:
        baselines: None (zeros), a number, a tensor (1, …) or (B, …), or a tuple of these, one per input.
        inputs: Tensors (B, …).
        a_set: What the message says to one who passes a reference set.

    Raises:
        ShapeError: If a baseline's shape is neither (1, …) nor (B, …), or there is not one per input.
        DtypeError: If integer inputs come without an explicit integer baseline.
        NonFiniteError: If a value is NaN or infinite.
    """
    if isinstance(baselines, tuple):
        if len(baselines) != len(inputs):
            raise ShapeError(
                f"{len(baselines)} baselines for {len(inputs)} input tensors; expected one for each"
            )
        parts: tuple[Any, ...] = baselines
    elif isinstance(baselines, Tensor) and len(inputs) > 1:
        raise ShapeError(
            f"baselines is one tensor for {len(inputs)} input tensors; expected a tuple with one for each"
        )
    else:
        parts = (baselines,) * len(inputs)
    result = []
    for i, (part, x) in enumerate(zip(parts, inputs, strict=True)):
        baseline = _fitting_baseline(part, x, _name("baselines", i, len(inputs)), a_set)
        require_finite(baseline, _name("baselines", i, len(inputs)))
        result.append(baseline)
    return tuple(result)


def require_finite(tensor: Tensor, name: str) -> None:
    """Refuse NaN and infinity.

    Raises:
        NonFiniteError: Names the tensor, the example and the first bad element.
    """
    if not tensor.is_floating_point() or bool(torch.isfinite(tensor.sum())):
        return  # one pass; large finite entries may overflow in it
    if bool(torch.isfinite(tensor).all()):
        return
    bad = (~torch.isfinite(tensor)).nonzero()
    first = tuple(bad[0].tolist())
    value = float(tensor[first])
    raise NonFiniteError(
        f"{name} holds {value} in example {first[0]} at index {list(first[1:])} ({len(bad)} such entries "
        "in all); expected finite numbers: drop or impute these entries"
    )


def _fitting_baseline(baseline: Any, x: Tensor, name: str, a_set: str) -> Tensor:
    """Return the baseline of one input tensor with its shape and dtype; a view where rows are shared."""
    integral = not x.is_floating_point()
    if isinstance(baseline, np.ndarray):
        baseline = torch.as_tensor(baseline)
    if isinstance(baseline, Tensor):
        require_plain(baseline, name)
        baseline = _broadcast(baseline, x)
        if (
            baseline.ndim != x.ndim
            or baseline.shape[1:] != x.shape[1:]
            or baseline.shape[0] not in (1, len(x))
        ):
            hint = ""
            if baseline.shape == x.shape[1:]:
                hint = "; add the batch dimension: baseline.unsqueeze(0)"
            elif baseline.ndim == x.ndim and baseline.shape[1:] == x.shape[1:]:
                hint = a_set
            raise ShapeError(f"{name} has shape {tuple(baseline.shape)}; expected {_shapes(x)}{hint}")
        if integral and (baseline.is_floating_point() or baseline.is_complex()):
            raise DtypeError(f"{name} is {baseline.dtype} for inputs of {x.dtype}; {_explicit(x)}")
        if baseline.is_complex():
            raise DtypeError(f"{name} is {baseline.dtype}; expected real numbers")
        return baseline.detach().to(device=x.device, dtype=x.dtype).expand(x.shape)
    if baseline is None:
        if integral:
            raise DtypeError(f"{name} is None for inputs of {x.dtype}; {_explicit(x)}")
        baseline = 0.0
    if not isinstance(baseline, numbers.Real):
        raise ShapeError(
            f"{name} is a {type(baseline).__name__}; expected None, a number, a tensor "
            f"{_shapes(x)}, or a tuple with one of these per input tensor"
        )
    if integral and not isinstance(baseline, numbers.Integral):
        raise DtypeError(f"{name} is {baseline!r} for inputs of {x.dtype}; {_explicit(x)}")
    value: float = int(float(baseline)) if integral else float(baseline)
    if not integral and math.isfinite(value) and abs(value) > torch.finfo(x.dtype).max:
        raise NonFiniteError(
            f"{name} is {value:g}, beyond the largest number of {x.dtype}, the dtype of the inputs; choose a "
            "smaller baseline or pass inputs.double()"
        )
    return torch.full((1,) * x.ndim, value, dtype=x.dtype, device=x.device).expand(x.shape)


def _broadcast(baseline: Tensor, x: Tensor) -> Tensor:
    """Return a baseline spread over missing leading and size-one dimensions; as it is where it does not fit.

    So (C, 1, 1) and (1, C, 1, 1) are one number per channel, and the shape of one example is one row for all.
    A 1-d tensor goes along the last dimension, as in numpy, also where it is as long as the batch.
    """
    if not 0 < baseline.ndim <= x.ndim:
        return baseline
    full = baseline.reshape((1,) * (x.ndim - baseline.ndim) + tuple(baseline.shape))
    fits = all(have in (1, want) for have, want in zip(full.shape[1:], x.shape[1:], strict=True))
    return full.expand(len(full), *x.shape[1:]) if fits and len(full) in (1, len(x)) else baseline


def _shapes(x: Tensor) -> str:
    """Return the shapes a tensor that goes with x may have, in words."""
    one = (1, *x.shape[1:])
    return f"{one}" if len(x) == 1 else f"{one} or {tuple(x.shape)}"


def _explicit(x: Tensor) -> str:
    return (
        "integer inputs need an explicit integer baseline, for instance the padding or mask token: "
        f"baselines=torch.full({tuple(x.shape)}, pad_id)"
    )


def _name(stem: str, i: int, count: int) -> str:
    return stem if count == 1 else f"{stem}[{i}]"


def reference_tuple(references: Any, inputs: tuple[Tensor, ...], name: str) -> tuple[Tensor, ...]:
    """Return a reference set as tensors (R, …) that fit the inputs.

    Args:
        references: Tensor (R, …), tuple of them, a number or None (one reference of zeros).
        inputs: Tensors (B, …).
        name: The argument's name, for messages.

    Returns:
        Tensors (R, …) in the dtype and on the device of the inputs.

    Raises:
        ShapeError: If the shapes do not fit, or there is no row.
        DtypeError: If a reference of integer inputs is not an integer tensor.
        NonFiniteError: If a value is NaN or infinite.
    """
    parts = references if isinstance(references, tuple) else (references,)
    if len(parts) == 1 and len(inputs) > 1 and not isinstance(parts[0], Tensor):
        parts = parts * len(inputs)
    if len(parts) != len(inputs):
        raise ShapeError(
            f"{name}: {len(parts)} tensors for {len(inputs)} input tensors; expected one for each"
        )
    sets = tuple(_fitting_references(part, x, name) for part, x in zip(parts, inputs, strict=True))
    sizes = {len(part) for part in sets if len(part) > 1}
    rows = max(sizes, default=1)
    if len(sizes) > 1:
        raise ShapeError(f"{name} have {sorted(sizes)} rows in their tensors; expected the same R in all")
    return tuple(part.expand(rows, *part.shape[1:]) for part in sets)


def stand_in(rows: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return one baseline (1, …) for a set: its mean, of integers the first row."""
    return tuple(r.mean(0, keepdim=True) if r.is_floating_point() else r[:1] for r in rows)


def _fitting_references(part: Any, x: Tensor, name: str) -> Tensor:
    """Return the references of one input tensor, (R, …), in its dtype."""
    shape = tuple(x.shape[1:])
    if part is None or isinstance(part, (int, float)):
        if not x.is_floating_point() and not isinstance(part, int):
            raise DtypeError(f"{name} is {part!r} for inputs of {x.dtype}; pass an integer tensor (R, …)")
        return torch.full((1, *shape), part or 0, dtype=x.dtype, device=x.device)
    if isinstance(part, np.ndarray):
        part = torch.as_tensor(part)
    if isinstance(part, Tensor):
        require_plain(part, name)
    else:
        raise ShapeError(f"{name} is a {type(part).__name__}; expected a tensor (R, {_listed(shape)})")
    if tuple(part.shape[1:]) != shape or part.ndim != x.ndim:
        hint = "; add the leading dimension: references.unsqueeze(0)" if tuple(part.shape) == shape else ""
        raise ShapeError(
            f"{name} has shape {tuple(part.shape)}; a reference set for inputs {tuple(x.shape)} has shape "
            f"(R, {_listed(shape)}), one row per reference{hint}"
        )
    if len(part) == 0:
        raise ShapeError(f"{name} has no row; pass at least one reference")
    if not x.is_floating_point() and part.is_floating_point():
        raise DtypeError(f"{name} is {part.dtype} for inputs of {x.dtype}; pass integers")
    if part.is_complex():
        raise DtypeError(f"{name} is {part.dtype}; expected real numbers")
    require_finite(part, name)
    return part.detach().to(device=x.device, dtype=x.dtype)


def _listed(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))


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

    def select(self, output: Any, examples: Tensor) -> Tensor:
        """Return the selected number of each row.

        Args:
            output: What the model returned for R rows.
            examples: Shape (R,), the example each row belongs to.

        Returns:
            Shape (R,).

        Raises:
            TargetError: If the output is not a tensor and the target is not callable; if a target is missing
                for a vector output or out of range; if a callable target does not give one number per row.
            ShapeError: If the output has no batch dimension.
        """
        rows = len(examples)
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
        return output[(torch.arange(rows, device=output.device), *picked.unbind(1))]

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
