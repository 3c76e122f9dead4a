"""Occlusion methods as weighted effects of coalitions: exact for every model that affords 2^n outputs."""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.aliases import Frame
from taylorattr.allocation.context import Context
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.effects.harsanyi import coalition_effects
from taylorattr.effects.taylor import taylor_effects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError
from taylorattr.methods.occlusion.occlusion_patch import player_windows
from taylorattr.reformulation.answer import (
    ERRORS_ALLOWED,
    Answer,
    MethodRequest,
    shared_out,
    smooth,
)
from taylorattr.reformulation.gradient_methods import unsure
from taylorattr.reformulation.truncation import WINDOWS_WITH_RAYS, ray_tails

WINDOWS_AS_PLAYERS = (
    "; windows that do not overlap can be the players themselves, for occlusion_1, which is exact for any "
    "number of them in frame='input'"
)
"""Advice for many windows."""


def occlusion_1(request: MethodRequest) -> Answer:
    """1[i∈S] in frame b, 1[S={i}] in frame x."""
    return _answer(request, request.rule(), {}, torch.eye(request.direct.n), players_alone=True)


def by_coalitions(request: MethodRequest) -> Answer:
    """Return the method's own ratio on the effects of coalitions, such as 1/|S|, eq. (27)."""
    answer = _answer(request, request.rule(), {}, None)
    if answer.add_sampling(request.direct):
        answer.remarks += (f"the method samples: {ERRORS_ALLOWED:g} of its standard errors are allowed",)
    return answer


def occlusion_patch(request: MethodRequest) -> Answer:
    """Windows with their coefficients, eq. (25)."""
    game = request.against(request.starts[0], integers_allowed=True).game
    wanted = (request.options[name] for name in ("window", "stride", "windows"))
    table, _ = player_windows(game, *wanted)
    averaged = request.options["overlap"] == "average"
    rule = RULES["occlusion_patch/windows" if averaged else "occlusion_patch/windows_shared"]
    windows = table.members(0, len(table)).long()
    return _answer(request, rule, {"W": windows}, windows, advice=WINDOWS_AS_PLAYERS)


def prediction_difference(request: MethodRequest) -> Answer:
    """Return 1[i∈S] at each reference, then the mean.

    Raises:
        OptionError: For log-odds, which are no sum of effects.
    """
    if request.options["form"] == "log_odds":
        raise OptionError(
            "prediction_difference in log-odds is no sum of effects of f nor of logit f, eq. (26); use "
            "form='difference', or analyse a model whose output is the logit"
        )
    answer = _answer(request, request.rule(), {}, torch.eye(request.direct.n), players_alone=True)
    if request.options["tol"] is not None and answer.add_sampling(request.direct):
        answer.remarks += (
            "tol= lets the method take a part of the references, the effects are those of all",
        )
    return answer


def _answer(
    request: MethodRequest,
    rule: AllocationRule,
    context: Context,
    windows: Tensor | None,
    *,
    players_alone: bool = False,
    advice: str = "",
) -> Answer:
    """Return the allocation of coalitions' effects, or of what stands for them where they are too many.

    Args:
        request: What is asked.
        rule: The ratio.
        context: What it reads besides κ.
        windows: Players that are replaced together, shape (W, n), 0 or 1; None where there are no windows.
        players_alone: Whether the score of a player is its own effect in frame x.
        advice: What else to do about many players.

    Raises:
        OptionError: A frame without ratio.
    """
    frame = request.frame or rule.frames[0]
    if frame not in rule.frames:
        raise OptionError(f"{rule.name} has no ratio in frame {frame!r}; it has one in {rule.frame!r}")
    if request.direct.n <= request.max_players:
        exact = [
            coalition_effects(request.against(start, integers_allowed=True)).in_frame(frame)
            for start in request.starts
        ]
        return shared_out(rule, exact, [context] * len(exact))
    if players_alone and (frame == "input" or request.frame is None):
        return _players_alone(request)
    return _from_terms(request, rule, context, windows, frame, advice)


def _players_alone(request: MethodRequest) -> Answer:
    """Return the allocation in frame x, where the OR-effect of each player alone is its score, eq. (8)."""
    n = request.direct.n
    singles = [
        coalition_effects(request.against(start, integers_allowed=True), "input", max_order=1)
        for start in request.starts
    ]
    answer = shared_out(RULES["occlusion_1/input"], singles, [{}] * len(singles))
    answer.remarks += (
        f"{n} players have too many coalitions for frame 'baseline'; in frame 'input' the score of a "
        "player is its own OR-effect Jˣ({i}), and n + 1 outputs are enough",
    )
    return answer


def _from_terms(
    request: MethodRequest,
    rule: AllocationRule,
    context: Context,
    windows: Tensor | None,
    frame: Frame,
    advice: str,
) -> Answer:
    """Return the allocation of terms up to the order, which stand for the effects of too many coalitions.

    Raises:
        OptionError: For integer inputs, which have no Taylor effects.
    """
    n = request.direct.n
    remedy = (
        "group the inputs with players= (ta.Players.grid or .patches for images, .tokens for text, .columns "
        f"for tables), or raise max_players={request.max_players}{advice}"
    )
    if any(not x.is_floating_point() for x in request.question.rows):
        raise OptionError(
            f"{n} players have 2^{n} coalitions, and integer inputs no Taylor effects to "
            f"stand for them: {remedy}"
        )
    rays = windows is not None and len(windows) <= WINDOWS_WITH_RAYS and request.bound and frame == "baseline"
    tables: list[TaylorEffects] = []
    tails = []
    for start in request.starts:
        question = request.against(start)
        tables.append(taylor_effects(question, request.order, frame, diagnose=True, every_kink=True))
        if rays and windows is not None:
            of_windows = ray_tails(question, windows, request.order)
            tails.append(_to_receivers(rule, windows, of_windows) * smooth(tables[-1]))
    answer = shared_out(rule, tables, [context] * len(tables))
    remark = f"terms up to order {request.order} stand for the 2^{n} coalitions of {n} players"
    if tails:
        answer.errors["truncation"] = torch.stack(tails).mean(0)
        remark += "; what they leave out is bounded along the ray of each window, eq. (58), (59)"
    else:
        answer.errors["truncation"] = torch.full_like(answer.errors["rounding"], torch.nan)
        remark += "; no bound is known of what they leave out of each score"
    doubt, _ = unsure(tables)
    answer.remarks += (f"{remark}. For exact effects {remedy}", *([doubt] if doubt else []))
    return answer


def _to_receivers(rule: AllocationRule, windows: Tensor, tails: Tensor) -> Tensor:
    """Return Σ_W c_{W,i} tail_W, (B, n), with the rule's coefficients: averaged, or shared in a window."""
    members = windows.double()
    # by how many players a window has, or by how many windows have the player
    counted_along = 1 if rule.variant == "windows_shared" else 0
    return tails @ (members / members.sum(counted_along, keepdim=True).clamp_min(1))
