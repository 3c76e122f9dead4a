"""What an order leaves out, per coalition: the degree-by-support table, all exact effects and the tails."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Baselines, Frame, Tensors
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.question import Question
from taylorattr.analysis.shared_parameters import shares_parameters
from taylorattr.analysis.side_effects import preserved_rng
from taylorattr.effects.coalition_table import check_frame
from taylorattr.effects.harsanyi_effects import HarsanyiEffects
from taylorattr.effects.series import TaylorSeries
from taylorattr.errors import BudgetError, OptionError
from taylorattr.maths.mobius import mobius_

MAX_PLAYERS = 16
"""2^n univariate jets are walked; beyond this many players they are refused."""


@shares_parameters
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

    Returns:
        One full table per order; its ``delta`` is that of the whole function, its sum is [s^m] f(b + s·Δ).
        Entries with |S| > m are zero up to rounding.

    Raises:
        OptionError: If the order is below 1 or the frame unknown.
        BudgetError: If there are more than 16 players.

    Source: eq. (57).
    """
    check_frame(frame)
    if order < 1:
        raise OptionError(f"order={order}; expected at least 1")
    question = Question(
        model,
        inputs,
        baselines,
        target=target,
        additional_forward_args=additional_forward_args,
        players=players,
        dtype=dtype,
    )
    with preserved_rng():
        game = question.game
        if game.n > MAX_PLAYERS:
            raise BudgetError(
                f"J_m(S) of {game.n} players needs 2**{game.n} jets (limit {MAX_PLAYERS} players); "
                "group them with players=..., or use decompose(..., order=K).interactions"
            )
        series = TaylorSeries(question, frame)
        f_input, f_baseline = series.ends()
        table = torch.stack([support_table(series, e, order) for e in range(game.batch)])
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


def support_table(series: TaylorSeries, example: int, order: int) -> Tensor:
    """Return J_m(S) of one example, shape (order + 1, 2^n), float64, row m for order m; row 0 is J_0.

    In frame ``input`` the sign of eq. (6) is included: I^x = −(coefficient along −Δ).
    """
    n = series.game.n
    rows = np.ascontiguousarray(series.jets(example, range(1 << n), order).T)
    mobius_(rows)
    rows[1:] *= series.sign
    return torch.from_numpy(rows)


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
    masks = range(1 << game.n)
    table = mobius_(np.stack([series.end_values(example, masks) for example in range(game.batch)]))
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
