"""The ways from a game of many players to its interactions: what each costs, lists, and says of the rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import Coalition
from taylorattr.analysis.game import Game
from taylorattr.autodiff.captured import programs_between
from taylorattr.autodiff.meetings import Meetings, meetings
from taylorattr.errors import BudgetError, OptionError
from taylorattr.many_players.coalition_game import ShapiqAnswer, by_shapiq
from taylorattr.many_players.counted_values import CountedValues
from taylorattr.many_players.interaction_list import (
    ESTIMATED,
    MEASURED,
    Entries,
)
from taylorattr.many_players.measured import confidence_of, held_out, measured, stacked
from taylorattr.many_players.proposals import PRODUCT_ROWS, interaction_sums, largest_pairs, product_source
from taylorattr.maths.interaction_indices import INDICES, VALUES_ONLY
from taylorattr.maths.matrix_sketch import HELD_OUT, sketch
from taylorattr.maths.sampled_indices import fewest_values, sample_index
from taylorattr.maths.sparse_mobius import Family, cliques, family, subsets_of
from taylorattr.maths.sparse_recovery import Recovery, recover, risk_left
from taylorattr.maths.subsets import count_up_to
from taylorattr.program.program import Program

Way: TypeAlias = Literal["exact", "sparse", "sketch", "screened", "hessian", "integrated_hessians", "sampled"]

RECOVERED_ORDER = 4
"""Players of an effect that the sparse way looks for at least."""

SPARSE_SHARE = 0.5
"""Part of the budget that the sparse way may spend before another is tried."""

HELD_OUT_PAIRS = 128
"""Pairs that were not proposed and are measured all the same, to judge the proposal; at most an eighth of the
budget goes into them."""

PROPOSED = 3
"""Pairs measured for each one that is wanted."""

VERIFIED_PROOFS = 16
"""Pairs proved never to meet that are measured before the proof is used."""


@dataclass
class WayAnswer:
    """What one example's way gives.

    Attributes:
        entries: What was looked at.
        way: Its name.
        evaluations: Model outputs computed.
        products: Derivative products.
        complete: Whether everything up to the order that is not listed is zero.
        confidence: Numbers and a sentence.
        passed_over: Way -> why it was not taken.
    """

    entries: Entries
    way: str
    evaluations: int = 0
    products: int = 0
    complete: bool = False
    confidence: dict[str, Any] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    """What was asked of a game, with what is established once for all ways."""

    game: Game
    order: int
    budget: int
    way: str
    index: str
    top: int
    risk: float
    seed: int
    _meetings: dict[int, Meetings] = field(default_factory=dict)

    @property
    def exact_count(self) -> int:
        """Outputs that every coalition takes: 2^n for an index, all |S| ≤ order for J."""
        n = self.game.n
        return count_up_to(n, self.order) if self.index == "Moebius" else 1 << n

    @property
    def exact_fits(self) -> bool:
        """Whether the exact way needs no look at the program."""
        return self.way in ("auto", "exact") and self.exact_count <= self.budget

    @property
    def judges(self) -> int:
        """Pairs that are held out."""
        return min(HELD_OUT_PAIRS, max(1, self.budget // 8))

    @cached_property
    def programs(self) -> list[Program | str]:
        """Each example's program, or why there is none."""
        if not all(x.is_floating_point() for x in self.game.inputs):
            return ["the inputs are integers: a model is captured along floating ones"] * self.game.batch
        with torch.inference_mode(False):
            return list(programs_between(self.game))

    def meet(self, example: int, v: CountedValues) -> Meetings:
        """Return which players of an example may meet, after measuring some pairs that are said not to."""
        if example not in self._meetings:
            found = meetings(self.game, example, self.programs[example])
            self._meetings[example] = _verified(found, v, self.generator())
        return self._meetings[example]

    def may_meet(self) -> Tensor | None:
        """Return the table of all examples, None where nothing was proved of any."""
        if not any(found.proved for found in self._meetings.values()):
            return None
        unknown = torch.ones(self.game.n, self.game.n, dtype=torch.bool)
        return torch.stack([
            self._meetings[e].may_meet if e in self._meetings else unknown for e in range(self.game.batch)
        ])  # fmt: skip

    def generator(self) -> np.random.Generator:
        """Return a source of random numbers, the same for every example whatever else is in the batch."""
        return np.random.default_rng(self.seed)


class _PassedError(Exception):
    """Why a way cannot answer."""


