"""Do two tensors share memory?"""

from __future__ import annotations

import torch
from torch import Tensor


def overlap(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors of one storage share at least one element.

    Args:
        a: A strided tensor.
        b: Another view of the same storage, of the same element size.
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


def _last(a: Tensor) -> int:
    """Offset of the last element in the storage."""
    return a.storage_offset() + sum((n - 1) * s for n, s in zip(a.shape, a.stride(), strict=True))
