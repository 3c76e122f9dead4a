"""Run a user's function without leaving a trace (module state, random state), and with unfused kernels."""

from __future__ import annotations

import ctypes
import random
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.backends import cudnn, mha, mkldnn
from torch.nn.attention import SDPBackend, sdpa_kernel

_LOCK = threading.RLock()
"""Held while generators are guarded: of two guarded blocks at once each would put the other's draws back."""


@dataclass
class Draws:
    """Whether a guarded block drew random numbers; known when it has ended."""

    happened: bool = False


@contextmanager
def preserved_rng() -> Generator[Draws, None, None]:
    """Run a block and put the global generators of torch, numpy and Python back, whatever happens in it.

    CUDA generators are looked at only when CUDA has been initialised.

    Yields:
        What says, after the block, whether a generator moved in it.
    """
    draws = Draws()
    with _LOCK:
        before = rng_state()
        try:
            yield draws
        finally:
            draws.happened = not _equal(before, rng_state())
            if draws.happened:
                _set_rng_state(before)


def rng_state() -> dict[str, Any]:
    """Return the states of the global generators."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {
        "torch": [torch.get_rng_state(), *cuda],
        "numpy": _numpy_state(),
        "python": random.getstate(),
    }


_LAST_SEEN: dict[bytes, Any] = {}
"""What lay in the memory of numpy's generator when it was last asked -> its state."""


def _numpy_state() -> Any:
    """Return the state of numpy's global generator.

    numpy copies it number by number, which takes longer than a small network; so it is asked only where the
    624 numbers and the place among them that lie in memory have changed since. One normal number may wait
    beside them (``has_gauss``): it can be drawn without moving them, but comes only with them, unless a state
    is put back; so a state with one is never kept, and none once a state was put back here.
    """
    generator = np.random.get_bit_generator()  # pyright: ignore[reportAttributeAccessIssue]
    if not isinstance(generator, np.random.MT19937):  # the user's choice, of another size in memory
        return np.random.get_state(legacy=False)
    memory = ctypes.string_at(generator.ctypes.state_address, 625 * 4)
    state: Any = _LAST_SEEN.get(memory)
    if state is None:
        state = np.random.get_state(legacy=False)
        numbers = state["state"]["key"].tobytes() + np.int32(state["state"]["pos"]).tobytes()
        if memory == numbers and not state["has_gauss"]:
            _LAST_SEEN.clear()
            _LAST_SEEN[memory] = state
    return state


def _equal(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return (
        a["python"] == b["python"]
        and len(a["torch"]) == len(b["torch"])
        and all(torch.equal(s, t) for s, t in zip(a["torch"], b["torch"], strict=True))
        and (a["numpy"] is b["numpy"] or _equal_in_numpy(a["numpy"], b["numpy"]))
    )


def _equal_in_numpy(a: Any, b: Any) -> bool:
    return (
        a["has_gauss"] == b["has_gauss"]
        and a["state"]["pos"] == b["state"]["pos"]
        and np.array_equal(a["state"]["key"], b["state"]["key"])
    )


def _set_rng_state(state: dict[str, Any]) -> None:
    cpu, *cuda = state["torch"]
    torch.set_rng_state(cpu)
    for device, device_state in enumerate(cuda):
        torch.cuda.set_rng_state(device_state, device)
    np.random.set_state(state["numpy"])
    _LAST_SEEN.clear()
    random.setstate(state["python"])


@contextmanager
def untouched(module: nn.Module | None) -> Generator[None, None, None]:
    """Restore a module's attributes and buffers, and every random state, on leaving.

    A forward may count its calls, update running statistics or rebind an attribute to a tensor that
    only exists while recording. Buffers are copied, parameters are not (a forward that writes to its
    parameters is beyond this).

    Args:
        module: The module that runs, or None.

    Yields:
        Nothing.
    """
    with preserved_rng(), kept_state(module):
        yield


@contextmanager
def kept_state(module: nn.Module | None) -> Generator[None, None, None]:
    """Restore a module's attributes and buffers on leaving; see `untouched`.

    Args:
        module: The module that runs, or None.

    Yields:
        Nothing.
    """
    parts = (
        [m for m in module.modules() if not isinstance(m, torch.jit.ScriptModule)]
        if module is not None
        else []
    )
    attributes = [(m, dict(vars(m)), dict(m._parameters), dict(m._buffers)) for m in parts]
    buffers: list[tuple[Tensor, Tensor]] = []
    if module is not None:
        buffers = [(b, b.detach().clone()) for b in module.buffers()]
    try:
        yield
    finally:
        for part, names, parameters, tensors in attributes:
            for name in [n for n in vars(part) if n not in names]:
                del vars(part)[name]
            vars(part).update(names)
            part._parameters.clear()
            part._parameters.update(parameters)
            part._buffers.clear()
            part._buffers.update(tensors)
        with torch.no_grad():
            for buffer, saved in buffers:
                if not torch.equal(buffer, saved):
                    buffer.copy_(saved)


class _SharedSwitch:
    """A switch of the whole process that stays thrown while any thread needs it.

    Threads that each saved and restored it would leave it thrown: the second saves what the first has set.

    Args:
        throw: Makes the context that throws the switch on entry and puts it back on leaving.
    """

    def __init__(self, throw: Callable[[], AbstractContextManager[None]]) -> None:
        self._throw, self._lock = throw, threading.Lock()
        self._users, self._thrown = 0, ExitStack()

    @contextmanager
    def __call__(self) -> Generator[None, None, None]:
        """Keep the switch thrown while the context is open."""
        with self._lock:
            if not self._users:
                self._thrown.enter_context(self._throw())
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._thrown.close()


@contextmanager
def _attention_written_out() -> Generator[None, None, None]:
    fastpath = mha.get_fastpath_enabled()
    try:
        mha.set_fastpath_enabled(False)
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        mha.set_fastpath_enabled(fastpath)


@contextmanager
def _cells_written_out() -> Generator[None, None, None]:
    onednn_on, cudnn_on = mkldnn.enabled, cudnn.enabled
    try:
        mkldnn.enabled = False
        cudnn.enabled = False
        yield
    finally:
        mkldnn.enabled = onednn_on
        cudnn.enabled = cudnn_on


_ATTENTION = _SharedSwitch(_attention_written_out)
_CELLS = _SharedSwitch(_cells_written_out)


@contextmanager
def unfused(recurrent: bool = True) -> Generator[None, None, None]:
    """Attention as matrix products and softmax, no oneDNN or cuDNN recurrent cells, no fused encoder layers.

    The switches are restored when the last thread leaves, also after an exception. They belong to the
    process: other threads run unfused kernels (the same numbers up to rounding, more slowly) meanwhile.

    Args:
        recurrent: Whether recurrent layers may run, so that oneDNN and cuDNN must be off altogether: their
            convolutions, which are the fast ones, too.

    Yields:
        Nothing.
    """
    with _ATTENTION(), _CELLS() if recurrent else nullcontext():
        yield
