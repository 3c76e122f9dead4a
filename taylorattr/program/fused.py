"""Which normalisation kernels a function runs whose derivatives cannot be trusted from order 3."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten

NORMS = frozenset(
    {
        aten.native_layer_norm.default,
        aten._fused_rms_norm.default,
        aten.native_group_norm.default,
        aten.native_batch_norm.default,
        aten._native_batch_norm_legit.default,
        aten._native_batch_norm_legit.no_stats,
        aten._native_batch_norm_legit_no_training.default,
    }
)


def fused_norms(function: Callable[..., Any], inputs: Sequence[Tensor]) -> list[str]:
    """Run a function once and return the names of the fused normalisation operations it uses, sorted."""
    with torch.no_grad(), _Names() as seen:
        function(*inputs)
    return sorted(seen.names)


class _Names(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in NORMS:
            self.names.add(str(func))
        return func(*args, **(kwargs or {}))
