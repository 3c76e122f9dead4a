"""SmoothGrad × Input as weighted Taylor effects: moments of the noise, eq. (14) to (17)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from taylorattr.allocation.rule import RULES
from taylorattr.analysis.game import Game
from taylorattr.errors import OptionError
from taylorattr.methods.gradient.smooth_grad import deviations
from taylorattr.reformulation.gradient_methods import by_player, deltas, doubts
from taylorattr.reformulation.request import Answer, Request, Rows
from taylorattr.reformulation.shared_out import SAMPLING, mean, shared_out, smooth
from taylorattr.reformulation.truncation import lagrange_bound, ratios

NOISY = 8
"""Noisy inputs whose tails are looked at."""

PLACES = 5
"""Points of the segment to each of them."""


def smooth_grad(request: Request) -> Answer:
    """κ_i times moments of the noise; where some Δ_j = 0, over the coefficients ∂^κ f(b)/κ!."""
    if request.options["multiply_by"] != "delta":
        raise OptionError(
            f"smooth_grad with multiply_by={request.options['multiply_by']!r} is not a sum of effects; leave "
            "it at 'delta'"
        )
    rule = request.rule()
    tables, contexts, bounds, remarks = [], [], [], []
    games = [request.game(start) for start in request.starts]
    sigmas = [deviations(g, request.options["stdev"], request.options["noise_level"]) for g in games]
    pairs = [
        {"sigma": by_player(g, s), "Delta": by_player(g, deltas(g))}
        for g, s in zip(games, sigmas, strict=True)
    ]
    still = any(bool(((c["Delta"] == 0) & (c["sigma"] != 0)).any()) for c in pairs)
    if still and rule.frames == ("input",):
        raise OptionError(
            "smooth_grad in frame 'input' has no finite ratio where Δ = 0 and σ ≠ 0, eq. (17); leave frame "
            "out"
        )
    if still:
        rule = RULES["smooth_grad/coefficients"]
        remarks.append("some Δ = 0: the effects are the coefficients ∂^κ f(b)/κ!, those at Δ = 1, eq. (17)")
    for game, sigma, context in zip(games, sigmas, pairs, strict=True):
        far = tuple(b + 1 for b in game.baselines) if still else game.inputs
        table = request.taylor(far, game.baselines, request.order, rule.frames[0])
        tables.append(table)
        contexts.append(context)
        if request.bound:
            origin = game.inputs if table.frame == "input" else game.baselines
            bounds.append(_noisy_tail(request, game, sigma, origin) * smooth(table))
    answer = shared_out(rule, tables, contexts)
    direct = request.direct
    answer.allocated = replace(answer.allocated, f_input=direct.f_input, f_baseline=direct.f_baseline)
    if bounds:
        answer.errors["truncation"] = mean(bounds)
        remarks.append(
            f"truncation at order {request.order}: an estimate, the mean over {NOISY} noisy inputs of "
            "Lagrange's form, eq. (59). The noise reaches beyond any disc of convergence, so the orders need "
            "not tend to the method; for polynomials they do"
        )
    if direct.standard_errors is not None:
        answer.errors["sampling"] = SAMPLING * direct.standard_errors
    answer.remarks = (*remarks, *doubts(tables, rule))
    return answer


def _noisy_tail(request: Request, game: Game, sigmas: Rows, origin: Rows) -> Tensor:
    """Return the mean over noisy inputs y of what order K leaves out of Δ_i ∂_i f(y), shape (B, n).

    The tail of (y − o)_i ∂_i f(y), expanded at o, is that of Gradient × Input; the factor Δ_i/(y − o)_i makes
    it that of Δ_i ∂_i f(y).
    """
    generator = torch.Generator().manual_seed(request.seed)
    found = []
    for _ in range(NOISY):
        noise = [torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x) for x in game.inputs]
        y = tuple(x + s * e for x, s, e in zip(game.inputs, sigmas, noise, strict=True))
        tail = lagrange_bound(
            ratios(RULES["gradient_x_input"], {}),
            request.undiagnosed,
            y,
            origin,
            request.order,
            points=PLACES,
        )
        steps = by_player(game, tuple(a - o for a, o in zip(y, origin, strict=True))).cpu()
        ratio = (by_player(game, deltas(game)).cpu() / steps).abs()
        found.append(torch.where(tail == 0, tail, tail * ratio))
    return mean(found)
