"""Random numbers of another library's calls: new ones for every call, the user's generators untouched."""

from __future__ import annotations

import random
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from taylorattr.program.isolate import preserved_rng

SEEDS = range(2**31)
"""One for each call of a bound method: repeated calls draw anew, which is how an audit sees the spread."""


@contextmanager
def fresh_draws(seeds: Iterator[int]) -> Generator[int, None, None]:
    """Seed the generators of torch, numpy and Python for a block, and put them back.

    Args:
        seeds: Of which the next one is taken.

    Yields:
        The seed, for libraries that want it as an argument.
    """
    with preserved_rng():
        seed = next(seeds)
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        yield seed
