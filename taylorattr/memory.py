"""How much memory a computation may plan with: what machine, containers and limits of the process leave."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterator
from pathlib import Path

import torch

try:
    import resource
except ImportError:  # not on Windows, where a process has no such limits
    resource = None

PLANNED_SHARE = 0.5
"""Part of the free memory a table or a block of work may take; the rest is the model's and the system's."""

ASSUMED_MEMORY = 4 * 2**30
"""Bytes taken for free where the system cannot be asked: a small machine's."""

UNDISPUTED = 32 << 20
"""Bytes that any machine and any container has: less than importing torch takes."""

KEPT_BLOCK = 31 << 20
"""Bytes of the block by which the C library learns to keep freed ones."""


def available(needed: float = math.inf) -> int:
    """Return the bytes a computation may plan with: half of what is free.

    Free is the least of the machine's free memory, what each container around the process has left (cgroups
    of both versions, nested ones too), and what the limits of the process leave (``ulimit -v`` and ``-d``).

    Args:
        needed: Bytes it would take. Asking the system takes longer than a small analysis, so what any machine
            has is granted unasked, unless the process itself is limited.
    """
    left = _left_to_process()
    if needed <= min(UNDISPUTED, PLANNED_SHARE * left):
        return UNDISPUTED
    return int(PLANNED_SHARE * max(min(_free(), _left_in_containers(), left), 0))


def in_words(size: float) -> str:
    """Return a number of bytes as a message says it, such as ``144 MiB``."""
    if size >= 2**70:  # of a table of hundreds of players; a float or a string of all digits may not hold it
        return "infinitely many bytes" if size == math.inf else f"2**{int(size).bit_length() - 31} GiB"
    power = min(max(int(size).bit_length() - 1, 0) // 10, 3)
    amount = size / 1024**power
    return f"{amount:,.{1 if amount < 10 and power else 0}f} {('bytes', 'KiB', 'MiB', 'GiB')[power]}"


@functools.cache
def keep_freed_blocks() -> None:
    """Let the C library hand freed blocks of up to 31 MiB out again instead of returning them to the system.

    Otherwise every call of a network maps and unmaps pages for its intermediate tensors: 13,000 to 60,000
    page faults and 10 to 25 % of the time of 2^16 small forwards. glibc raises its thresholds to the size of
    the largest mapped block freed so far, at most 32 MiB; the block allocated here is never touched, so it
    takes no memory, only addresses. Thresholds stay raised, so once for a process is enough. Elsewhere, and
    where the process may not have the addresses, this does nothing.
    """
    if PLANNED_SHARE * _left_to_process() > KEPT_BLOCK:
        torch.empty(KEPT_BLOCK, dtype=torch.uint8)


def _left_to_process(proc: Path = Path("/proc")) -> float:
    """Return the bytes the process may still map, infinite without a limit."""
    if resource is None:
        return math.inf
    soft = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    if all(limit == resource.RLIM_INFINITY for limit in soft):
        return math.inf
    try:
        pages = (proc / "self/statm").read_text(encoding="ascii").split()
        # all addresses; data and stack
        used = [int(pages[place]) * os.sysconf("SC_PAGE_SIZE") for place in (0, 5)]
    except (OSError, ValueError, IndexError):
        used = [0, 0]
    return min(
        (limit - taken for limit, taken in zip(soft, used, strict=True) if limit != resource.RLIM_INFINITY),
        default=math.inf,
    )


def _left_in_containers(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> float:
    """Return the least bytes left under the limits of the process's cgroup and all above it."""
    try:
        lines = (proc / "self/cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        lines = []
    left = math.inf
    for line in [*lines, "0::/"]:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        roots = (groups / "memory",) if controllers else (groups, groups / "unified")
        limits = ("memory.limit_in_bytes",) if controllers else ("memory.max", "memory.high")
        used = "memory.usage_in_bytes" if controllers else "memory.current"
        for root in roots:
            for folder in _upwards(root, path):
                left = min(left, _left_in(folder, limits, used))
    return left


def _upwards(root: Path, path: str) -> Iterator[Path]:
    """Yield the folder of a cgroup and of all above it; in a container only the last of them may exist."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for length in range(len(parts), -1, -1):
        yield root.joinpath(*parts[:length])


def _left_in(folder: Path, limits: tuple[str, ...], used: str) -> float:
    """Return the bytes left in one cgroup; caches of files count as free, the kernel takes them back."""
    least = min((_number(folder / name) for name in limits), default=math.inf)
    if least >= 2**60:  # version 1 writes its largest number for no limit
        return math.inf
    taken = _number(folder / used)
    if math.isinf(taken):
        return math.inf
    try:
        pairs = (line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        stat = {pair[0]: int(pair[1]) for pair in pairs}
    except (OSError, ValueError, IndexError):
        stat = {}
    return least - taken + min(taken, stat.get("total_inactive_file", stat.get("inactive_file", 0)))


def _number(file: Path) -> float:
    """Return the number in a file; infinite for ``max`` and where there is none."""
    try:
        text = file.read_text(encoding="ascii").strip()
        return math.inf if text == "max" else int(text)
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
