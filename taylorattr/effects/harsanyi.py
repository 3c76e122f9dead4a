"""``ta.harsanyi``: exact interaction effects J(S) of any model, for all coalitions or for |S| ≤ max_order.

`CoalitionRows` says which coalitions are evaluated, and in which order, to fill the table.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from taylorattr import memory
from taylorattr.aliases import AnyTarget, Baselines, Frame, Tensors
from taylorattr.analysis.game import Game
from taylorattr.analysis.masking import WORTH_FOLDING, CoalitionValues, coalition_bits
from taylorattr.analysis.model_errors import analysis_door
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.question import Question
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.analysis.shared_parameters import shares_parameters
from taylorattr.effects import rounding
from taylorattr.effects.checkpoint import Checkpoint, verify
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.effects.fingerprint import fingerprint, state_digest
from taylorattr.effects.references import FURTHER_TABLES, over_references, reference_folder
from taylorattr.errors import BudgetError, OptionError, require_frame, require_instance, require_number
from taylorattr.maths.mobius import mobius_, truncated_mobius_
from taylorattr.maths.subsets import MAX_MASK_PLAYERS, count_up_to, masks_up_to, of_size, popcounts

MAX_EVALUATIONS = 1 << 23
"""Model outputs computed without being asked twice: 2^20 coalitions of 8 examples."""

CALLS_PER_BLOCK = 16
"""Model calls between two looks at the clock of the checkpoint."""


BITS_PER_BLOCK = 14
"""Players whose coalitions are looked at together where a whole table's would take its memory again."""


@shares_parameters
@analysis_door
def harsanyi(
    model: Callable[..., Any],
    inputs: Tensors,
    baselines: Baselines = None,
    *,
    target: AnyTarget = None,
    additional_forward_args: Any = None,
    players: PlayersLike = None,
    max_order: int | None = None,
    frame: Frame = "baseline",
    dtype: torch.dtype | None = torch.float64,
    internal_batch_size: int | None = None,
    show_progress: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    max_evaluations: int | None = MAX_EVALUATIONS,
    references: Tensors | None = None,
) -> HarsanyiEffects:
    """Return the Möbius (Harsanyi) effects J(S) of a model's output between baseline and input.

    J(S) = Σ_{T⊆S} (−1)^{|S|−|T|} v(T) with v(T) = f(x on T, b elsewhere), eq. (3). Nothing is asked of
    the model but its outputs: ReLU networks, trees behind a callable and integer token inputs are as exact
    as smooth networks. In frame ``input`` they are the OR-effects J^x(S), eq. (8).

    Args:
        model: As in `Question`.
        inputs: Tensor (B, …) or tuple of them; integers (token ids) too.
        baselines: As in `Question`. Integer inputs need an explicit integer baseline.
        target: As in `Question`.
        additional_forward_args: As in `Question`.
        players: As in `Question`.
        max_order: None for all 2^n effects; k for those with |S| ≤ k, which need Σ_{s≤k} C(n, s)
            outputs and are the same numbers.
        frame: ``baseline`` or ``input``.
        dtype: As in `Question`.
        internal_batch_size: As in `Question`.
        show_progress: As in `Question`.
        checkpoint: Folder where outputs are kept while they are computed; a call with the same
            arguments resumes there and evaluates only what is missing, and some of what is kept, to see
            that the model is the same. A disk that is full is warned of; the result is returned.
        max_evaluations: Refuse to compute more outputs than this; None: no limit.
        references: Reference set (R, …) over which effects are averaged, eq. (21); then without baselines.
            With checkpoint, each has a folder of its own inside.

    Returns:
        The effects, with a bound of their rounding error per order (:mod:`taylorattr.effects.rounding`);
        ``diagnostics`` holds the number of outputs ``evaluated``, ``resumed`` and, where some were,
        ``verified`` by a second evaluation, and under
        ``orders_below_rounding`` for each example the orders none of whose effects rises above the bound.
        With references also what :func:`taylorattr.effects.references.over_references` adds.

    Raises:
        BudgetError: If the table would take more memory, or more model outputs, than allowed.
        CheckpointError: If the checkpoint is damaged or belongs to another computation.
        OptionError: If an option is out of range.
        TaylorAttrError: What :func:`taylorattr.analysis.question.Question.game` finds wrong with model,
            inputs, baselines, target or players.

    Example:
        >>> from taylorattr.toys import three_effects
        >>> effects = harsanyi(three_effects(), torch.tensor([[1.0, 2.0]]))
        >>> effects.values.tolist()
        [[0.0, 3.0, 4.0, 12.0]]
    """
    question = Question(
        model,
        inputs,
        baselines,
        target=target,
        additional_forward_args=additional_forward_args,
        players=players,
        dtype=dtype,
        integers_allowed=True,
        internal_batch_size=internal_batch_size,
        show_progress=show_progress,
        averages=True,
    )
    if references is None:
        return coalition_effects(
            question, frame, max_order=max_order, checkpoint=checkpoint, max_evaluations=max_evaluations
        )

    def against(asked: Question, number: int) -> tuple[HarsanyiEffects]:
        folder = None if checkpoint is None else reference_folder(checkpoint, number)
        return (
            coalition_effects(
                asked, frame, max_order=max_order, checkpoint=folder, max_evaluations=max_evaluations
            ),
        )

    return over_references(question, references, against)[0]


