"""What every test shares: reproducible examples, one thread, no display."""

import gc
import os
from collections import Counter
from zlib import crc32

os.environ.setdefault("MPLBACKEND", "Agg")

import pytest
import torch
from hypothesis import HealthCheck, settings

import taylorattr as ta

# Derandomised: a law that holds today holds tomorrow; new examples come with changed tests, not with luck.
settings.register_profile(
    "taylorattr",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("taylorattr")

torch.set_num_threads(1)
gc.set_threshold(
    50_000, 20, 20
)  # sympy makes objects by the million that no collection frees: 6 % of the time


collect_ignore = ["typed"]
"""Scripts that a test hands to type checkers: both would run when imported, and one is wrong on purpose."""


@pytest.hookimpl(tryfirst=True)  # before slow tests are deselected
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow all but one of every n rows of a test marked ``every(n)``: one law, tried on many rows.

    Which one of n is drawn anew for each n rows: every third row of a product of methods and, say, six layers
    would be the same two layers for every method.
    """
    rows: Counter[str] = Counter()
    for item in items:
        if every := item.get_closest_marker("every"):
            (n,) = every.args
            law = item.nodeid.partition("[")[0]
            block, row = divmod(rows[law], n)
            if row != crc32(f"{law} {block}".encode()) % n:
                item.add_marker(pytest.mark.slow)
            rows[law] += 1


def pytest_collection_finish() -> None:
    """Spare the garbage collector what lives to the end: modules and test items, millions of objects."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def all_verdicts() -> ta.CriteriaTable:
    """Return the verdicts of every rule, which take seconds, once for all tests of a process."""
    return ta.check(all)
