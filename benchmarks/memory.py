"""Peak memory of a computation beyond what existed before it.

Counted is what torch's allocator hands out on the CPU (every allocation and release, those inside kernels
included, as the profiler reports them), plus what Python and NumPy allocate (tracemalloc). The two are
measured in separate runs and their peaks added, which can only overstate the sum. Not counted: memory that
other native libraries take for themselves.
"""

from __future__ import annotations

import contextlib
import gc
import os
import tracemalloc
from collections.abc import Generator
from itertools import accumulate

from torch.profiler import ProfilerActivity, profile

from benchmarks.contest import Computation


@contextlib.contextmanager
def without_native_messages() -> Generator[None]:
    """Keep what the profiler's native code writes to standard error off the screen."""
    # native code writes to the file descriptor, so replacing sys.stderr would not do
    standard_error = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)


def torch_peak(computation: Computation) -> int:
    """Return the peak bytes held from torch's CPU allocator while the computation runs."""
    gc.collect()
    watch = profile(activities=[ProfilerActivity.CPU], profile_memory=True)
    with without_native_messages(), watch as recorded:
        computation()
    if recorded.profiler is None or recorded.profiler.kineto_results is None:
        return 0
    events = recorded.profiler.kineto_results.events()
    changes = sorted(
        (event.start_ns(), event.nbytes())  # pyright: ignore[reportAttributeAccessIssue]  # the stub lacks it
        for event in events
        if event.name() == "[memory]"
    )
    return max(accumulate((change for _, change in changes), initial=0))


def python_peak(computation: Computation) -> int:
    """Return the peak bytes allocated by Python and NumPy while the computation runs."""
    gc.collect()
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        computation()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before


def peak(computation: Computation) -> int:
    """Return the peak bytes of torch's allocator plus those of Python and NumPy."""
    return torch_peak(computation) + python_peak(computation)
