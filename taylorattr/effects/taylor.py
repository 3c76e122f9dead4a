"""``ta.decompose``: the Taylor effects of a network's prediction, and whether to trust them.

What an order leaves out of each coalition stands at the end: ``ta.degree_by_support`` and the tails.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from taylorattr.aliases import AnyTarget, Baselines, Frame, Outputs, Tensors
from taylorattr.analysis.coalition_outputs import CoalitionOutputs
from taylorattr.analysis.game import blocks as split
from taylorattr.analysis.masking import coalition_bits
from taylorattr.analysis.model_errors import analysis_door
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.question import Question
from taylorattr.analysis.shared_parameters import shares_parameters
from taylorattr.autodiff.unseen import singular_place
from taylorattr.effects import probing
from taylorattr.effects.by_output import answered
from taylorattr.effects.coalition_rows import CoalitionRows
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.effects.references import FURTHER_TABLES
from taylorattr.effects.series import TaylorSeries
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import (
    BudgetError,
    DivergenceWarning,
    KinkWarning,
    NonFiniteError,
    OptionError,
    require_frame,
    require_number,
    require_whole_number,
    warn,
)
from taylorattr.maths.mobius import mobius_
from taylorattr.maths.multi_index import count_up_to
from taylorattr.memory import available, in_words
from taylorattr.program.isolate import preserved_rng
from taylorattr.program.kinks import kink_nodes

TAIL_PLAYERS = 10
"""Up to this many players the exact effects (2^n forwards) are computed beside the series by default."""


@shares_parameters
@analysis_door
def decompose(
    model: Any,
    inputs: Tensors,
    baselines: Baselines = None,
    *,
    target: AnyTarget = None,
    order: int = 3,
    players: PlayersLike = None,
    frame: Frame = "baseline",
    additional_forward_args: Any = None,
    dtype: torch.dtype = torch.float64,
    with_tails: bool | None = None,
    diagnose: bool = True,
    seed: int = 0,
    internal_batch_size: int | None = None,
    memory_limit: int | None = None,
    show_progress: bool = False,
    references: Tensors | None = None,
    outputs: Outputs | None = None,
) -> TaylorEffects:
    """Split f(x) − f(b) into its Taylor effects I(κ) = ∂^κ f(b) Δ^κ / κ!, 1 ≤ |κ| ≤ order.

    In frame ``input`` the series is taken at x towards b: I^x(κ) = (−1)^{|κ|+1} ∂^κ f(x) Δ^κ / κ!.

    Args:
        model: As in `Question`.
        inputs: As in `Question`.
        baselines: As in `Question`.
        target: As in `Question`.
        order: K, the largest |κ|.
        players: As in `Question`.
        frame: ``baseline`` or ``input``.
        additional_forward_args: As in `Question`.
        dtype: Dtype of the analysis and of the effects.
        with_tails: Whether to compute the exact J(S) by 2^n forwards and with them what the order leaves out
            of each; None: up to 10 players.
        diagnose: Whether to probe convergence and kinks; without it ``converged`` is False for every example.
        seed: As in `Question`. It draws the coalitions whose rays are probed.
        internal_batch_size: As in `Question`.
        memory_limit: Bytes the computation may use; None: what the machine has.
        show_progress: As in `Question`.
        references: Reference set (R, …) over which effects are averaged, eq. (21); then without baselines.
        outputs: As in `Question`.

    Returns:
        The effects, in units of the model output. ``converged`` and ``reasons`` say whether the series
        reaches the other end; ``remainder`` is what the order leaves out of the sum, ``tails`` out of each
        coalition. With references, what :func:`taylorattr.effects.references.over_references` says of means.

    Raises:
        OptionError: If the order is below 1 or the frame unknown.
        BudgetError: If the table exceeds the memory.
        CaptureError: If the model cannot be captured and nested derivatives of that order would be wrong.
        NonFiniteError: If an effect is NaN or infinite; names the operation that is singular there.

    The errors of unusable models, inputs, baselines, targets and players are those of
    :func:`taylorattr.analysis.question.Question.game`.

    Warns:
        KinkWarning: The model has kinks (ReLU, max, …) and order ≥ 2.
        DivergenceWarning: The series was seen not to reach the other end.
        FallbackWarning: A slower engine had to be used.

    Source: eq. (1), (2), (6); Deng et al., arXiv 2303.01506.
    """
    question = Question(
        model,
        inputs,
        baselines,
        target=target,
        additional_forward_args=additional_forward_args,
        players=players,
        dtype=dtype,
        internal_batch_size=internal_batch_size,
        seed=seed,
        show_progress=show_progress,
        averages=True,
    )
    effects = partial(
        taylor_effects,
        order=order,
        frame=frame,
        with_tails=with_tails,
        diagnose=diagnose,
        memory_limit=memory_limit,
    )
    return answered(question, effects, references, outputs)


def taylor_effects(
    question: Question,
    order: int,
    frame: Frame = "baseline",
    *,
    with_tails: bool | None = False,
    diagnose: bool = False,
    every_kink: bool = False,
    memory_limit: int | None = None,
) -> TaylorEffects:
    """Return the Taylor effects a question asks for; see `decompose`.

    Args:
        question: What is asked.
        order: As in `decompose`.
        frame: As in `decompose`.
        with_tails: As in `decompose`.
        diagnose: As in `decompose`.
        every_kink: Whether kinks on the way to the far end are counted even where the verdict needs none.
        memory_limit: As in `decompose`.

    Raises:
        BudgetError: If tails of too many players are asked for.
        OptionError: If the order is below 1 or the frame unknown.
    """
    require_frame(frame)
    require_number("memory_limit", memory_limit, optional=True)
    if not isinstance(order, int) or isinstance(order, bool) or order < 1:
        raise OptionError(f"order={order!r}; expected a whole number, at least 1")
    with preserved_rng():
        game = question.game
        _check_budget(game.batch, game.n, order, memory_limit, question.one_of)
        if with_tails and game.n > MOST_TAIL_PLAYERS:
            raise BudgetError(
                f"tails of {game.n} players need 2**{game.n} model outputs (limit {MOST_TAIL_PLAYERS} "
                "players); group them with players=..., or leave with_tails=None"
            )
        series = TaylorSeries(question, frame)
        f_input, f_baseline = (end.cpu() for end in series.ends())
        steps = game.batch * (2 if diagnose else 1)
        with tqdm(total=steps, unit="example", disable=not question.show_progress) as bar:
            blocks = [
                series.sign * block.cpu() for block in series.coefficients(order, memory_limit, bar.update)
            ]
            _require_finite(series, blocks)
            sizes = torch.stack([block.abs().sum(1) for block in blocks], dim=1)
            verdicts = (
                probing.verdicts(series, blocks, sizes, question.seed, every_kink=every_kink)
                if diagnose
                else [_undiagnosed() for _ in range(game.batch)]
            )
            bar.update(game.batch * int(diagnose))
        exact = None
        if with_tails or (with_tails is None and game.n <= TAIL_PLAYERS):
            exact = exact_effects(series)
    _warn(series, order, verdicts)
    effects = TaylorEffects(
        values=torch.cat(blocks, dim=1),
        order=order,
        names=game.names,
        frame=frame,
        delta=f_input - f_baseline,
        f_input=f_input,
        f_baseline=f_baseline,
        converged=torch.tensor([bool(verdict["converged"]) for verdict in verdicts]),
        reasons=tuple(str(verdict["reason"]) for verdict in verdicts),
        diagnostics=game.diagnostics
        | _engine(series)
        | {"order_sizes": sizes.tolist(), "examples": verdicts},
    )
    return effects if exact is None else replace(effects, tails=tails(exact, effects.interactions))


def _require_finite(series: TaylorSeries, blocks: list[Tensor]) -> None:
    """Refuse effects that are not finite, with their lowest order and the operation where that begins."""
    for order, block in enumerate(blocks, start=1):
        if bool(torch.isfinite(block.sum())):
            continue
        bad = (~torch.isfinite(block)).any(1).nonzero().reshape(-1).tolist()
        if not bad:
            continue  # large finite entries overflow in their sum
        e, end = bad[0], series.frame
        point = series.near(e)
        place = singular_place(series.group_of[e].program, [point])
        raise NonFiniteError(
            f"the Taylor effects of order {order} of example {e} are not finite: "
            f"{place or 'an operation of the model has no finite derivatives there'} (the {end}). Move the "
            f"{end} off that point, or use ta.harsanyi or integrated_gradients, which need no series there"
        )


LAST_ORDER = 512
"""Order at which series stop: the time of a product of series grows with its square."""

MOST_TAIL_PLAYERS = 24
"""Players at most whose 2^n outputs are computed for tails."""


def _require_reachable(order: int) -> None:
    """Refuse an order that nobody can wait for.

    Raises:
        BudgetError: The order is above `LAST_ORDER`.
    """
    if order > LAST_ORDER:
        raise BudgetError(
            f"order={order:,}; series stop at order {LAST_ORDER}, whose products take time by its square; "
            "lower order=, or use ta.harsanyi, which has all orders in its effects"
        )


def _check_budget(batch: int, n: int, order: int, memory_limit: int | None, references: int) -> None:
    """Refuse a table that does not fit before anything is computed."""
    _require_reachable(order)
    entries = count_up_to(n, order)
    # the values of every example three times (blocks, table, what is printed) and each index κ as int16
    tables = 3 + FURTHER_TABLES * (references > 1)
    needed = entries * (8 * tables * batch + 2 * n)
    limit = memory_limit if memory_limit is not None else available(needed)
    if needed > limit:
        raise BudgetError(
            f"{entries:,} Taylor effects of {n} players up to order {order} for {batch} examples need about "
            f"{in_words(needed)} (limit {in_words(limit)}); lower order=, group the inputs with "
            "players=..., or pass fewer examples at once"
        )


def _undiagnosed() -> dict[str, Any]:
    return {"converged": False, "reason": "not diagnosed (diagnose=False)", "rays": []}


def _engine(series: TaylorSeries) -> dict[str, Any]:
    notes = [
        {"kind": note.kind, "op": note.op, "module": note.module, "where": note.where}
        for group in series.groups
        if group.program is not None
        for note in group.program.notes
    ]
    walked = all(group.program is not None and not group.failure for group in series.groups)
    return {"engine": "polynomial walk" if walked else "nested torch.func", "notes": notes}


def _warn(series: TaylorSeries, order: int, verdicts: list[dict[str, Any]]) -> None:
    counts = [verdict.get("kinks") or {} for verdict in verdicts]
    switching = [kinks.get("path", 0) for kinks in counts]
    on_kink = sum(kinks.get("at_expansion", 0) for kinks in counts)
    # a kink on the same side everywhere is none; without a diagnosis nobody has looked
    felt = any(not kinks or kinks["path"] or any(kinks["per_player"]) for kinks in counts)
    if order >= 2 and on_kink:
        end = "baseline" if series.frame == "baseline" else "input"
        warn(
            f"{on_kink} gates lie exactly on their kink at the {end} (ReLU, LeakyReLU, abs or the like of "
            f"0): derivatives there are a convention; move the {end} a little",
            KinkWarning,
        )
    if order >= 2 and any(g.program is not None and kink_nodes(g.program) for g in series.groups) and felt:
        counted = ", ".join(map(str, switching[:5])) + (", …" if len(switching) > 5 else "")
        warn(
            "the model has kinks (ReLU, max, abs, clamp or the like), and Taylor effects of order ≥ 2 miss "
            f"what happens at them; gates seen to switch between baseline and input, by example: {counted}. "
            "ta.harsanyi computes exact interaction effects for such a model",
            KinkWarning,
        )
    probed = [e for e, verdict in enumerate(verdicts) if "kinks" in verdict and series.walkable(e)]
    diverging = [e for e in probed if not verdicts[e]["converged"] and not switching[e]]
    if diverging:
        e = diverging[0]
        more = f" (and in {len(diverging) - 1} more examples)" if len(diverging) > 1 else ""
        warn(
            f"the Taylor series of example {e} is not seen to reach the other end{more}: "
            f"{verdicts[e]['reason']}. Its terms are derivatives, not shares of the difference; "
            "ta.harsanyi needs no series, and a nearer baseline or a higher order may help",
            DivergenceWarning,
        )


TABLE_ROWS = 1 << 12
"""Rays of several examples that are walked together."""

MAX_PLAYERS = 16
"""2^n univariate jets are walked; beyond this many players they are refused."""


@shares_parameters
@analysis_door
def degree_by_support(
    model: Any,
    inputs: Tensors,
    baselines: Baselines = None,
    *,
    target: AnyTarget = None,
    order: int = 4,
    players: PlayersLike = None,
    frame: Frame = "baseline",
    additional_forward_args: Any = None,
    dtype: torch.dtype = torch.float64,
    references: Tensors | None = None,
    outputs: Outputs | None = None,
) -> tuple[HarsanyiEffects, ...]:
    """Return J_m(S), the part of order m of every J(S), for m = 1 … order.

    J_m(S) = Σ_{T⊆S} (−1)^{|S|−|T|} G_m(T), G_m(T) = [s^m] f(b + s·Δ_T): 2^n jets in one variable replace all
    partial derivatives, so the order can be high where the table of multi-indices would be too large.

    Args:
        model: As in `Question`.
        inputs: As in `Question`.
        baselines: As in `Question`.
        target: As in `Question`.
        order: Highest order.
        players: As in `Question`. At most 16.
        frame: ``baseline`` (series at b) or ``input`` (at x).
        additional_forward_args: As in `Question`.
        dtype: Dtype of the analysis and of the effects.
        references: Reference set (R, …) over which effects are averaged, eq. (21); then without baselines.
        outputs: As in `Question`.

    Returns:
        One full table per order; its ``delta`` is that of the whole function, its sum is [s^m] f(b + s·Δ).
        Entries with |S| > m are zero up to rounding.

    Raises:
        OptionError: If the order is below 1 or the frame unknown.
        BudgetError: If there are more than 16 players, or orders beyond 512.

    Source: eq. (57).
    """
    require_frame(frame)
    require_whole_number("order", order)
    question = Question(
        model,
        inputs,
        baselines,
        target=target,
        additional_forward_args=additional_forward_args,
        players=players,
        dtype=dtype,
        averages=True,
    )
    return answered(question, partial(_degrees, order=order, frame=frame), references, outputs)


def _degrees(question: Question, order: int, frame: Frame) -> tuple[HarsanyiEffects, ...]:
    """Return J_m(S) for m = 1 … order; see `degree_by_support`."""
    with preserved_rng():
        _require_reachable(order)
        game = question.game
        if game.n > MAX_PLAYERS:
            raise BudgetError(
                f"J_m(S) of {game.n} players needs 2**{game.n} jets (limit {MAX_PLAYERS} players); "
                "group them with players=..., or use decompose(..., order=K).interactions"
            )
        series = TaylorSeries(question, frame)
        f_input, f_baseline = series.ends()
        table = support_tables(series, order)
    constant = f_baseline if frame == "baseline" else f_input
    results = []
    for m in range(1, order + 1):
        values = table[:, m].clone()
        values[:, 0] = constant.cpu()
        results.append(
            HarsanyiEffects(
                values=values,
                names=game.names,
                frame=frame,
                delta=(f_input - f_baseline).cpu(),
                f_input=f_input.cpu(),
                f_baseline=f_baseline.cpu(),
                diagnostics={"order": m},
            )
        )
    return tuple(results)


def support_tables(series: TaylorSeries, order: int) -> Tensor:
    """Return J_m(S) of every example, shape (B, order + 1, 2^n), float64, row m for order m; row 0 is J_0.

    In frame ``input`` the sign of eq. (6) is included: I^x = −(coefficient along −Δ).
    """
    n, batch = series.game.n, series.game.batch
    coalitions = coalition_bits(torch.arange(1 << n), n).to(series.game.device, series.dtype)
    tables = np.empty((batch, order + 1, 1 << n))
    at_once = max(1, TABLE_ROWS >> n)
    for part in split(batch, at_once):
        examples = [e for e in range(part.start, part.stop) for _ in range(1 << n)]
        rows = series.jets(examples, coalitions.repeat(part.stop - part.start, 1), order)
        tables[part] = rows.reshape(-1, 1 << n, order + 1).transpose(0, 2, 1)
    mobius_(tables)
    tables[:, 1:] *= series.sign
    return torch.from_numpy(tables)


def tails(exact: HarsanyiEffects, truncated: HarsanyiEffects) -> HarsanyiEffects:
    """Return J(S) − Σ_{m≤K} J_m(S) for every coalition.

    Args:
        exact: All J(S), in the frame of the series.
        truncated: Σ_{m≤K} J_m(S), the ``interactions`` of the Taylor effects.

    Returns:
        The tails; the entry of ∅ is 0, and their sum is the remainder.

    Source: eq. (58).
    """
    values = exact.values.clone()
    values[:, torch.from_numpy(truncated.masks)] -= truncated.values
    values[:, 0] = 0.0
    return HarsanyiEffects(
        values=values,
        names=exact.names,
        frame=exact.frame,
        delta=exact.delta,
        f_input=exact.f_input,
        f_baseline=exact.f_baseline,
        diagnostics={"tails": True},
    )


def exact_effects(series: TaylorSeries) -> HarsanyiEffects:
    """Return all 2^n effects of every example in the series' frame, eq. (3), (8).

    Args:
        series: The series of a game of few players.

    Returns:
        The full table, without error bounds, checkpoints or progress.
    """
    game = series.game
    columns = CoalitionRows(game.n, None, series.frame)
    if game.dtype == series.dtype:
        with CoalitionOutputs(game) as outputs:
            table = outputs.table(columns.block, columns.columns).numpy()
    else:  # the values of the programs, in the dtype of the coefficients
        table = np.empty((game.batch, columns.columns))
        for part in split(columns.columns, TABLE_ROWS):
            present = coalition_bits(torch.arange(part.start, part.stop), game.n)
            for e in range(game.batch):
                table[e, part] = series.end_values([e] * len(present), present)
    mobius_(table)
    if series.frame == "input":
        np.negative(table[:, 1:], out=table[:, 1:])
    f_input, f_baseline = (end.cpu().double() for end in series.ends())
    return HarsanyiEffects(
        values=torch.from_numpy(table),
        names=game.names,
        frame=series.frame,
        delta=f_input - f_baseline,
        f_input=f_input,
        f_baseline=f_baseline,
        diagnostics=dict(game.diagnostics),
    )
