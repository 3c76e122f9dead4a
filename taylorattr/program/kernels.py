"""Unfused kernels while a model is recorded, so that the tape sees elementary operations."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from torch.backends import cudnn, mha, mkldnn
from torch.nn.attention import SDPBackend, sdpa_kernel


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