def answer(asked: Asked, example: int) -> WayAnswer:
    """Return the answer for one example, by the way that was asked for or by the first that can.

    Raises:
        BudgetError: If the way, or every way, needs more than the budget.
        OptionError: If the way does not give the index.
    """
    v = CountedValues(asked.game, example)
    if asked.way.startswith("shapiq:"):
        return _from_shapiq(asked, v)
    if asked.way == "auto":
        names = (
            ("exact", "sparse", "sketch", "screened") if asked.index == "Moebius" else ("sparse", "sampled")
        )
    else:
        names = (asked.way,)
        if asked.way in ("sketch", "screened") and asked.index != "Moebius":
            raise OptionError(
                f"way={asked.way!r} gives J(S), and not {asked.index}; leave index or way as it is"
            )
    passed: dict[str, str] = {}
    for name in names:
        try:
            found = _WAYS[name](asked, example, v)
        except _PassedError as reason:
            passed[name] = str(reason)
            continue
        found.evaluations, found.passed_over = v.evaluations, passed
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
        raise _PassedError(
            f"{_amount(asked.exact_count)} outputs are needed, and nothing is proved zero ({why})"
        )
    left = asked.budget - v.evaluations
    whole = cliques(meet.may_meet.numpy(), order, left)
    if whole is None:
        raise _PassedError(
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
    most = int(asked.budget * (SPARSE_SHARE if auto else 1.0)) - v.evaluations
    if most < 2 * asked.game.n:
        raise _PassedError(f"fewer than 2·{asked.game.n} outputs are left for it")
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
        raise _PassedError(found.ended)
    effects = {s: j for s, j in found.effects.items() if s}
    errors = {s: found.errors[s] for s in effects}
    if asked.index != "Moebius":
        if found.ended:
            raise _PassedError(found.ended)
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


def _sketch(asked: Asked, example: int, v: CountedValues) -> WayAnswer:
    """Pairs proposed by derivatives, measured, and judged by pairs held out."""
    source = product_source(asked.game, example, asked.programs[example])
    if isinstance(source, str):
        raise _PassedError(source)
    meet = asked.meet(example, v)
    proposed, spare = _allowance(asked, v)
    most = min(spare // PRODUCT_ROWS, v.n + 2 * HELD_OUT)
    if most < 3 * HELD_OUT:
        raise _PassedError(f"{spare:,} outputs are left for products, which count as {PRODUCT_ROWS} each")
    found = sketch(source.products, v.n, most, asked.generator())
    may_meet = meet.may_meet.numpy()
    pairs = largest_pairs(found.matrix, may_meet, proposed)
    result = _judged(asked, v, pairs, may_meet, PRODUCT_ROWS * found.products)
    share, error = found.unexplained, found.unexplained_error
    result.confidence |= {"form": found.form, "unexplained": share, "unexplained_error": error}
    result.confidence["sentence"] = (
        f"{found.products} products with {source.what} leave {share:.1%} ± {error:.1%} of its squares "
        f"unexplained ({found.form} form); " + result.confidence["sentence"]
    )
    result.way, result.products = "sketch", found.products
    return result


def _screened(asked: Asked, example: int, v: CountedValues) -> WayAnswer:
    """Pairs of the players with the largest sums of interactions, measured, and judged by pairs held out."""
    meet = asked.meet(example, v)
    proposed, spare = _allowance(asked, v)
    if spare <= v.n:
        raise _PassedError(f"{2 * v.n} outputs tell which players interact, and {spare:,} are left")
    sizes = np.abs(interaction_sums(v))
    may_meet = meet.may_meet.numpy()
    # the proposal is a weak one, so that what is left of the budget goes into measuring more pairs
    pairs = largest_pairs(np.outer(sizes, sizes), may_meet, proposed + spare - v.n)
    result = _judged(asked, v, pairs, may_meet)
    result.confidence["sentence"] = (
        "pairs of the players whose interactions sum to the most were measured; "
        + result.confidence["sentence"]
    )
    result.way = "screened"
    return result


def _allowance(asked: Asked, v: CountedValues) -> tuple[int, int]:
    """Return how many pairs to propose, and how many outputs are left beside them and the single players."""
    _ = v.rounding  # which is measured, too, and before what is left is counted
    left = asked.budget - v.evaluations - (v.n + 1) - asked.judges
    proposed = min(PROPOSED * asked.top, left // 2)
    if proposed < 1:
        raise _PassedError(f"{v.n + 1 + asked.judges:,} outputs are needed before the first pair")
    return proposed, left - proposed


def _judged(
    asked: Asked, v: CountedValues, pairs: np.ndarray, may_meet: np.ndarray, spent: int = 0
) -> WayAnswer:
    """Measure single players, proposed pairs and held-out ones, and larger coalitions of the pairs found.

    Args:
        asked: What was asked.
        v: The values.
        pairs: Proposed pairs (R, 2), ascending.
        may_meet: Bool (n, n).
        spent: What was spent of the budget beside the values.

    Returns:
        What was measured, with the name of the way left open.
    """
    apart = held_out(pairs, may_meet, asked.judges, asked.generator())
    singles = np.arange(v.n, dtype=np.int64)[:, None]
    whole: Family = [np.zeros((1, 0), dtype=np.int64), singles, np.concatenate([pairs, apart.pairs])]
    order = np.lexsort(whole[2].T[::-1])
    whole[2] = whole[2][order]
    entries = measured(v, whole)
    effects = entries.values[v.n :][np.argsort(order)]
    sizes = np.sort(np.abs(effects[: len(pairs)]))[::-1]
    threshold = float(sizes[min(asked.top, len(sizes)) - 1]) if len(sizes) else 0.0
    facts = confidence_of(effects[len(pairs) :], threshold, apart.rest)
    if asked.order > 2:
        entries = _larger(asked.budget - v.evaluations - spent, asked.order, v, whole, entries)
    facts |= {"looked_at": len(entries.values), "not_looked_at": apart.rest - len(apart.pairs)}
    ranked = min(asked.top, len(sizes))
    sentence = f"{len(pairs):,} pairs were proposed and measured"
    if apart.rest == len(apart.pairs):
        sentence += ", and so were all others that can meet"
    else:
        share = facts["share_larger_at_most"]
        sentence += (
            f"; of {len(apart.pairs)} others drawn at random {facts['held_out_larger']} exceed the "
            f"{ranked}th largest, so that at most {share:.2%} of the {apart.rest:,} others do (95 %)"
        )
    if asked.order > 2:
        sentence += "; of larger coalitions only those of pairs listed here were looked at"
    complete = asked.order == 2 and apart.rest == len(apart.pairs)
    return WayAnswer(entries, "", complete=complete, confidence=facts | {"sentence": sentence})


def _larger(left: int, order: int, v: CountedValues, whole: Family, entries: Entries) -> Entries:
    """Measure larger coalitions too, those every two of whose players do something together."""
    pairs, sizes = whole[2], np.abs(entries.values[v.n :])
    ranked = np.argsort(-np.where(sizes > entries.errors[v.n :], sizes, 0.0))
    count = len(pairs)
    while count:
        graph = np.zeros((v.n, v.n), dtype=bool)
        graph[tuple(pairs[ranked[:count]].T)] = True
        found = cliques(graph | graph.T, order, left + 1 + v.n + count)
        if found is not None:
            found[2] = whole[2]  # those that are known are not asked for again
            return measured(v, found)
        count //= 2
    return entries


def _sampled(asked: Asked, example: int, v: CountedValues) -> WayAnswer:
    """Estimates of an index."""
    if asked.index == "Moebius":
        raise OptionError(
            "way='sampled' estimates an interaction index: name one with index='k-SII' or another. J(S) "
            "itself depends on 2^|S| outputs only, and is measured"
        )
    if asked.budget - v.evaluations < fewest_values(v.n):
        raise _PassedError(f"at least {fewest_values(v.n):,} outputs are needed")
    found = sample_index(v, v.n, asked.index, asked.order, asked.budget - v.evaluations, asked.generator())
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
    "sketch": _sketch,
    "screened": _screened,
    "sampled": _sampled,
}


def _verified(found: Meetings, v: CountedValues, generator: np.random.Generator) -> Meetings:
    """Return what was proved, after measuring mixed differences of some of the pairs beside random others.

    A proof holds for the program; whether the program is the model everywhere shows in what is measured.
    """
    if not found.proved:
        return found
    first, second = np.nonzero(np.triu(~found.may_meet.numpy(), 1))
    drawn = generator.integers(0, len(first), size=min(VERIFIED_PROOFS, len(first)))
    rows = np.repeat(generator.random((len(drawn), v.n)) < 0.5, 4, axis=0).reshape(len(drawn), 4, v.n)
    for pair, block in zip(drawn, rows, strict=True):
        block[:, first[pair]] = [False, True, False, True]
        block[:, second[pair]] = [False, False, True, True]
    values = v(rows.reshape(-1, v.n)).reshape(-1, 4)
    differences = values[:, 3] - values[:, 2] - values[:, 1] + values[:, 0]
    if (np.abs(differences) <= 16 * v.rounding).all():
        return found
    return replace(
        found,
        may_meet=torch.ones_like(found.may_meet),
        reason="pairs that its program keeps apart were measured together, and interact",
    )


def _amount(count: int) -> str:
    """Return a number of outputs in words; Python refuses to write out numbers of thousands of digits."""
    return f"{count:,}" if count < 10**18 else f"about 10**{math.log10(count):.0f}"
