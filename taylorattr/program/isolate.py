"""Run a user's function without leaving a trace (module state, random state), and with unfused kernels."""

from __future__ import annotations

import random
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.backends import cudnn, mha, mkldnn
from torch.nn.attention import SDPBackend, sdpa_kernel


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
    with kept_randomness(), kept_state(module):
        yield


@contextmanager
def kept_randomness() -> Generator[None, None, None]:
    """Restore every random state on leaving.

    Yields:
        Nothing.
    """
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)


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
            _restore(part._parameters, parameters)
            _restore(part._buffers, tensors)
        with torch.no_grad():
            for buffer, saved in buffers:
                if not torch.equal(buffer, saved):
                    buffer.copy_(saved)


def _restore(mapping: dict, saved: dict) -> None:
    mapping.clear()
    mapping.update(saved)


@contextmanager
def unfused(recurrent: bool = True) -> Generator[None, None, None]:
    """Attention as matrix products and softmax, no oneDNN or cuDNN recurrent cells, no fused encoder layers.

    The switches are restored on leaving, also after an exception. They belong to the process: other
    threads run unfused kernels (the same numbers up to rounding, more slowly) while the context is open.

    Args:
        recurrent: Whether recurrent layers may run, so that oneDNN and cuDNN must be off altogether: their
            convolutions, which are the fast ones, too.

    Yields:
        Nothing.
    """
    fastpath, onednn_on, cudnn_on = mha.get_fastpath_enabled(), mkldnn.enabled, cudnn.enabled
    try:
        mha.set_fastpath_enabled(False)
        if recurrent:
            mkldnn.enabled = False
            cudnn.enabled = False
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        mha.set_fastpath_enabled(fastpath)
        mkldnn.enabled = onednn_on
        cudnn.enabled = cudnn_on
