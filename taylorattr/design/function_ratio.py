"""Ratios given as a Python function of κ or of a coalition, or as a table."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal, TypeAlias

import numpy as np

from taylorattr.aliases import MultiIndex
from taylorattr.allocation.rule import Evaluator
from taylorattr.design.exact_numbers import exact_row, float_row
from taylorattr.errors import OptionError

Level: TypeAlias = Literal["U", "S"]
"""Whether a ratio reads the exponents κ or only the coalition supp κ."""

COALITION_NAMES = frozenset({"S", "coalition", "support", "members"})
"""Names of a function's first argument that mean a coalition rather than κ."""

MOST_REMEMBERED = 1 << 18
"""Terms of one context whose weights are kept."""


def level_of(function: Callable[..., Any]) -> Level:
    """Return what a function reads, from the name of its first argument.

    Raises:
        OptionError: If it takes no argument.
    """
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise OptionError(
            f"{_name(function)} takes no argument; a ratio is a function of κ, or of a coalition S"
        )
    return "S" if parameters[0].name in COALITION_NAMES else "U"


def function_evaluator(function: Callable[..., Any], level: Level, attributes: Sequence[str]) -> Evaluator:
    """Return the evaluator of a function.

    Args:
        function: ``ratio(kappa) -> n weights`` or ``ratio(S) -> |S| or n weights``; further arguments are
            filled by name with the attributes, and ``n`` with the number of players.
        level: What it reads.
        attributes: Names of the attributes there are.

    Returns:
        The evaluator; each term is asked for once.

    Raises:
        OptionError: If it asks for an attribute that there is not.
    """
    further = list(inspect.signature(function).parameters.values())[1:]
    by_name = [p.name for p in further if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    unknown = [p.name for p in further if p.name not in (*attributes, "n") and p.default is p.empty]
    if unknown and not any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in further):
        raise OptionError(
            f"{_name(function)} asks for {unknown[0]!r}, which is no attribute of the players; pass "
            f"attributes={{{unknown[0]!r}: one number per player}}"
        )

    def weights_of(kappa: MultiIndex, values: Mapping[str, Any], exact: bool) -> list[Any]:
        n = len(kappa)
        known: dict[str, Any] = {**values, "n": n}
        arguments = {name: known[name] for name in by_name if name in known}
        support = tuple(player for player, power in enumerate(kappa) if power)
        argument = support if level == "S" else kappa
        try:
            weights = function(argument, **arguments)
        except Exception as error:  # whatever the user's function raises
            raise OptionError(
                f"{_name(function)} raised {type(error).__name__} at {_in_words(level, argument)}: {error}"
            ) from error
        members = support if level == "S" else None
        return _row(weights, n, members, _name(function), _in_words(level, argument), exact=exact)

    return remembered(weights_of, level)


def table_evaluator(table: Mapping[Any, Any], level: Level) -> tuple[Evaluator, int | None, int]:
    """Return the evaluator of a table, the number of players it fixes, and the largest order it holds.

    Args:
        table: For level ``U`` the exponents κ -> weights. Keys without zeros are the exponents of the support
            alone, in any order, for any number of players: {(1,): [1], (1, 1): [½, ½], (2, 1): [⅔, ⅓]}; keys
            of one length with zeros are whole multi-indices. For level ``S`` coalitions (tuples or frozensets
            of players) -> weights of the members, or of all players.
        level: What its keys are.

    Raises:
        OptionError: If it is empty, its keys do not fit together, or two keys that are the same but for the
            order of the players disagree.
    """
    if not table:
        raise OptionError("the table of a ratio is empty; give weights of every term up to some order")
    if level == "S":
        return _coalition_table(table)
    keys = [tuple(map(int, key)) for key in table]
    whole = any(0 in key for key in keys)
    lengths = {len(key) for key in keys}
    if whole and len(lengths) > 1:
        raise OptionError(
            f"keys of the table have lengths {sorted(lengths)}, and some hold a 0: whole multi-indices have "
            "one entry per player; or leave the zeros out, for a rule of any number of players"
        )
    rows: dict[MultiIndex, list[Fraction]] = {}
    for key, entry in zip(keys, table.values(), strict=True):
        weights = _row(entry, len(key), None, "the table", f"κ = {key}")
        # an entry without zeros stands for every order of its players
        for order in itertools.permutations(range(len(key))) if not whole else [tuple(range(len(key)))]:
            reordered = tuple(key[player] for player in order)
            shares = [weights[player] for player in order]
            if rows.setdefault(reordered, shares) != shares:
                raise OptionError(
                    f"the table gives κ = {reordered} the weights {_listed(rows[reordered])} and, with the "
                    f"players in another order, {_listed(shares)}; players of equal exponents get equal "
                    "weights, or give whole multi-indices with zeros"
                )

    def weights_of(kappa: MultiIndex, values: Mapping[str, Any], exact: bool) -> list[Fraction]:
        support = tuple(player for player, power in enumerate(kappa) if power)
        key = kappa if whole else tuple(kappa[player] for player in support)
        if key not in rows:
            raise OptionError(f"the table has no entry for κ = {kappa}")
        if whole:
            return rows[key]
        row = [Fraction(0)] * len(kappa)
        for player, share in zip(support, rows[key], strict=True):
            row[player] = share
        return row

    reach = max(sum(key) for key in rows)
    complete_to = next((m - 1 for m in range(1, reach + 2) if not _holds(rows, m, lengths, whole)), reach)
    if complete_to < 1:
        raise OptionError("the table lacks terms of order 1; give weights of every term up to some order")
    return remembered(weights_of, "U"), (lengths.pop() if whole else None), complete_to


