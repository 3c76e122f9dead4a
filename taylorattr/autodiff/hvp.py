"""Hessian-vector products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from taylorattr.aliases import AnyTarget, Tensors
from taylorattr.autodiff.curvature import Curvature
from taylorattr.autodiff.game import bind_point, blocks
from taylorattr.autodiff.inputs import require_finite
from taylorattr.errors import OptionError, ShapeError

_ROWS = 64


def hvp(
    model: Callable[..., Any],
    inputs: Tensors,
    vectors: Tensors,
    *,
    target: AnyTarget = None,
    additional_forward_args: Any = None,
    dtype: torch.dtype | None = torch.float64,
    internal_batch_size: int | None = None,
) -> Tensors:
    """Return ∇²f(x_e) v_e of each example without forming the Hessian (reverse over reverse).

    Args:
        model: Module or callable on torch tensors; never changed.
        inputs: Floating-point tensor (B, …) or tuple of them.
        vectors: Directions, structured like the inputs, each (B, …) or (1, …).
        target: Captum's TargetType or a callable output -> (B,).
        additional_forward_args: What the model takes after the inputs.
        dtype: Dtype of the analysis; None keeps the model's own.
        internal_batch_size: Examples per pass; None: 64.

    Returns:
        Structured and shaped like the inputs, in the analysis dtype, in units of [f][v]/[x]². For a piecewise
        linear network it is zero: what happens at the kinks shows in ta.harsanyi.

    Raises:
        ShapeError: If the vectors do not fit the inputs.
        OptionError: If internal_batch_size is below 1.

    Further errors are those of `bind`. Cost: about two gradients. Attention works on CPU.

    Source: Pearlmutter (1994), "Fast exact multiplication by the Hessian".
    """
    if internal_batch_size is not None and internal_batch_size < 1:
        raise OptionError(f"internal_batch_size={internal_batch_size}; expected a positive integer or None")
    scalar, x = bind_point(
        model, inputs, target=target, additional_forward_args=additional_forward_args, dtype=dtype
    )
    parts = vectors if isinstance(vectors, tuple) else (vectors,)
    if len(parts) != len(x):
        raise ShapeError(f"{len(parts)} vectors for {len(x)} input tensors; expected one for each")
    directions = []
    for part, point in zip(parts, x, strict=True):
        if part.ndim != point.ndim or part.shape[1:] != point.shape[1:] or len(part) not in (1, len(point)):
            raise ShapeError(
                f"vectors have shape {tuple(part.shape)}; expected {tuple(point.shape)} or "
                f"{(1, *point.shape[1:])}, like the inputs"
            )
        require_finite(part, "vectors")
        directions.append(part.detach().to(point).expand(point.shape))
    with torch.inference_mode(False):
        pieces = []
        for block in blocks(scalar.batch, internal_batch_size or _ROWS):
            rows = Curvature(scalar, tuple(p[block] for p in x), torch.arange(block.start, block.stop))
            pieces.append(rows.reverse(tuple(d[block][None] for d in directions)))
    result = tuple(torch.cat([piece[i][0] for piece in pieces]) for i in range(len(x)))
    return result if isinstance(inputs, tuple) else result[0]