def coalition_effects(
    question: Question,
    frame: Frame = "baseline",
    *,
    max_order: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    max_evaluations: int | None = MAX_EVALUATIONS,
) -> HarsanyiEffects:
    """Return the effects of the coalitions of a question; see `harsanyi`.

    Raises:
        OptionError: If an option is out of range.
    """
    require_frame(frame)
    if max_order is not None and (not isinstance(max_order, int) or max_order < 1):
        raise OptionError(f"max_order={max_order!r}; expected None or an integer ≥ 1")
    require_number("max_evaluations", max_evaluations, optional=True)
    if checkpoint is not None:
        require_instance("checkpoint", checkpoint, (str, os.PathLike), "the path of a folder, or None")
    game = question.game
    held = None if max_order is None or max_order >= game.n else max_order
    _check_budget(game, held, max_evaluations, question.one_of)
    rows = CoalitionRows(game.n, held, frame)
    memory.keep_freed_blocks()
    table = torch.empty(game.batch, rows.columns, dtype=game.dtype)
    partner = game.scalar.in_precision(rounding.PARTNER[game.dtype], game.inputs)
    counts = {"evaluated": 0, "resumed": 0}
    store = None if checkpoint is None else _store(checkpoint, game, rows, table)
    etas = []
    with store or contextlib.nullcontext():
        known = store.restore() if store else np.broadcast_to(False, table.shape)  # which takes no memory
        counts["resumed"] = int(known.sum())
        if store and counts["resumed"]:
            counts["verified"] = sum(verify(store, game, rows.at, row, i) for i, row in enumerate(known))
        bar = tqdm(
            total=table.numel(), initial=counts["resumed"], unit="out", disable=not question.show_progress
        )
        with bar:
            for example in range(game.batch):
                if not known[example].all():
                    _fill(game, rows, table, known[example], example, store, bar)
                etas.append(_output_error(game, rows, table[example], partner, example))
    counts["evaluated"] = table.numel() - counts["resumed"]
    return _effects(game, table, held, frame, etas, counts)


def _fill(
    game: Game,
    rows: CoalitionRows,
    table: Tensor,
    known: np.ndarray,
    example: int,
    store: Checkpoint | None,
    bar: tqdm[Any],
) -> None:
    """Write the outputs that are not known yet into one example's row of the table."""
    evaluate = CoalitionValues(game, example, fold=rows.columns >= WORTH_FOLDING)
    for start, stop in gaps(known, CALLS_PER_BLOCK * evaluate.rows):
        values = evaluate(rows.block(start, stop), bar.update).cpu()
        table[example, start:stop] = values
        if store:
            store.add(example, start, stop)


