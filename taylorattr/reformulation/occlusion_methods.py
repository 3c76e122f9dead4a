"""Occlusion methods as weighted effects of coalitions: exact for every model that affords 2^n outputs."""

from __future__ import annotations

import torch

from taylorattr.allocation.allocate import allocate
from taylorattr.allocation.context import Context
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.autodiff.game import bind
from taylorattr.methods.occlusion.player_windows import player_windows
from taylorattr.reformulation.gradient_methods import SAMPLING, rule_of
from taylorattr.reformulation.request import Answer, Request, Rows
from taylorattr.reformulation.rounding import rounding


def from_coalitions(request: Request) -> Answer:
    """Occlusion-1 (1[i∈S]) and Shapley values (1/|S|), eq. (27)."""
    return _answer(request, rule_of(request), {})


def occlusion_patch(request: Request) -> Answer:
    """Windows with their coefficients, eq. (25)."""
    game = bind(request.model, request.inputs, request.baselines, **request.shared)
    wanted = (request.options.get(name) for name in ("window", "stride", "windows"))
    found, _ = player_windows(game, *wanted)
    averaged = request.options.get("overlap", "average") == "average"
    rule = RULES["occlusion_patch/windows" if averaged else "occlusion_patch/windows_shared"]
    return _answer(request, rule, {"W": found.members(0, len(found)).long()})


def prediction_difference(request: Request) -> Answer:
    """1[i∈S] at each reference, then the mean."""
    rule = RULES["prediction_difference"]
    count = len(request.baselines[0])
    starts = [tuple(b[r : r + 1] for b in request.baselines) for r in range(count)]
    return _answer(request, rule, {}, starts)


def _answer(
    request: Request, rule: AllocationRule, context: Context, starts: list[Rows] | None = None
) -> Answer:
    exact = request.n <= request.max_players
    frame = request.frame or rule.frames[0]
    tables = []
    for start in starts or [request.baselines]:
        if exact:
            tables.append(request.coalitions(start).in_frame(frame))  # pyright: ignore[reportArgumentType]
        else:
            points = tuple(b.expand_as(x) for b, x in zip(start, request.inputs, strict=True))
            tables.append(request.taylor(request.inputs, points, request.order, frame))
    allocated = allocate(rule, tables if rule.per_reference else tables[0], context)
    answer = Answer(allocated, rule, tuple(tables), (context,) * len(tables))
    answer.errors = {"rounding": torch.stack([rounding(rule, context, t) for t in tables]).mean(0)}
    if not exact:
        answer.remarks += (
            f"{request.n} players have too many coalitions, so terms up to order {request.order} stand for "
            "the effects; what they leave out is not bounded here: group the inputs with players=, or raise "
            "max_players",
        )
    if request.direct.standard_errors is not None and not rule.per_reference:
        answer.errors["sampling"] = SAMPLING * request.direct.standard_errors
    return answer
