"""Who has a part in a term: a player of its support, a pair or coalition in it, a position of a cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorattr.allocation.receivers import PAIRS, PLAYERS, POSITIONS
from taylorattr.allocation.rule import AllocationRule


def has_part(rule: AllocationRule, kappas: np.ndarray, context: dict[str, Any]) -> np.ndarray:
    """Return whether each receiver has a part in each term, shape (M, R), bool."""
    inside = kappas > 0
    if rule.receivers is PLAYERS:
        return inside
    if rule.receivers is PAIRS:
        return (inside[:, :, None] & inside[:, None, :]).reshape(len(kappas), -1)
    values = rule.resolved(kappas.shape[1], context)
    if rule.receivers is POSITIONS:
        cells = np.asarray(values["c"], dtype=np.int64)
        return np.asarray(inside[:, cells].any(axis=1))
    members = np.asarray(rule.receivers.values(kappas.shape[1], values)["S"], dtype=bool)
    return np.asarray((members[None] <= inside[:, :, None]).all(axis=1))
