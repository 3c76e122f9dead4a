"""Interleaved medians of CPU time.

The computations of one contest take turns in one process, so that a change in the machine's speed meets them
all alike; the median of the turns is kept. CPU time of the process is counted, not the time on the wall.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.contest import Computation

SECONDS_MEASURED_ONCE = 5.0
"""A computation that takes longer runs only once."""

SECONDS_OF_A_TURN = 0.005
"""A turn lasts at least so long: shorter computations are repeated within it, far above the clock's steps."""

FEWEST_ROUNDS, MOST_ROUNDS = 3, 41
"""Turns of each computation: a median of fewer than three is none, and more than 41 change it no more."""


def timed(computation: Computation, repeats: int = 1) -> tuple[float, Any]:
    """Return the CPU seconds of one call, and the last call's result.

    Args:
        computation: What is timed.
        repeats: Calls within the turn.

    Returns:
        CPU seconds per call; the result.
    """
    result = None
    start = time.process_time()
    for _ in range(repeats):
        result = computation()
    return (time.process_time() - start) / repeats, result


def medians(
    computations: Mapping[str, Computation], seconds: float
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the median CPU seconds of each computation, and its first result.

    The first call of each warms caches up; it counts only where it stays the only one, in what takes longer
    than `SECONDS_MEASURED_ONCE`.

    Args:
        computations: By name.
        seconds: CPU time to spend on the turns altogether; see `FEWEST_ROUNDS`.

    Returns:
        Seconds by name; results by name.
    """
    first: dict[str, float] = {}
    results: dict[str, Any] = {}
    for name, computation in computations.items():
        first[name], results[name] = timed(computation)
    again = [name for name in computations if first[name] < SECONDS_MEASURED_ONCE]
    turns: dict[str, list[float]] = {name: [] for name in again}
    repeats: dict[str, int] = {}
    for name in again:
        second, _ = timed(computations[name])  # the first call may have filled caches
        repeats[name] = max(1, round(SECONDS_OF_A_TURN / max(second, 1e-7)))
    gc.collect()
    gc.disable()  # a collection would fall into somebody's turn; it runs between the rounds instead
    try:
        spent = 0.0
        for round_ in range(MOST_ROUNDS):
            # in turn first and last: what a computation leaves in the caches meets both neighbours
            for name in again if round_ % 2 else reversed(again):
                took, _ = timed(computations[name], repeats[name])
                turns[name].append(took)
                spent += took * repeats[name]
            if spent > seconds and round_ + 1 >= FEWEST_ROUNDS:
                break
            gc.collect()
    finally:
        gc.enable()
    taken = {name: statistics.median(turns[name]) if name in turns else first[name] for name in computations}
    return taken, results
