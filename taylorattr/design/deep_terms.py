"""Terms of higher order than are enumerated: a function is asked there before it counts as a known ratio."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

PLAYERS = (2, 3, 4, 6)
ORDERS = (7, 16)
DRAWN = 8
"""Terms for each number of players."""


def deep_terms(seed: int = 0) -> Iterator[np.ndarray]:
    """Iterate over tables of random multi-indices, shape (M, n), of orders beyond those enumerated.

    Args:
        seed: Of the draw.

    Yields:
        One table for each number of players.
    """
    generator = np.random.default_rng(seed)
    for n in PLAYERS:
        orders = generator.integers(*ORDERS, size=DRAWN, endpoint=True)
        yield np.array([generator.multinomial(order, generator.dirichlet(np.ones(n))) for order in orders])
