"""Reference sets: R baselines shared by all examples."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from taylorattr.analysis.inputs import require_finite
from taylorattr.errors import DtypeError, ShapeError


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
    found = tuple(_one(part, x, name) for part, x in zip(parts, inputs, strict=True))
    sizes = {len(part) for part in found if len(part) > 1}
    rows = max(sizes, default=1)
    if len(sizes) > 1:
        raise ShapeError(f"{name} have {sorted(sizes)} rows in their tensors; expected the same R in all")
    return tuple(part.expand(rows, *part.shape[1:]) for part in found)


def stand_in(rows: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return one baseline (1, …) for a set: its mean, of integers the first row."""
    return tuple(r.mean(0, keepdim=True) if r.is_floating_point() else r[:1] for r in rows)


def _one(part: Any, x: Tensor, name: str) -> Tensor:
    shape = tuple(x.shape[1:])
    if part is None or isinstance(part, (int, float)):
        if not x.is_floating_point() and not isinstance(part, int):
            raise DtypeError(f"{name} is {part!r} for inputs of {x.dtype}; pass an integer tensor (R, …)")
        return torch.full((1, *shape), part or 0, dtype=x.dtype, device=x.device)
    if not isinstance(part, Tensor):
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
