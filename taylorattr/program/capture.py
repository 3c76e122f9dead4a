"""From a function to a verified program in the analysis dtype."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from taylorattr.program.norms import decompose_norms
from taylorattr.program.program import Program
from taylorattr.program.promote import promote
from taylorattr.program.record import record
from taylorattr.program.verify import NEARER, agrees, between, displaced, verify


def capture(
    function: Callable[..., Tensor],
    inputs: tuple[Tensor, ...],
    *,
    module: nn.Module | None = None,
    second_point: tuple[Tensor, ...] | None = None,
    dtype: torch.dtype | None = torch.float64,
) -> Program:
    """Record a function, check the recording at two points, and promote it.

    Normalisation layers are decomposed into elementary operations, because torch's fused ones have
    wrong derivatives from order 3. Where the function branches on values or reads scalars, a displaced
    point is checked too (the two ends may agree by symmetry), and where the recording fails at a point,
    points nearer the first decide, to one rounding: a recording that holds there holds around the captured
    point, and its notes say so.

    Args:
        function: ``function(*inputs)`` -> shape (1,), in the model's own dtype.
        inputs: The point, each tensor with batch size 1.
        module: The module whose submodules name the operations; a copy nobody else uses.
        second_point: Where the recording is checked besides; by default a fixed displacement of the
            inputs by about their own size.
        dtype: Floating dtype of the program; None keeps the function's.

    Returns:
        The program; its notes list branches, scalar reads and random operations.

    Raises:
        CaptureError: If recording fails or replay and function differ; operation, module and line are
            named.
    """
    program = record(function, inputs, module=module)
    second = second_point if second_point is not None else displaced(inputs)
    ends = [second, displaced(inputs)] if program.notes else [second]

    def nearer(end: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        if not program.notes or agrees(program, function, end, module=module):
            return end
        near = [between(inputs, end, share) for share in NEARER]
        close = (p for p in near if agrees(program, function, p, module=module, roundings=1))
        return next(close, end)

    verify(program, function, [inputs, *map(nearer, ends)], module=module)
    return decompose_norms(program if dtype is None else promote(program, dtype))
