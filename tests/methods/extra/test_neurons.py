"""Which numbers are the k largest: a stable sort says the same, however many numbers there are."""

import numpy as np
import pytest

from taylorattr.methods.extra.neurons import largest


def by_sorting(values, count):
    chosen = np.zeros(len(values), dtype=bool)
    chosen[np.argsort(-values, kind="stable")[:count]] = True
    return chosen


@pytest.mark.parametrize("size", [1, 7, 5_000, 100_000])  # the last brackets its threshold by a sample
@pytest.mark.parametrize("kind", ["distinct", "half zeros", "few values", "equal", "sorted", "period"])
def test_it_is_what_a_stable_sort_puts_first(size, kind):
    random = np.random.default_rng(size)
    values = {
        "distinct": random.standard_normal(size),
        "half zeros": random.standard_normal(size).clip(0),
        "few values": random.integers(0, 3, size).astype(float),
        "equal": np.zeros(size),
        "sorted": np.arange(size, dtype=float),
        "period": (np.arange(size) % (size // 8192 or 1)).astype(float),  # the sample sees one value only
    }[kind]
    for count in {1, max(1, size // 10), max(1, size // 2), size}:
        assert (largest(values, count) == by_sorting(values, count)).all()
