"""Gradient methods as weighted Taylor effects of the players."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from taylorattr.allocation.context import Context
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.analysis.game import Game
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError, TaylorAttrWarning
from taylorattr.maths.path_rules import path_rule
from taylorattr.methods.gradient.smooth_grad import deviations
from taylorattr.reformulation.answer import Answer, Request, Rows, kinks, mean, shared_out, smooth
from taylorattr.reformulation.truncation import (
    POINTS,
    POINTS_OF_MANY,
    lagrange_bound,
    quadrature_error,
    ratios,
)

NOISY_INPUTS = 8
"""Noisy inputs whose tails are looked at."""


def gradient_x_input(request: Request) -> Answer:
    """Δ_i ∂_i f(x): κ_i in frame b; in frame x the first-order effects and nothing else, eq. (13)."""
    factor = request.options["multiply_by"]
    if factor == "none":
        raise OptionError(
            "gradient_x_input with multiply_by='none' is a gradient and shares nothing out; leave it at "
            "'delta'"
        )
    if factor == "input":
        return from_terms(
            request,
            RULES["gradient_x_input/plain_x"],
            lambda game: {"x": by_player(game, game.inputs), "Delta": by_player(game, deltas(game))},
        )
    return from_terms(request, request.rule())


def integrated_gradients(request: Request) -> Answer:
    """κ_i/m in either frame, eq. (18); a quadrature's part of the difference by eq. (19)."""
    if request.options["multiply_by"] != "delta":
        raise OptionError(
            "integrated_gradients with multiply_by='none' shares nothing out; leave it at 'delta'"
        )
    said = request.direct.diagnostics
    paths = said.get("each_reference", [said])
    answer = from_terms(request, request.rule())
    add_quadrature(answer, request, [(path["mode"], path["rule"], path["n_steps"]) for path in paths])
    return answer


def expected_gradients(request: Request) -> Answer:
    """κ_i/m at each reference's own point, then the mean, eq. (21)."""
    said = request.direct.diagnostics
    answer = from_terms(request, request.rule())
    if said["mode"] == "sample":
        answer.remarks += ("the method samples references and places on the path; mode='full' does not",)
        return answer
    answer.errors.pop("sampling", None)  # those of drawing the references, which both have in common
    ways = zip(said["each_path"], said["n_steps"], strict=True)
    add_quadrature(answer, request, [(way, "gauss_legendre", counts) for way, counts in ways])
    return answer


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
            f"truncation at order {request.order}: an estimate, the mean over {NOISY_INPUTS} noisy inputs of "
            "Lagrange's form, eq. (59). The noise reaches beyond any disc of convergence, so the orders need "
            "not tend to the method; for polynomials they do"
        )
    answer.add_sampling(direct)
    answer.remarks = (*remarks, *doubts(tables, rule))
    return answer


def _noisy_tail(request: Request, game: Game, sigmas: Rows, origin: Rows) -> Tensor:
    """Return the mean over noisy inputs y of what order K leaves out of Δ_i ∂_i f(y), shape (B, n).

    The tail of (y − o)_i ∂_i f(y), expanded at o, is that of Gradient × Input; the factor Δ_i/(y − o)_i makes
    it that of Δ_i ∂_i f(y).
    """
    generator = request.question.generator()
    found = []
    for _ in range(NOISY_INPUTS):
        noise = [torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x) for x in game.inputs]
        y = tuple(x + s * e for x, s, e in zip(game.inputs, sigmas, noise, strict=True))
        tail = lagrange_bound(
            ratios(RULES["gradient_x_input"], {}),
            request.undiagnosed,
            y,
            origin,
            request.order,
            points=POINTS_OF_MANY,
        )
        steps = by_player(game, tuple(a - o for a, o in zip(y, origin, strict=True))).cpu()
        ratio = (by_player(game, deltas(game)).cpu() / steps).abs()
        found.append(torch.where(tail == 0, tail, tail * ratio))
    return mean(found)


def add_quadrature(answer: Answer, request: Request, paths: list[tuple[str, Any, list[int]]]) -> None:
    """Add what the nodes change up to order K, and weigh the tail as the nodes do, eq. (19)."""
    quadrature = RULES["integrated_gradients/quadrature"]
    found, grown = [], []
    for (way, name, counts), table in zip(paths, answer.effects, strict=True):
        assert isinstance(table, TaylorEffects)
        if way != "quadrature":
            found.append(torch.zeros_like(answer.errors["rounding"]))
            grown.append(torch.ones(len(counts), 1, dtype=torch.float64))
            continue
        nodes = [_nodes(name, count) for count in counts]
        found.append(quadrature_error(quadrature, table, nodes))
        # max |Σ κ_i I_τ| Σ_q ω_q α_q^K bounds the tail; the bound at hand has 1/(K + 1) in place of the sum
        top = request.order + 1
        shares = [float((node["omega"] * node["alpha"] ** (top - 1)).sum()) for node in nodes]
        grown.append(torch.tensor([top * share for share in shares], dtype=torch.float64)[:, None])
    answer.errors["quadrature"] = mean(found)
    if "truncation" in answer.errors:
        answer.errors["truncation"] = answer.errors["truncation"] * torch.stack(grown).amax(0).clamp_min(1)


