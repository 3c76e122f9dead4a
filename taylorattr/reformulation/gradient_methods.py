"""Gradient methods as weighted Taylor effects of the players."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from taylorattr.allocation.context import Context
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.analysis.game import Game
from taylorattr.analysis.question import Question
from taylorattr.effects.taylor import taylor_effects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError, TaylorAttrWarning
from taylorattr.maths.path_rules import path_rule
from taylorattr.methods.gradient.smooth_grad import deviations
from taylorattr.reformulation.answer import Answer, MethodRequest, Rows, kinks, shared_out, smooth
from taylorattr.reformulation.truncation import POINTS, POINTS_OF_MANY, lagrange_bound

NOISY_INPUTS = 8
"""Noisy inputs whose tails are looked at."""


def by_terms(request: MethodRequest) -> Answer:
    """Return the method's own ratio on Taylor effects."""
    return from_terms(request, request.rule())


def gradient_x_input(request: MethodRequest) -> Answer:
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


def integrated_gradients(request: MethodRequest) -> Answer:
    """κ_i/m in either frame, eq. (18); a quadrature's part of the difference by eq. (19)."""
    if request.options["multiply_by"] != "delta":
        raise OptionError(
            "integrated_gradients with multiply_by='none' shares nothing out; leave it at 'delta'"
        )
    facts = request.direct.diagnostics
    paths = facts.get("each_reference", [facts])
    answer = from_terms(request, request.rule())
    add_quadrature(answer, request, [(path["mode"], path["rule"], path["n_steps"]) for path in paths])
    return answer


def expected_gradients(request: MethodRequest) -> Answer:
    """κ_i/m at each reference's own point, then the mean, eq. (21)."""
    facts = request.direct.diagnostics
    answer = from_terms(request, request.rule())
    if facts["mode"] == "sample":
        answer.remarks += ("the method samples references and places on the path; mode='full' does not",)
        return answer
    answer.errors.pop("sampling", None)  # those of drawing the references, which both have in common
    ways = zip(facts["each_path"], facts["n_steps"], strict=True)
    add_quadrature(answer, request, [(way, "gauss_legendre", counts) for way, counts in ways])
    return answer


def smooth_grad(request: MethodRequest) -> Answer:
    """κ_i times moments of the noise; where some Δ_j = 0, over the coefficients ∂^κ f(b)/κ!."""
    if request.options["multiply_by"] != "delta":
        raise OptionError(
            f"smooth_grad with multiply_by={request.options['multiply_by']!r} is not a sum of effects; leave "
            "it at 'delta'"
        )
    rule = request.rule()
    tables, bounds, remarks = [], [], []
    questions = [request.against(start) for start in request.starts]
    games = [question.game for question in questions]
    sigmas = [deviations(g, request.options["stdev"], request.options["noise_level"]) for g in games]
    contexts = [
        {"sigma": by_player(g, s), "Delta": by_player(g, deltas(g))}
        for g, s in zip(games, sigmas, strict=True)
    ]
    still = any(bool(((c["Delta"] == 0) & (c["sigma"] != 0)).any()) for c in contexts)
    if still and rule.frames == ("input",):
        raise OptionError(
            "smooth_grad in frame 'input' has no finite ratio where Δ = 0 and σ ≠ 0, eq. (17); leave frame "
            "out"
        )
    if still:
        rule = RULES["smooth_grad/coefficients"]
        remarks.append("some Δ = 0: the effects are the coefficients ∂^κ f(b)/κ!, those at Δ = 1, eq. (17)")
    for question, game, sigma in zip(questions, games, sigmas, strict=True):
        expanded = question
        if still:
            expanded = question.with_inputs(tuple(b + 1 for b in game.baselines), game.baselines)
        table = taylor_effects(expanded, request.order, rule.frames[0], diagnose=True, every_kink=True)
        tables.append(table)
        if request.bound:
            origin = game.inputs if table.frame == "input" else game.baselines
            tail = _noisy_tail(question, sigma, origin, request.order, request.question.generator())
            bounds.append(tail * smooth(table))
    answer = shared_out(rule, tables, contexts)
    direct = request.direct
    answer.allocated = replace(answer.allocated, f_input=direct.f_input, f_baseline=direct.f_baseline)
    if bounds:
        answer.errors["truncation"] = torch.stack(bounds).mean(0)
        remarks.append(
            f"truncation at order {request.order}: an estimate, the mean over {NOISY_INPUTS} noisy inputs of "
            "Lagrange's form, eq. (59). The noise reaches beyond any disc of convergence, so the orders need "
            "not tend to the method; for polynomials they do"
        )
    answer.add_sampling(direct)
    answer.remarks = (*remarks, *doubts(tables, rule))
    return answer


def _noisy_tail(
    question: Question, sigmas: Rows, origin: Rows, order: int, generator: torch.Generator
) -> Tensor:
    """Return the mean over noisy inputs y of what order K leaves out of Δ_i ∂_i f(y), shape (B, n).

    The tail of (y − o)_i ∂_i f(y), expanded at o, is that of Gradient × Input; the factor Δ_i/(y − o)_i makes
    it that of Δ_i ∂_i f(y).
    """
    game, gradient = question.game, RULES["gradient_x_input"]
    tails = []
    for _ in range(NOISY_INPUTS):
        noise = [torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x) for x in game.inputs]
        y = tuple(x + s * e for x, s, e in zip(game.inputs, sigmas, noise, strict=True))
        tail = lagrange_bound(question, gradient.ratios, y, origin, order, points=POINTS_OF_MANY)
        steps = by_player(game, tuple(a - o for a, o in zip(y, origin, strict=True))).cpu()
        ratio = (by_player(game, deltas(game)).cpu() / steps).abs()
        tails.append(torch.where(tail == 0, tail, tail * ratio))
    return torch.stack(tails).mean(0)


