"""Gradient methods as weighted Taylor effects of the players."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from taylorattr.allocation.allocate import allocate
from taylorattr.allocation.context import Context
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.effects.effects import TaylorEffects
from taylorattr.errors import OptionError
from taylorattr.maths.path_rules import path_rule
from taylorattr.reformulation.request import Answer, Request, Rows
from taylorattr.reformulation.rounding import rounding
from taylorattr.reformulation.truncation import lagrange_bound, quadrature_error

SAMPLING = 4.0
"""Standard errors that a sampled score may lie from its mean."""


def gradient_x_input(request: Request) -> Answer:
    """Δ_i ∂_i f(x): κ_i in frame b; in frame x the first-order effects and nothing else, eq. (13)."""
    factor = request.options.get("multiply_by", "delta")
    if factor == "none":
        raise OptionError("gradient_x_input with multiply_by='none' is a gradient and shares nothing out")
    if factor == "input":
        context = {"x": _by_player(request, request.inputs), "Delta": _by_player(request, _deltas(request))}
        return _from_terms(request, context, RULES["gradient_x_input/plain_x"])
    return _from_terms(request, {})


def integrated_gradients(request: Request) -> Answer:
    """κ_i/m in either frame, eq. (18); a quadrature's part of the difference by eq. (19)."""
    if request.options.get("multiply_by", "delta") != "delta":
        raise OptionError(
            "integrated_gradients with multiply_by='none' shares nothing out; leave it at 'delta'"
        )
    answer = _from_terms(request, {})
    said = request.direct.diagnostics
    if said["mode"] == "quadrature" and isinstance(answer.effects[0], TaylorEffects) and answer.rule:
        nodes = [_nodes(said["rule"], int(count)) for count in said["n_steps"]]
        quadrature = RULES["integrated_gradients/quadrature"]
        answer.errors["quadrature"] = quadrature_error(answer.rule, quadrature, answer.effects[0], nodes)
        tail = answer.errors.get("truncation")
        if tail is not None:  # |Q(m)| ≤ 1 where 1/m stands in the bound
            answer.errors["truncation"] = tail * (request.order + 2)
    return answer


def _nodes(rule: Any, count: int) -> dict[str, Any]:
    alpha, omega = path_rule(rule, count)
    return {"alpha": alpha, "omega": omega}


def smooth_grad(request: Request) -> Answer:
    """Moments of the noise times κ_i, eq. (15), (16)."""
    if request.options.get("multiply_by", "delta") != "delta":
        raise OptionError("smooth_grad is reformulated with multiply_by='delta' only")
    context = {"sigma": _by_player(request, _sigmas(request)), "Delta": _by_player(request, _deltas(request))}
    answer = _from_terms(request, context)
    answer.errors.pop("truncation", None)
    answer.remarks += (
        "the noise reaches beyond any disc of convergence: the sum over orders is exact for polynomials, and "
        "no bound of its tail exists otherwise",
    )
    return answer


def _sigmas(request: Request) -> Rows:
    """Return σ of every element as the method chose it."""
    stdev, level = request.options.get("stdev"), float(request.options.get("noise_level", 0.1))
    parts = stdev if isinstance(stdev, tuple) else (stdev,) * len(request.inputs)
    found = []
    for part, x in zip(parts, request.inputs, strict=True):
        flat = x.reshape(len(x), -1)
        spread = (flat.amax(1) - flat.amin(1)).reshape(-1, *([1] * (x.ndim - 1)))
        found.append((level * spread if part is None else torch.as_tensor(part).to(x)).expand(x.shape))
    return tuple(found)


def _deltas(request: Request) -> Rows:
    return tuple(x - b for x, b in zip(request.inputs, request.baselines, strict=True))


def _by_player(request: Request, elements: Rows) -> Tensor:
    """Return one number per player from one per element, (B, n).

    Raises:
        OptionError: If a player has several elements: its effects do not tell their noise apart.
    """
    flat = torch.cat([e.reshape(len(e), -1) for e in elements], dim=1)
    if flat.shape[1] != request.n:
        raise OptionError(
            f"{request.method} has a ratio for each of {flat.shape[1]} elements, and {request.n} players "
            "move them in groups: leave players out"
        )
    return flat


def _from_terms(request: Request, context: Context, rule: AllocationRule | None = None) -> Answer:
    rule = rule_of(request) if rule is None else rule
    frame = request.frame or rule.frames[0]
    effects = request.taylor(request.inputs, request.baselines, request.order, frame)
    answer = Answer(allocate(rule, effects, context), rule, (effects,), (context,))
    answer.errors = {"rounding": rounding(rule, context, effects)}
    if request.bound:
        answer.errors["truncation"] = lagrange_bound(
            rule, context, request.top_order, request.inputs, request.baselines, request.order
        )
    _say(answer, request, effects)
    errors = request.direct.standard_errors
    if errors is not None:
        answer.errors["sampling"] = SAMPLING * errors
    return answer


def _say(answer: Answer, request: Request, effects: TaylorEffects) -> None:
    unsure = [e for e in range(effects.batch) if not bool(effects.converged[e])]
    if unsure:
        answer.remarks += (f"example {unsure[0]}: {effects.reasons[unsure[0]]}",)
    if request.bound:
        answer.remarks += (
            f"truncation at order {request.order}: the largest next order among 9 points of the segment, eq. "
            "(59)",
        )


def rule_of(request: Request) -> AllocationRule:
    """Return the method's rule in the frame asked for.

    Raises:
        OptionError: If the method has no ratio in that frame.
    """
    rules = list(RULES.of_method(request.method))
    if request.frame is None:
        return rules[0]
    for rule in rules:
        if request.frame in rule.frames and rule.variant in ("", "input"):
            return rule
    raise OptionError(
        f"{request.method} has no ratio in frame {request.frame!r}; it has: "
        + ", ".join(f"{rule.name} ({rule.frame})" for rule in rules)
    )


def expected_gradients(request: Request) -> Answer:
    """κ_i/m at each reference's own point, then the mean, eq. (21)."""
    rule = RULES["expected_gradients"]
    count = len(request.baselines[0])
    tables, bounds = [], []
    for r in range(count):
        start = tuple(
            b[r : r + 1].expand_as(x) for b, x in zip(request.baselines, request.inputs, strict=True)
        )
        tables.append(request.taylor(request.inputs, start, request.order))
        if request.bound:
            bounds.append(lagrange_bound(rule, {}, request.top_order, request.inputs, start, request.order))
    answer = Answer(allocate(rule, tables), rule, tuple(tables), ({},) * count)
    answer.errors = {"rounding": torch.stack([rounding(rule, {}, t) for t in tables]).mean(0)}
    if bounds:
        answer.errors["truncation"] = torch.stack(bounds).mean(0)
    if request.direct.standard_errors is not None:
        answer.errors["sampling"] = SAMPLING * request.direct.standard_errors
    worst = [r for r, t in enumerate(tables) if not bool(t.converged.all())]
    if worst:
        answer.remarks += (f"the series is not known to converge from {len(worst)} of {count} references",)
    return answer
