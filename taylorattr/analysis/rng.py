"""The user's random number generators, left as they were found."""

from __future__ import annotations

import random
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

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
