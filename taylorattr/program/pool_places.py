"""Which elements of its input each output of a max-pooling chooses from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from taylorattr.program.kink_table import windows


def pool_places(name: str, arguments: dict[str, Any], sizes: Sequence[int], out: Sequence[int]) -> Tensor:
    """Return the flat positions of the candidates of every output of a max-pooling.

    Args:
        name: ``max_pool2d_with_indices`` and its relatives, or ``adaptive_max_pool2d`` and its.
        arguments: The operation's arguments by name.
        sizes: Spatial shape of the input.
        out: Spatial shape of the output.

    Returns:
        Shape (number of outputs, largest window), int64, in the order of the window; places in the padding
        repeat the first candidate of the window, so that the first of equal ones stays so.
    """
    adaptive = name.startswith("adaptive")
    places = adaptive_places(sizes, out) if adaptive else _sliding(arguments, sizes, out)
    first = torch.where(places < 0, torch.iinfo(places.dtype).max, places).amin(1, keepdim=True)
    return torch.where(places < 0, first, places)


def _sliding(a: dict[str, Any], sizes: Sequence[int], out: Sequence[int]) -> Tensor:
    count = torch.Size(sizes).numel()
    grid = torch.arange(count, dtype=torch.float64).reshape(1, *sizes)
    found = windows(grid, out, a["kernel_size"], a["stride"], a["padding"], a["dilation"])
    found = found.reshape(torch.Size(out).numel(), -1)
    return torch.where(torch.isinf(found), -1.0, found).long()


def adaptive_places(sizes: Sequence[int], out: Sequence[int]) -> Tensor:
    """Return the flat positions of the candidates of every output of an adaptive pool.

    Window i runs from ⌊iN/O⌋ to ⌈(i+1)N/O⌉.

    Args:
        sizes: Spatial shape of the input, N along each dimension.
        out: Spatial shape of the output, O along each.

    Returns:
        Shape (number of outputs, largest window), int64; −1 where a window is smaller than the largest.
    """
    places = torch.zeros(1, 1, dtype=torch.int64)
    for size, count in zip(sizes, out, strict=True):
        step = torch.arange(count)
        start, stop = step * size // count, -(-(step + 1) * size // count)
        along = start[:, None] + torch.arange(int((stop - start).max()))
        along = torch.where(along < stop[:, None], along, -1)
        outer, inner = places[:, None, :, None], along[None, :, None, :]
        joined = torch.where((outer < 0) | (inner < 0), -1, outer * size + inner)
        places = joined.reshape(len(places) * count, -1)
    return places