def gaps(known: np.ndarray, longest: int) -> Iterator[tuple[int, int]]:
    """Yield start and stop of the runs of False, cut to at most ``longest``."""
    end = 0
    while not known[end:].all():  # a table of all edges would take as much memory as known itself, or more
        begin = end + (int(known[end:].argmin()) if known[end:].any() else 0)
        end = begin + int(known[begin:].argmax()) if known[begin:].any() else len(known)
        for start in range(begin, end, longest):
            yield start, min(start + longest, end)


def _effects(
    game: Game, table: Tensor, max_order: int | None, frame: Frame, etas: list[float], counts: dict[str, int]
) -> HarsanyiEffects:
    """Transform the table of outputs in place and describe it."""
    orders = game.n if max_order is None else max_order
    lowest, highest = table.aminmax(dim=1)
    largest = torch.maximum(highest, -lowest).tolist()
    bounds = torch.stack(
        [rounding.error_bound(e, m, table.dtype, orders) for e, m in zip(etas, largest, strict=True)]
    )
    view = table.numpy()
    if max_order is None:
        mobius_(view)
    else:
        truncated_mobius_(view, game.n, max_order)
    if frame == "input":
        np.negative(view[:, 1:], out=view[:, 1:])
    effects = HarsanyiEffects(
        values=table,
        names=game.names,
        frame=frame,
        delta=game.delta.cpu(),
        f_input=game.f_input.cpu(),
        f_baseline=game.f_baseline.cpu(),
        max_order=max_order,
        diagnostics={**game.diagnostics, **counts},
        error_bound=bounds,
    )
    below = _largest_by_order(effects) <= bounds
    effects.diagnostics["orders_below_rounding"] = [
        [k for k in range(1, orders + 1) if bool(row[k])] for row in below
    ]
    return effects


def _largest_by_order(effects: HarsanyiEffects) -> Tensor:
    """Return max |J(S)| per order, shape (B, K+1)."""
    if effects.full:
        # sizes and absolute values of the whole table would be two more tables
        inside = min(effects.n, BITS_PER_BLOCK)
        sizes = torch.from_numpy(popcounts(inside)).to(torch.int64)
        result = effects.values.new_zeros(effects.batch, effects.n + 1)
        for row, largest in zip(effects.values, result, strict=True):
            for outside, block in enumerate(row.split(1 << inside)):
                largest.scatter_reduce_(0, sizes + outside.bit_count(), block.abs(), "amax")
        return result
    orders = range(effects.largest_order + 1)
    return torch.stack([effects.order_values(k).abs().amax(dim=1) for k in orders], dim=1)


def _output_error(
    game: Game, rows: CoalitionRows, values: Tensor, partner: ScalarModel | None, example: int
) -> float:
    """Evaluate a sample again, in small batches without folded players and in the partner precision."""
    sample = rounding.sample(rows.columns)
    masks = rows.at(sample)
    t = coalition_bits(masks, game.n).to(device=game.device, dtype=game.dtype)
    points = game.points(t, example)
    again, other = [], []
    with torch.no_grad():
        for start in range(0, len(sample), rounding.SMALL_BATCH):
            few = tuple(p[start : start + rounding.SMALL_BATCH] for p in points)
            which = torch.full((len(few[0]),), example)
            again.append(game.scalar.values(few, which))
            if partner is not None:
                cast = (p.to(partner.dtype) if p.is_floating_point() else p for p in few)
                other.append(partner.values(tuple(cast), which).cpu())
    lowest = game.diagnostics.get("lowest_dtype", str(game.dtype)).removeprefix("torch.")
    return rounding.output_error(
        values[sample], torch.cat(again).cpu(), torch.cat(other) if other else None, getattr(torch, lowest)
    )


