"""``ta.harsanyi``: exact interaction effects J(S) of any model, for all coalitions or for |S| ≤ max_order.

Coalitions × references × examples are the rows of one matrix: the number of model calls follows from their
number and the rows per call alone.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr import memory
from taylorattr.aliases import AnyTarget, Baselines, Frame, Outputs, Tensors
from taylorattr.analysis.coalition_outputs import CoalitionOutputs, sampled_outputs
from taylorattr.analysis.game import Game
from taylorattr.analysis.masking import WORTH_FOLDING
from taylorattr.analysis.model_errors import analysis_door
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.question import Question
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.analysis.shared_parameters import shares_parameters
from taylorattr.effects import rounding
from taylorattr.effects.by_output import by_output
from taylorattr.effects.checkpoint import Checkpoint, verify
from taylorattr.effects.coalition_rows import CoalitionRows
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.effects.fingerprint import fingerprint, state_digest
from taylorattr.effects.references import (
    FURTHER_TABLES,
    over_reference_rows,
    over_references,
    reference_folder,
)
from taylorattr.errors import BudgetError, OptionError, require_frame, require_instance, require_number
from taylorattr.maths.mobius import mobius_, truncated_mobius_
from taylorattr.maths.subsets import count_up_to

MAX_EVALUATIONS = 1 << 23
"""Model outputs computed without being asked twice: 2^20 coalitions of 8 examples."""


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
    outputs: Outputs | None = None,
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
        outputs: As in `Question`.

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
        # f(x) and f(b) are outputs of the table; a checkpoint asks for them before there is one
        input_later=checkpoint is None,
        baseline_later=checkpoint is None,
    )
    effects = partial(coalition_effects, frame=frame, max_order=max_order, max_evaluations=max_evaluations)

    def answer(asked: Question) -> HarsanyiEffects:
        if references is None:
            return effects(asked, checkpoint=checkpoint)
        return _averaged(asked, references, effects, max_order, checkpoint)

    return answer(question) if outputs is None else by_output(question, outputs, answer)


def _averaged(
    question: Question,
    references: Tensors,
    effects: Callable[..., HarsanyiEffects],
    max_order: int | None,
    checkpoint: str | os.PathLike[str] | None,
) -> HarsanyiEffects:
    """Return the effects averaged over a reference set; see `harsanyi`."""
    if checkpoint is not None:
        return over_references(
            question,
            references,
            lambda asked, number: (effects(asked, checkpoint=reference_folder(checkpoint, number)),),
        )[0]

    def against(asked: Question, parts: list[Tensor]) -> Iterator[tuple[HarsanyiEffects]]:
        together = effects(asked, at_once=len(parts))
        for part in parts:
            own = together.select(part)
            own.diagnostics["evaluated"] = own.values.numel()
            yield (own,)

    return over_reference_rows(question, references, against, lambda n: 8 * _columns(n, max_order))[0]


def coalition_effects(
    question: Question,
    frame: Frame = "baseline",
    *,
    max_order: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    max_evaluations: int | None = MAX_EVALUATIONS,
    at_once: int = 1,
) -> HarsanyiEffects:
    """Return the effects of the coalitions of a question; see `harsanyi`.

    Args:
        question: What is asked.
        frame: As in `harsanyi`.
        max_order: As in `harsanyi`.
        checkpoint: As in `harsanyi`.
        max_evaluations: As in `harsanyi`, of all references over which effects are averaged.
        at_once: How many of those the question is about; see `Question.against_all`.

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
    _check_budget(game, held, max_evaluations, game.batch // at_once, question.one_of)
    rows = CoalitionRows(game.n, held, frame)
    memory.keep_freed_blocks()
    table = torch.empty(game.batch, rows.columns, dtype=game.dtype)
    few = tuple(x[: question.internal_batch_size] for x in game.inputs)
    partner = game.scalar.in_precision(rounding.PARTNER[game.dtype], few)
    counts = {"evaluated": 0, "resumed": 0}
    store = None if checkpoint is None else _store(checkpoint, game, rows, table)
    with store or contextlib.nullcontext():
        known = store.restore() if store else np.broadcast_to(False, table.shape)  # which takes no memory
        counts["resumed"] = int(known.sum())
        if store and counts["resumed"]:
            counts["verified"] = sum(verify(store, game, rows.at, row, i) for i, row in enumerate(known))
        outputs = CoalitionOutputs(
            game,
            fold=rows.columns >= WORTH_FOLDING,
            total=table.numel(),
            initial=counts["resumed"],
            show_progress=question.show_progress,
        )
        with outputs:
            _fill(outputs, rows, table, known, store)
    _settle(game, rows, table)
    counts["evaluated"] = table.numel() - counts["resumed"]
    return _effects(game, table, held, frame, _output_errors(game, rows, table, partner), counts)


def _fill(
    outputs: CoalitionOutputs, rows: CoalitionRows, table: Tensor, known: np.ndarray, store: Checkpoint | None
) -> None:
    """Write the outputs that are not known yet into the table, and have them kept as they come."""
    shared = outputs.game.scalar.columns  # of examples that share a row the first tells of all
    of_row = [range(first, first + shared) for first in range(0, len(known), shared)]
    fresh = [example for row in of_row if not known[row].any() for example in row]
    runs: list[tuple[Sequence[int], int, int]] = [(fresh, 0, rows.columns)] if fresh else []
    for row in of_row:
        if known[row].any():
            runs += [(row, *run) for run in gaps(np.asarray(known[row].all(0)))]
    for which, first, last in runs:
        for examples, part, values in outputs.pieces(rows.from_(first), last - first, which):
            place = slice(first + part.start, first + part.stop)
            table[examples, place] = values
            if store:
                for example in examples:
                    store.add(example, place.start, place.stop)


def gaps(known: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield start and stop of the runs of False."""
    end = 0
    while not known[end:].all():  # a table of all edges would take as much memory as known itself, or more
        begin = end + (int(known[end:].argmin()) if known[end:].any() else 0)
        end = begin + int(known[begin:].argmax()) if known[begin:].any() else len(known)
        yield begin, end


def _settle(game: Game, rows: CoalitionRows, table: Tensor) -> None:
    """Hand f(x) and f(b) over to who checks them, where they stand in the table and nobody has them yet."""
    first, last = game.outputs.settle_baseline, game.outputs.settle
    if rows.frame == "input":
        first, last = last, first
    first(table[:, 0].to(game.device))
    if rows.max_order is None:
        last(table[:, -1].to(game.device))


def _effects(
    game: Game, table: Tensor, max_order: int | None, frame: Frame, etas: Tensor, counts: dict[str, int]
) -> HarsanyiEffects:
    """Transform the table of outputs in place and describe it."""
    orders = game.n if max_order is None else max_order
    lowest, highest = table.aminmax(dim=1)
    bounds = rounding.error_bound(etas, torch.maximum(highest, -lowest), table.dtype, orders)
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
    below = (effects.largest_by_order <= bounds).tolist()
    effects.diagnostics["orders_below_rounding"] = [
        [k for k in range(1, orders + 1) if row[k]] for row in below
    ]
    return effects


def _output_errors(game: Game, rows: CoalitionRows, table: Tensor, partner: ScalarModel | None) -> Tensor:
    """Evaluate a sample again, in other batches without folded players and in the partner precision.

    Returns:
        A bound of the rounding error of one output, for each example.
    """
    sample = rounding.sample(rows.columns)
    masks = rows.at(sample)
    again = sampled_outputs(game, game.scalar, masks, rounding.second_batch(game.batch * len(sample)))
    other = None if partner is None else sampled_outputs(game, partner, masks)
    lowest = game.diagnostics.get("lowest_dtype", str(game.dtype)).removeprefix("torch.")
    return rounding.output_error(table[:, sample], again, other, getattr(torch, lowest))


def _columns(n: int, max_order: int | None) -> int:
    """Return how many coalitions there are of at most so many players."""
    return 1 << n if max_order is None or max_order >= n else count_up_to(n, max_order)


def _check_budget(
    game: Game, max_order: int | None, max_evaluations: int | None, batch: int, references: int
) -> None:
    n = game.n
    each = f"each of {batch} example(s)" + f" and {references} references" * (references > 1)
    columns = _columns(n, max_order)
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
    needed = batch * columns * bytes_per_output
    free = memory.available(needed)
    if needed > free:
        raise BudgetError(
            f"the effects of {n} players are {what} numbers for each of {batch} example(s), "
            f"{memory.in_words(needed)}, and {memory.in_words(free)} may be used here: {remedy}"
        )
    if max_evaluations is not None and references * batch * columns > max_evaluations:
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
