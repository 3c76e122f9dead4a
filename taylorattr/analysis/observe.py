"""What a model call does inside: widest intermediate tensor, loss of floating precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


@dataclass(frozen=True)
class Observation:
    """What was seen during one call.

    Attributes:
        widest: Bytes of the largest tensor any operation returned.
        total: Bytes of all tensors operations returned.
        operations: Names of the torch functions called.
        lowered_by: Name of the first operation that turned a floating tensor into a coarser dtype, else "".
        lowest: The dtype it gave; None if there was no such operation.
        result: What the call returned.
    """

    widest: int
    total: int
    operations: frozenset[str]
    lowered_by: str
    lowest: torch.dtype | None
    result: Any


def observe(call: Callable[[], Any]) -> Observation:
    """Run a call and watch the torch functions in it; scripted code is seen from outside only."""
    with _Watch() as watch:
        result = call()
    return Observation(
        watch.widest, watch.total, frozenset(watch.operations), watch.lowered_by, watch.lowest, result
    )


class _Watch(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.widest = self.total = 0
        self.operations: set[str] = set()
        self.lowered_by = ""
        self.lowest: torch.dtype | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", str(func))
        self.operations.add(name)
        written = args[:1] if name in ("__setitem__", "copy_") else ()
        with torch._C.DisableTorchFunction():
            finest = min((_coarseness(a) for a in args), default=0.0)
            for part in (*result, *written) if isinstance(result, (tuple, list)) else (result, *written):
                if not isinstance(part, Tensor):
                    continue
                size = part.numel() * part.element_size()
                self.widest, self.total = max(self.widest, size), self.total + size
                if not self.lowered_by and finest < _coarseness(part) < float("inf"):
                    self.lowered_by, self.lowest = name, part.dtype
        return result


def _coarseness(value: Any) -> float:
    floating = isinstance(value, Tensor) and value.is_floating_point()
    return torch.finfo(value.dtype).eps if floating else float("inf")