def _holds(rows: Mapping[MultiIndex, Any], order: int, lengths: set[int], whole: bool) -> bool:
    """Return whether a table has every term of an order: all multi-indices, or all partitions."""
    if whole:
        n = next(iter(lengths))
        listed = sum(1 for key in rows if sum(key) == order)
        return listed == sum(1 for _ in itertools.combinations_with_replacement(range(n), order))
    return all(parts in rows for parts in _partitions(order))


def _partitions(total: int, largest: int | None = None) -> list[MultiIndex]:
    """Return the partitions of a number, largest part first."""
    if total == 0:
        return [()]
    top = total if largest is None else min(largest, total)
    return [(first, *rest) for first in range(top, 0, -1) for rest in _partitions(total - first, first)]


def _coalition_table(table: Mapping[Any, Any]) -> tuple[Evaluator, int | None, int]:
    """Return the evaluator of a table of all coalitions, its players, and its largest order."""
    rows: dict[tuple[int, ...], Any] = {tuple(sorted(map(int, key))): value for key, value in table.items()}
    n = 1 + max(max(key, default=-1) for key in rows)
    missing = [c for size in range(1, n + 1) for c in itertools.combinations(range(n), size) if c not in rows]
    if missing:
        raise OptionError(
            f"the table of {n} players has no weights for the coalition {missing[0]}; give all 2**{n} − 1, "
            "or a function of S"
        )

    def weights(kappa: MultiIndex, values: Mapping[str, Any], exact: bool) -> list[Fraction]:
        if len(kappa) != n:
            raise OptionError(f"the table is for {n} players, and κ = {kappa} has {len(kappa)}")
        support = tuple(player for player, power in enumerate(kappa) if power)
        if not support:
            return [Fraction(0)] * n
        return _row(rows[support], n, support, "the table", f"S = {support}")

    return remembered(weights, "S"), n, n


def remembered(
    weights: Callable[[MultiIndex, Mapping[str, Any], bool], list[Any]], level: Level
) -> Evaluator:
    """Return the evaluator of a function of one term, which is asked once for each term and context.

    Args:
        weights: κ, context, whether exactly -> w(κ).
        level: ``S``: terms of one support have the same weights.
    """
    known: dict[Any, dict[MultiIndex, list[Any]]] = {}  # by context and exactness, then by term

    def evaluate(kappas: np.ndarray, values: Mapping[str, np.ndarray], exact: bool) -> np.ndarray:
        context = {name: array.tolist() for name, array in values.items()}
        mark = tuple(
            (name, tuple(np.asarray(entry, dtype=object).reshape(-1))) for name, entry in context.items()
        )
        rows = known.setdefault((exact, mark), {})
        out = np.empty(kappas.shape, dtype=object if exact else np.float64)
        # of a support-level ratio all terms of one support are one: the function is asked once for them
        terms = (kappas > 0).astype(np.int64) if level == "S" else kappas
        for position, term in enumerate(map(tuple, terms.tolist())):
            row = rows.get(term)
            if row is None:
                row = weights(term, context, exact)
                if len(rows) < MOST_REMEMBERED:
                    rows[term] = row
            out[position] = row
        return out

    return evaluate


def _row(
    weights: Any, n: int, support: tuple[int, ...] | None, who: str, where: str, *, exact: bool = True
) -> list[Any]:
    """Return what a function or table gives as n weights: fractions, or floats.

    Args:
        weights: n of them, or one per member.
        n: Number of players.
        support: The members, where one weight per member is allowed.
        who: The function or table, for messages.
        where: The term, for messages.
        exact: Whether as fractions.

    Raises:
        OptionError: If they are no numbers, or not as many.
    """
    try:
        values = list(weights)
    except TypeError:
        raise OptionError(
            f"{who} gives {weights!r} at {where}; expected {n} weights, one per player"
        ) from None
    try:
        row: list[Any] = list(exact_row(values)) if exact else float_row(values)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{who} gives a weight that is no number at {where}: {error}") from None
    if support is not None and len(row) == len(support) < n:
        spread: list[Any] = [Fraction(0) if exact else 0.0] * n
        for player, share in zip(support, row, strict=True):
            spread[player] = share
        return spread
    if len(row) != n:
        members = f", or {len(support)}, one per member" if support is not None else ""
        raise OptionError(f"{who} gives {len(row)} weights at {where}; expected {n}, one per player{members}")
    return row


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", "the ratio")


def _in_words(level: Level, argument: tuple[int, ...]) -> str:
    """Return a function's argument for a message."""
    return f"S = {argument}" if level == "S" else f"κ = {argument}"


def _listed(row: Sequence[Fraction]) -> str:
    return "(" + ", ".join(map(str, row)) + ")"