def add_quadrature(answer: Answer, request: MethodRequest, paths: list[tuple[str, Any, list[int]]]) -> None:
    """Add what nodes change up to order K, and weigh the tail as they do, eq. (19).

    The change is |Σ_κ κ_i (1/|κ| − Q(|κ|)) I(κ)|.
    """
    quadrature = RULES["integrated_gradients/quadrature"]
    changes, growths = [], []
    for (way, name, counts), table in zip(paths, answer.effects, strict=True):
        assert isinstance(table, TaylorEffects)
        if way != "quadrature":
            changes.append(torch.zeros_like(answer.errors["rounding"]))
            growths.append(torch.ones(len(counts), 1, dtype=torch.float64))
            continue
        kappas, top = table.multi_indices, request.order + 1
        exact = kappas / kappas.sum(1, keepdims=True)  # not by the rule that is put to the test
        change, growth = [], []
        for e, count in enumerate(counts):
            alpha, omega = path_rule(name, int(count))
            ratios = quadrature.ratios(kappas, {"alpha": alpha, "omega": omega})
            change.append(table.values[e].double().cpu() @ torch.from_numpy(exact - ratios))
            # max |Σ κ_i I_τ| Σ_q ω_q α_q^K bounds the tail; the bound at hand has 1/(K + 1) for the sum
            growth.append(top * float((omega * alpha ** (top - 1)).sum()))
        changes.append(torch.stack(change).abs())
        growths.append(torch.tensor(growth, dtype=torch.float64)[:, None])
    answer.errors["quadrature"] = torch.stack(changes).mean(0)
    if "truncation" in answer.errors:
        answer.errors["truncation"] = answer.errors["truncation"] * torch.stack(growths).amax(0).clamp_min(1)


def from_terms(
    request: MethodRequest, rule: AllocationRule, context_of: Callable[[Game], Context] | None = None
) -> Answer:
    """Return Σ w·I over the Taylor effects of every baseline, with bounds of what separates it.

    Args:
        request: What is asked.
        rule: The ratio.
        context_of: What it reads besides κ; None: nothing.
    """
    frame = request.frame if request.frame in rule.frames else rule.frames[0]
    tables, contexts, bounds = [], [], []
    for start in request.starts:
        question = request.against(start)
        game = question.game
        with warnings.catch_warnings():
            if not rule.domain.series:  # first order at x is everything, whatever lies between
                warnings.simplefilter("ignore", TaylorAttrWarning)
            table = taylor_effects(question, request.order, frame, diagnose=True, every_kink=True)
        context = {} if context_of is None else context_of(game)
        tables.append(table)
        contexts.append(context)
        if request.bound:
            weights = partial(rule.ratios, context=context)
            tail = lagrange_bound(question, weights, game.inputs, game.baselines, request.order)
            # NaN where kinks leave the tail without a bound; a first-order ratio leaves nothing out
            bounds.append(tail * smooth(table) if rule.domain.series else tail)
    answer = shared_out(rule, tables, contexts)
    if bounds:
        answer.errors["truncation"] = torch.stack(bounds).mean(0)
        answer.remarks += (
            f"truncation at order {request.order}: Lagrange's form, the largest next order among {POINTS} "
            "points of the segment, eq. (59)",
        )
    answer.add_sampling(request.direct)
    answer.remarks += doubts(tables, rule)
    return answer


def doubts(tables: list[TaylorEffects], rule: AllocationRule) -> tuple[str, ...]:
    """Return what speaks against the series, where the ratio needs one, and what needs none."""
    doubt, bent = unsure(tables) if rule.domain.series else ("", False)
    if not bent:
        return (doubt,) if doubt else ()
    own = {
        "gradient_x_input": "; frame='input' is exact wherever the model has a gradient at x",
        "grad_cam": "; frame='input' is exact for any head with a gradient at A",
        "integrated_gradients": "; this method still shares every J(S) among the players of S, eq. (20), but "
        "in parts that belong to the network",
    }
    return (
        f"{doubt}. No Taylor series crosses a kink and no bound of its tail holds there, so what is left is "
        "not explained. shapley and occlusion_1 are sums of coalitions' effects and exact for every model"
        f"{own.get(rule.method, '')}",
    )


def unsure(tables: list[TaylorEffects]) -> tuple[str, bool]:
    """Return what speaks against the series of one example, "" if nothing does, and whether it is kinks."""
    unconverged = [(r, e) for r, t in enumerate(tables) for e in range(t.batch) if not bool(t.converged[e])]
    if not unconverged:
        return "", False
    r, e = next(((r, e) for r, e in unconverged if kinks(tables[r], e)), unconverged[0])
    where = f"example {e}" + (f", reference {r}" if len(tables) > 1 else "")
    more = f" (and {len(unconverged) - 1} more)" if len(unconverged) > 1 else ""
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