def _nodes(rule: Any, count: int) -> dict[str, Any]:
    alpha, omega = path_rule(rule, int(count))
    return {"alpha": alpha, "omega": omega}


def from_terms(
    request: Request, rule: AllocationRule, context_of: Callable[[Game], Context] = lambda game: {}
) -> Answer:
    """Return Σ w·I over the Taylor effects of every baseline, with bounds of what separates it.

    Args:
        request: What is asked.
        rule: The ratio.
        context_of: What it reads besides κ.
    """
    frame = request.frame if request.frame in rule.frames else rule.frames[0]
    tables, contexts, bounds = [], [], []
    for start in request.starts:
        game = request.game(start)
        with warnings.catch_warnings():
            if not rule.domain.series:  # first order at x is everything, whatever lies between
                warnings.simplefilter("ignore", TaylorAttrWarning)
            table = request.taylor(game.inputs, game.baselines, request.order, frame)
        tables.append(table)
        contexts.append(context_of(game))
        if request.bound:
            weights = ratios(rule, contexts[-1])
            found = lagrange_bound(weights, request.undiagnosed, game.inputs, game.baselines, request.order)
            bounds.append(found * _validity(rule, table))
    answer = shared_out(rule, tables, contexts)
    if bounds:
        answer.errors["truncation"] = mean(bounds)
        answer.remarks += (
            f"truncation at order {request.order}: Lagrange's form, the largest next order among {POINTS} "
            "points of the segment, eq. (59)",
        )
    answer.add_sampling(request.direct)
    answer.remarks += doubts(tables, rule)
    return answer


def _validity(rule: AllocationRule, table: TaylorEffects) -> Tensor | float:
    """Return NaN where no bound of the tail holds; first-order ratios leave nothing out."""
    return smooth(table) if rule.domain.series else 1.0


def doubts(tables: list[TaylorEffects], rule: AllocationRule) -> tuple[str, ...]:
    """Return what speaks against the series, where the ratio needs one, and what needs none."""
    said, bent = unsure(tables) if rule.domain.series else ("", False)
    if not bent:
        return (said,) if said else ()
    own = {
        "gradient_x_input": "; frame='input' is exact wherever the model has a gradient at x",
        "grad_cam": "; frame='input' is exact for any head with a gradient at A",
        "integrated_gradients": "; this method still shares every J(S) among the players of S, eq. (20), but "
        "in parts that belong to the network",
    }
    return (
        f"{said}. No Taylor series crosses a kink and no bound of its tail holds there, so what is left is "
        "not explained. shapley and occlusion_1 are sums of coalitions' effects and exact for every model"
        f"{own.get(rule.method, '')}",
    )


def unsure(tables: list[TaylorEffects]) -> tuple[str, bool]:
    """Return what speaks against the series of one example, "" if nothing does, and whether it is kinks."""
    found = [(r, e) for r, t in enumerate(tables) for e in range(t.batch) if not bool(t.converged[e])]
    if not found:
        return "", False
    r, e = next(((r, e) for r, e in found if kinks(tables[r], e)), found[0])
    where = f"example {e}" + (f", reference {r}" if len(tables) > 1 else "")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{where}{more}: {tables[r].reasons[e]}", bool(kinks(tables[r], e))


def deltas(game: Game) -> Rows:
    """Return Δ = x − b of every element."""
    return tuple(x - b for x, b in zip(game.inputs, game.baselines, strict=True))


def by_player(game: Game, elements: Rows) -> Tensor:
    """Return one number per player from one per element, (B, n).

    Raises:
        OptionError: If a player has several elements: its effects do not tell them apart.
    """
    owners = torch.cat([owner.reshape(-1) for owner in game.maps])
    flat = torch.cat([e.reshape(len(e), -1) for e in elements], dim=1)
    if bool((torch.bincount(owners[owners >= 0], minlength=game.n) != 1).any()):
        raise OptionError(
            f"this ratio has a value for each of {flat.shape[1]} elements, and {game.n} players move them in "
            "groups: leave players out, or use integrated_gradients, which needs no such values"
        )
    table = flat.new_zeros(len(flat), game.n)
    table[:, owners[owners >= 0]] = flat[:, owners >= 0]
    return table
