"""How much memory a computation may plan with."""

from __future__ import annotations

import os

SHARE = 0.5
"""Part of the free memory a table or a block of work may take."""


def available() -> int:
    """Return the bytes a computation may plan with: half of what the machine has free."""
    return int(SHARE * _free())


def _free() -> int:
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
        return 4 * 2**30  # no way to ask: assume a small machine
