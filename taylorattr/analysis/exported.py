"""Programs of torch.export: their mode is built in, and a literal batch size has to be filled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

from taylorattr.errors import ShapeError


def is_exported(module: nn.Module) -> bool:
    """Return whether this is the module of an exported program, whose mode is built in."""
    return bool(exported_input_shapes(module))


def exported_input_shapes(module: nn.Module) -> list[tuple[Any, ...]]:
    """Return the input shapes an exported graph carries; sizes that may vary are symbols."""
    if not isinstance(module, fx.GraphModule):
        return []
    values = [node.meta.get("val") for node in module.graph.nodes if node.op == "placeholder"]
    return [tuple(value.shape) for value in values if isinstance(value, Tensor)]


def fixed_batch_size(module: nn.Module) -> int | None:
    """Return the batch size an exported program insists on, None if it takes any."""
    sizes = [shape[0] for shape in exported_input_shapes(module) if len(shape)]
    return next((size for size in sizes if type(size) is int), None)


def in_fixed_batches(function: Callable[..., Any], size: int) -> Callable[..., Tensor]:
    """Return a function of any number of rows that calls `function` on exactly `size` of them at a time.

    The last batch is filled up with copies of its last row, whose outputs are dropped. Tensors whose leading
    size is the number of rows are split, other arguments passed on.

    Raises:
        ShapeError: When called, if the output is not a tensor with one row per row.
    """

    def run(*args: Any) -> Tensor:
        rows = len(args[0])
        outputs = []
        for start in range(0, rows, size):
            used = min(size, rows - start)
            place = torch.arange(start, start + size, device=args[0].device).clamp_max(rows - 1)
            batch = [a[place] if isinstance(a, Tensor) and a.ndim and len(a) == rows else a for a in args]
            output = function(*batch)
            if not isinstance(output, Tensor) or output.ndim == 0 or len(output) != size:
                raise ShapeError(
                    f"a program exported for batches of {size} must return one tensor with {size} rows; "
                    "export it with a dynamic batch dimension (torch.export.Dim)"
                )
            outputs.append(output[:used])
        return torch.cat(outputs)

    return run
