"""Settings that differ by the order of the players: one is enough where a ratio treats all alike."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.allocation.receivers import PLAYERS
from taylorattr.allocation.rule import AllocationRule
from taylorattr.allocation.symbols import i, j, n

LETTERS = (i, j)
"""Letters that run over players."""


def treats_players_alike(rule: AllocationRule) -> bool:
    """Return whether renaming the players in κ and in the context only renames the scores.

    So it is where players are written by their letters alone, κ_i or u_j, never by their number; quantities
    are one per player, or numbers; and it is players who receive.
    """
    if any(need.axes not in ((), ("n",)) for need in rule.needs.values()) or rule.receivers is not PLAYERS:
        return False
    written = [rule.symbolic, *rule.where.values(), *([] if rule.constant is None else [rule.constant])]
    return all(_names_nobody(expression) for expression in written)


def _names_nobody(node: Any) -> bool:
    if isinstance(node, sp.Indexed):
        return len(node.indices) == 1 and node.indices[0] in LETTERS
    if isinstance(node, sp.Equality | sp.Unequality) and set(node.args) <= set(LETTERS):
        return True
    if isinstance(node, sp.Sum | sp.Product):
        everyone = all((low, high) == (1, n) for letter, low, high in node.limits if letter in LETTERS)
        ends = [end for _, *rest in node.limits for end in rest]
        return everyone and all(_names_nobody(part) for part in (node.function, *ends))
    if isinstance(node, sp.Symbol):
        return node not in LETTERS
    return all(_names_nobody(part) for part in node.args)


def fingerprint(rule: AllocationRule, context: Mapping[str, Any], *, sort: bool) -> Hashable:
    """Return what settings that are the same have in common, with ``sort`` up to the order of the players."""
    columns, tables = [], []
    for name in sorted(rule.needs):
        array = np.asarray(context[name], dtype=object)
        if sort and array.ndim == len(rule.needs[name].axes) == 1:
            columns.append(tuple(array))
        else:
            tables.append((array.shape, tuple(array.reshape(-1))))
    longest = max(map(len, columns), default=0)
    players = sorted(zip(*(column + (0,) * (longest - len(column)) for column in columns), strict=True))
    return tuple(map(len, columns)), tuple(players), tuple(tables)
