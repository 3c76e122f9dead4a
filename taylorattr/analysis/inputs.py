"""Inputs, baselines and references: from what users pass to checked tensors that fit together."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import Baselines, Tensors
from taylorattr.errors import DtypeError, NonFiniteError, ShapeError

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


def held_integers(inputs: Tensors) -> dict[int, Tensor]:
    """Return the integer inputs, by place, beside floating-point ones; {} where all are of a kind."""
    parts = inputs if isinstance(inputs, tuple) else ()
    integer = {
        i: part
        for i, part in enumerate(parts)
        if isinstance(part, Tensor) and not part.dtype.is_floating_point
    }
    mixed = any(isinstance(part, Tensor) and part.is_floating_point() for part in parts)
    return {} if not mixed or any(part.is_complex() for part in integer.values()) else integer


def without_held(given: Any, held: Mapping[int, Tensor], name: str) -> Any:
    """Return baselines, references or vectors for the inputs that move, out of one entry for each input.

    Args:
        given: What the user passed; what is no tuple stays as it is.
        held: The inputs that are held, by place.
        name: The argument's name, for messages.

    Raises:
        ShapeError: If it is a tuple with another number of entries than there are inputs.
        DtypeError: If it would move a held input.
    """
    if not held or not isinstance(given, tuple):
        return given
    for place, x in held.items():
        part: Any = given[place] if place < len(given) else None
        same = isinstance(part, Tensor) and part.shape == x.shape and bool((part.to(x.device) == x).all())
        if not (part is None or same):
            raise DtypeError(
                f"{name}[{place}] would move inputs[{place}], which is {x.dtype}: along integers there is no "
                f"derivative. Pass None in its place to hold it at the input, or use ta.harsanyi, shapley, "
                "occlusion_1 or occlusion_patch, which replace integers by those of a baseline"
            )
    return tuple(part for place, part in enumerate(given) if place not in held)


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
    if not tensor.is_floating_point() or math.isfinite(tensor.sum()):
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