def _check_budget(game: Game, max_order: int | None, max_evaluations: int | None, references: int) -> None:
    n = game.n
    each = f"each of {game.batch} example(s)" + f" and {references} references" * (references > 1)
    columns = 1 << n if max_order is None else count_up_to(n, max_order)
    if max_order is None:
        what = f"2**{n}"
    else:  # Python refuses to write out numbers of thousands of digits
        what = f"{columns:,}" if columns < 10**18 else f"about 10**{math.log10(columns):.0f}"
    remedy = (
        "group variables with players=..., restrict to small coalitions with max_order=..., "
        "or take terms up to an order with decompose(..., order=2)"
    )
    bytes_per_output = torch.finfo(game.dtype).bits // 8 + 1  # the table, and which of it a checkpoint knew
    if max_order is not None:
        bytes_per_output += 72 * max_order  # positions of every coalition's subsets, while they are sorted
    if references > 1:
        bytes_per_output += 8 * FURTHER_TABLES
    needed = game.batch * columns * bytes_per_output
    free = memory.available(needed)
    if needed > free:
        raise BudgetError(
            f"the effects of {n} players are {what} numbers for each of {game.batch} example(s), "
            f"{memory.in_words(needed)}, and {memory.in_words(free)} may be used here: {remedy}"
        )
    if max_evaluations is not None and references * game.batch * columns > max_evaluations:
        raise BudgetError(
            f"the effects of {n} players need {what} model outputs for {each}, more "
            f"than max_evaluations={max_evaluations:,}: {remedy}, or allow it with max_evaluations=None"
        )


def _store(path: str | os.PathLike[str], game: Game, rows: CoalitionRows, table: Tensor) -> Checkpoint:
    """Return the checkpoint of these coalitions of a game in a folder."""
    scalar = game.scalar
    identity = fingerprint(
        scalar.modules,
        scalar.function,
        scalar.selector.target,
        list(scalar.extra),
        list(game.inputs),
        list(game.baselines),
        [list(group) for group in game.players.groups],
        str(game.dtype),
        (rows.max_order, rows.frame, sys.byteorder),
    )
    model = scalar.modules, scalar.function, scalar.selector.target
    state = state_digest(*model)
    with torch.no_grad():
        game.values(torch.zeros(1, game.n, dtype=game.dtype), 0)
    if state != state_digest(*model):
        state = None  # the model writes to itself when called, as a counter or a cache does
    probes = torch.cat([game.f_input, game.f_baseline])
    return Checkpoint(path, identity, probes, table, state=state)


class CoalitionRows:
    """The coalitions whose outputs fill the columns of a table, made in blocks.

    In frame b column S needs v(S); in frame x it needs v(N∖S), eq. (8).

    Args:
        n: Number of players.
        max_order: None for the full table in bitmask order, k for |S| ≤ k by size.
        frame: ``baseline`` or ``input``.
    """

    def __init__(self, n: int, max_order: int | None, frame: Frame) -> None:
        """Enumerate the truncated coalitions; a full table is enumerated block by block."""
        self.n, self.max_order, self.frame = n, max_order, frame
        self.columns = 1 << n if max_order is None else count_up_to(n, max_order)
        self._masks: np.ndarray | None = None
        self._rows: list[np.ndarray] = []
        if max_order is not None and n <= MAX_MASK_PLAYERS:
            self._masks = masks_up_to(n, max_order)
        elif max_order is not None:
            self._rows = [of_size(n, s) for s in range(max_order + 1)]

    def block(self, start: int, stop: int) -> Tensor:
        """Return columns start … stop as bitmasks (R,), int64; beyond 62 players as a bool table (R, n)."""
        if self._rows:
            return self._table(start, stop)
        if self._masks is None:
            masks = torch.arange(start, stop, dtype=torch.int64)
        else:
            masks = torch.from_numpy(self._masks[start:stop])
        return (1 << self.n) - 1 - masks if self.frame == "input" else masks

    def at(self, columns: list[int]) -> Tensor:
        """Return the coalitions of some columns; see :meth:`block`."""
        if self._rows:
            return torch.cat([self._table(column, column + 1) for column in columns])
        masks = torch.tensor(columns) if self._masks is None else torch.from_numpy(self._masks[columns])
        return (1 << self.n) - 1 - masks if self.frame == "input" else masks

    def _table(self, start: int, stop: int) -> Tensor:
        present = np.zeros((stop - start, self.n), dtype=bool)
        first = 0
        for s, rows in enumerate(self._rows):
            low, high = max(start, first), min(stop, first + len(rows))
            if low < high:
                np.put_along_axis(
                    present[low - start : high - start], rows[low - first : high - first], True, 1
                )
            first += math.comb(self.n, s)
        return torch.from_numpy(~present if self.frame == "input" else present)
