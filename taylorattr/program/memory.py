"""Which elements two views of one memory share."""

from __future__ import annotations

import torch
from torch import Tensor


def overlap(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors of one storage share at least one element.

    Args:
        a: A strided tensor.
        b: Another view of the same storage, of the same element size.

    Returns:
        True if writing one changes the other.
    """
    if a.numel() == 0 or b.numel() == 0:
        return False
    last_a, last_b = _last(a), _last(b)
    if a.storage_offset() > last_b or b.storage_offset() > last_a:
        return False
    if a.element_size() != b.element_size():
        return True
    touched = torch.zeros(max(last_a, last_b) + 1, dtype=torch.bool)
    touched.as_strided(a.shape, a.stride(), a.storage_offset()).fill_(True)
    return bool(touched.as_strided(b.shape, b.stride(), b.storage_offset()).any())


def written_places(tensor: Tensor, written: Tensor) -> Tensor:
    """Where the elements of a tensor are found after another view of its memory was written.

    Args:
        tensor: A strided tensor.
        written: A view of the same storage and dtype.

    Returns:
        Positions, shape (tensor.numel(),), in the concatenation of the tensor's old elements and the
        written ones, both in row-major order.
    """
    size = max(_last(tensor), _last(written)) + 1
    places = torch.full((size,), -1)
    places.as_strided(written.shape, written.stride(), written.storage_offset()).copy_(
        torch.arange(written.numel()).reshape(written.shape) + tensor.numel()
    )
    places = places.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset()).reshape(-1)
    return torch.where(places < 0, torch.arange(tensor.numel()), places).to(tensor.device)


def read_places(tensor: Tensor, view: Tensor) -> Tensor:
    """Where the elements of a view are found in another tensor of the same storage and dtype.

    Args:
        tensor: A strided tensor.
        view: Any view of its storage.

    Returns:
        Flat positions in row-major order, shaped like the view; −1 where the tensor does not hold an element.
    """
    size = max(_last(tensor), _last(view)) + 1
    places = torch.full((size,), -1)
    places.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset()).copy_(
        torch.arange(tensor.numel()).reshape(tensor.shape)
    )
    return places.as_strided(view.shape, view.stride(), view.storage_offset()).clone().to(tensor.device)


def _last(a: Tensor) -> int:
    """Offset of the last element in the storage."""
    return int(a.storage_offset()) + sum((n - 1) * s for n, s in zip(a.shape, a.stride(), strict=True))
