"""What a call of a model does beside returning: to its arguments, to random generators, to precision."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from taylorattr.errors import InputMutationError


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


_LOCK = threading.RLock()  # two guarded models at once would restore each other's draws


@contextmanager
def preserved_rng() -> Generator[dict[str, Any], None, None]:
    """Run a block and put the global generators of torch, numpy and Python back, whatever happens in it.

    CUDA generators are looked at only when CUDA has been initialised.

    Yields:
        The states the block began with, as `rng_state` gives them.
    """
    with _LOCK:
        before = rng_state()
        try:
            yield before
        finally:
            if not _equal(before, rng_state()):
                _restore(before)


def draws_random_numbers(before: dict[str, Any]) -> bool:
    """Return whether a global generator has moved since `rng_state` gave `before`."""
    return not _equal(before, rng_state())


def rng_state() -> dict[str, Any]:
    """Return the states of the global generators."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {
        "torch": [torch.get_rng_state(), *cuda],
        "numpy": np.random.get_state(legacy=False),
        "python": random.getstate(),
    }


def _equal(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return (
        a["python"] == b["python"]
        and len(a["torch"]) == len(b["torch"])
        and all(torch.equal(s, t) for s, t in zip(a["torch"], b["torch"], strict=True))
        and a["numpy"]["has_gauss"] == b["numpy"]["has_gauss"]
        and a["numpy"]["state"]["pos"] == b["numpy"]["state"]["pos"]
        and np.array_equal(a["numpy"]["state"]["key"], b["numpy"]["state"]["key"])
    )


def _restore(state: dict[str, Any]) -> None:
    cpu, *cuda = state["torch"]
    torch.set_rng_state(cpu)
    for device, device_state in enumerate(cuda):
        torch.cuda.set_rng_state(device_state, device)
    np.random.set_state(state["numpy"])
    random.setstate(state["python"])


def require_unwritten(given: Sequence[Tensor], kept: Sequence[Tensor], versions: Sequence[int]) -> None:
    """Compare what a model was given with what it was, after the call.

    Args:
        given: Tensors the model was called with.
        kept: The same values, in memory the model cannot reach.
        versions: Version counters of `given` before the call; writes through NumPy do not move them.

    Raises:
        InputMutationError: If one of them was written to; names it.
    """
    for i, (now, before, version) in enumerate(zip(given, kept, versions, strict=True)):
        if now._version != version or not torch.equal(now, before):
            name = f"inputs[{i}]" if len(given) > 1 else "inputs"
            raise InputMutationError(
                f"the model writes to {name} (an in-place operation on its argument, such as x += 1 or "
                "ReLU(inplace=True) as first layer); make it work on a copy: x = x.clone()"
            )
