"""How much memory a computation may plan with."""

from __future__ import annotations

import functools
import math
import os
from pathlib import Path

import torch

PLANNED_SHARE = 0.5
"""Part of the free memory a table or a block of work may take; the rest is the model's and the system's."""

ASSUMED_MEMORY = 4 * 2**30
"""Bytes taken for free where the system cannot be asked: a small machine's."""


UNDISPUTED = 256 << 20
"""Bytes that any machine has."""


def available(needed: float = math.inf) -> int:
    """Return the bytes a computation may plan with: half of what the machine has free.

    Args:
        needed: Bytes it would take. Asking the system takes longer than a small analysis, so what any machine
            has is granted unasked.
    """
    if needed <= UNDISPUTED:
        return UNDISPUTED
    return int(PLANNED_SHARE * min(_free(), _allowed()))


@functools.cache
def keep_freed_blocks() -> None:
    """Let the C library hand freed blocks of up to 31 MiB out again instead of returning them to the system.

    Otherwise every call of a network maps and unmaps pages for its intermediate tensors: 13,000 to 60,000
    page faults and 10 to 25 % of the time of 2^16 small forwards. glibc raises its thresholds to the size of
    the largest mapped block freed so far, at most 32 MiB; the block allocated here is never touched, so it
    takes no memory. Thresholds stay raised, so once for a process is enough. Elsewhere this does nothing.
    """
    torch.empty(31 << 20, dtype=torch.uint8)


def _allowed() -> float:
    """Return the bytes left under the limit of a container (cgroup v2), infinite without one."""
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii")
        return math.inf if limit == "max" else max(int(limit) - int(used), 0)
    except (OSError, ValueError):
        return math.inf


def _free() -> int:
    """Return the bytes of memory that are free, half of all where the system only tells how much there is."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:  # Linux: counts reclaimable caches as free
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return ASSUMED_MEMORY
