"""The ways from a game of many players to its interactions: what each costs, lists, and says of the rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from tqdm.auto import tqdm

from taylorattr.aliases import Coalition
from taylorattr.errors import BudgetError, OptionError
from taylorattr.many_players.asked import Asked, PassedError, WayAnswer
from taylorattr.many_players.coalition_game import ShapiqAnswer, by_shapiq
from taylorattr.many_players.counted_values import CountedValues
from taylorattr.many_players.interaction_list import (
    ESTIMATED,
    MEASURED,
    Entries,
)
from taylorattr.many_players.measured import measured, stacked
from taylorattr.many_players.ranked_pairs import corners, screened, sketched
from taylorattr.maths.interaction_indices import INDICES, VALUES_ONLY
from taylorattr.maths.sampled_indices import fewest_values, sample_index
from taylorattr.maths.sparse_mobius import cliques, family, subsets_of
from taylorattr.maths.sparse_recovery import Recovery, recover, risk_left

Way: TypeAlias = Literal[
    "exact", "sparse", "corners", "sketch", "screened", "hessian", "integrated_hessians", "sampled"
]

RECOVERED_ORDER = 4
"""Players of an effect that the sparse way looks for at least."""

SPARSE_SHARE = 0.5
"""Part of the budget that the sparse way may spend before another is tried."""


def answer(asked: Asked, example: int) -> WayAnswer:
    """Return the answer for one example, by the way that was asked for or by the first that can.

    Raises:
        BudgetError: If the way, or every way, needs more than the budget.
        OptionError: If the way does not give the index.
    """
    bar = tqdm(total=asked.budget, unit="out", disable=not asked.show_progress, leave=False)
    with bar:
        return _answer(asked, example, CountedValues(asked.game, example, bar.update))


def _answer(asked: Asked, example: int, v: CountedValues) -> WayAnswer:
    if asked.way.startswith("shapiq:"):
        return _from_shapiq(asked, v)
    if asked.way == "auto":
        names = (
            ("exact", "sparse", "corners", "sketch", "screened")
            if asked.index == "Moebius"
            else ("sparse", "sampled")
        )
    else:
        names = (asked.way,)
        if asked.way in ("sketch", "corners", "screened") and asked.index != "Moebius":
            raise OptionError(
                f"way={asked.way!r} gives J(S), and not {asked.index}; leave index or way as it is"
            )
    passed: dict[str, str] = {}
    for name in names:
        try:
            found = _WAYS[name](asked, example, v)
        except PassedError as reason:
            passed[name] = str(reason)
            continue
        found.evaluations, found.products, found.passed_over = v.evaluations, v.products, passed
        found.confidence["spent"] = v.spent
        return found
    raise BudgetError(
        f"no way to the interactions of {asked.game.n} players fits budget={asked.budget:,}: "
        + "; ".join(f"{name}: {reason}" for name, reason in passed.items())
        + ". Allow more, or group players with players=…"
    )


def _exact(asked: Asked, example: int, v: CountedValues) -> WayAnswer:
    """All coalitions whose players can meet, the rest proved zero."""
    n, order = asked.game.n, asked.order
    if asked.index != "Moebius":
        raise OptionError(
            f"way='exact' gives {asked.index} from 2**{n} outputs, more than budget={asked.budget:,}"
        )
    meet = asked.meet(example, v)
    if not meet.proved:
        why = meet.reason or "all players may meet"
        raise PassedError(
            f"{_amount(asked.exact_count)} outputs are needed, and nothing is proved zero ({why})"
        )
    left = asked.budget - v.spent
    whole = cliques(meet.may_meet.numpy(), order, left)
    if whole is None:
        raise PassedError(
            f"{meet.proved:,} pairs are proved never to meet, and more than {left:,} coalitions are left"
        )
    entries = measured(v, whole)
    looked = len(entries.values)
    return WayAnswer(
        entries,
        "exact",
        complete=True,
        confidence={
            "looked_at": looked,
            "proved_pairs": meet.proved,
            "sentence": f"all {looked:,} coalitions of up to {order} players that can meet were measured; "
            f"{meet.proved:,} pairs cannot meet, so that every coalition with one of them is zero",
        },
    )


def _sparse(asked: Asked, example: int, v: CountedValues) -> WayAnswer:
    """All effects of a game that has few."""
    order = max(asked.order, RECOVERED_ORDER)
    auto = asked.way == "auto"
    most = int(asked.budget * (SPARSE_SHARE if auto else 1.0)) - v.spent
    if most < 2 * asked.game.n:
        raise PassedError(f"fewer than 2·{asked.game.n} outputs are left for it")
    found = recover(
        v,
        v.n,
        rounding=v.rounding,
        order=min(order, v.n),
        most_values=most,
        risk=asked.risk,
        generator=asked.generator(),
        test_density=auto,
    )
    if found.ended and auto:
        raise PassedError(found.ended)
    effects = {s: j for s, j in found.effects.items() if s}
    errors = {s: found.errors[s] for s in effects}
    if asked.index != "Moebius":
        if found.ended:
            raise PassedError(found.ended)
        effects, errors = _index_of(effects, errors, asked.index, asked.order)
    return WayAnswer(
        _entries(effects, errors, MEASURED),
        "sparse",
        complete=not found.ended,
        confidence=_recovered(found, min(order, v.n)),
    )


def _recovered(found: Recovery, order: int) -> dict[str, Any]:
    """Return what the checks say."""
    if found.ended:
        return {
            "sentence": f"the search was given up ({found.ended}): the {len(found.effects) - 1} effects "
            "listed are measured, and there are others"
        }
    risk = risk_left(order, found.checks)
    return {
        "checks": found.checks,
        "risk": risk,
        "largest_residual": found.largest_residual,
        "below": found.below,
        "sentence": f"the effects listed give all {found.checks} random coalitions of a check to "
        f"{found.largest_residual:.1g}; further ones of up to {order} players would pass it with probability "
        f"{risk:.1g} at most, unless all that a check sees of them is below {found.below:.1g}",
    }


def _index_of(
    effects: dict[Coalition, float], errors: dict[Coalition, float], name: str, order: int
) -> tuple[dict[Coalition, float], dict[Coalition, float]]:
    """Return the index of a game with few effects, for the coalitions inside them; it is zero elsewhere."""
    order = 1 if name in VALUES_ONLY else order
    values: dict[Coalition, float] = {}
    bounds: dict[Coalition, float] = {}
    for whole, effect in effects.items():
        for part in subsets_of(whole):
            if 1 <= len(part) <= order:
                share = float(INDICES[name](len(part), len(whole), order))
                values[part] = values.get(part, 0.0) + share * effect
                bounds[part] = bounds.get(part, 0.0) + abs(share) * errors[whole]
    return values, bounds


def _entries(effects: dict[Coalition, float], errors: dict[Coalition, float], status: int) -> Entries:
    parts = []
    for rows in family(effects)[1:] if effects else []:
        keys = list(map(tuple, rows.tolist()))
        parts.append((rows, np.array([effects[k] for k in keys]), np.array([errors[k] for k in keys])))
    return stacked(parts, status)


def _sampled(asked: Asked, example: int, v: CountedValues) -> WayAnswer:
    """Estimates of an index."""
    if asked.index == "Moebius":
        raise OptionError(
            "way='sampled' estimates an interaction index: name one with index='k-SII' or another. J(S) "
            "itself depends on 2^|S| outputs only, and is measured"
        )
    if asked.budget - v.spent < fewest_values(v.n):
        raise PassedError(f"at least {fewest_values(v.n):,} outputs are needed")
    found = sample_index(v, v.n, asked.index, asked.order, asked.budget - v.spent, asked.generator())
    entries = stacked(list(zip(found.rows, found.values, found.errors, strict=True)), ESTIMATED)
    largest = max(float(part.max(initial=0.0)) for part in found.errors)
    beyond = int((np.abs(entries.values) > 2 * entries.errors).sum())
    return WayAnswer(
        entries,
        "sampled",
        complete=True,
        confidence={
            "drawn": found.drawn,
            "largest_error": largest,
            "beyond_two_errors": beyond,
            "sentence": f"unbiased estimates from {found.drawn:,} coalitions drawn at random beside those "
            f"of the outermost sizes; {beyond:,} of {len(entries.values):,} exceed twice their standard "
            f"error, as {0.05 * len(entries.values):,.0f} would by chance",
        },
    )


def _from_shapiq(asked: Asked, v: CountedValues) -> WayAnswer:
    """What an approximator of shapiq's answers."""
    found: ShapiqAnswer = by_shapiq(
        asked.way.removeprefix("shapiq:"), v, asked.index, asked.order, asked.budget, asked.seed
    )
    effects = found.effects
    return WayAnswer(
        _entries(effects, dict.fromkeys(effects, math.nan), ESTIMATED),
        asked.way,
        evaluations=v.evaluations,
        confidence={
            "sentence": f"estimates of shapiq's {found.name}, which gives no errors; what it does not list "
            "it takes for zero"
        },
    )


_WAYS: dict[str, Callable[[Asked, int, CountedValues], WayAnswer]] = {
    "exact": _exact,
    "sparse": _sparse,
    "corners": corners,
    "sketch": sketched,
    "screened": screened,
    "sampled": _sampled,
}


def _amount(count: int) -> str:
    """Return a number of outputs in words; Python refuses to write out numbers of thousands of digits."""
    return f"{count:,}" if count < 10**18 else f"about 10**{math.log10(count):.0f}"
