"""Designed rules: their own ratio on exact effects of coalitions, or on Taylor effects of the players."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from taylorattr.allocation.rule import RULES, CarriesRule
from taylorattr.effects.harsanyi import coalition_effects
from taylorattr.errors import OptionError
from taylorattr.reformulation.answer import Answer, MethodRequest, shared_out
from taylorattr.reformulation.gradient_methods import add_quadrature, from_terms

ALLOWED = 10.0
"""Times the error that a computation reports: it is taken from the sum of the scores, in which errors of the
players may cancel."""


def designed_rule(request: MethodRequest) -> Answer:
    """Return Σ w·I by the ratio that the rule was defined by.

    Support-level rules are rebuilt from the exact effects of all coalitions up to ``max_players``; others,
    and beyond that, from Taylor effects.

    Args:
        request: What is asked, of a method that a designed rule carries.

    Raises:
        OptionError: Another frame than the rule's, receivers that are coalitions, or a rule that is not filed
            in ``ta.RULES``, where a result looks its ratio up.
    """
    owner = request.entry.owner
    if not isinstance(owner, CarriesRule):
        raise OptionError(f"{request.entry.name} has no ratio to hold its scores against")
    rule = owner.rule
    if request.frame is not None and request.frame not in rule.frames:
        raise OptionError(
            f"{rule.name} has no ratio in frame {request.frame!r}; it has one in {rule.frame!r}, and "
            "ta.design.transport(rule) is the same rule in the other"
        )
    if rule.name not in RULES:
        raise OptionError(
            f"{rule.name} is not filed in ta.RULES, where a reformulation looks its ratio up: file it with "
            f"ta.RULES.add(rule)"
        )
    players = request.against(request.starts[0], integers_allowed=True).game.names
    context = owner.context(players)
    if rule.granularity == "support" and len(players) <= request.max_players:
        frame = request.frame or rule.frames[0]
        exact = [
            coalition_effects(request.against(start, integers_allowed=True)).in_frame(frame)  # pyright: ignore[reportArgumentType]
            for start in request.starts
        ]
        answer = shared_out(rule, exact, [context] * len(exact))
    else:
        answer = from_terms(request, rule, lambda game: context)
    reports = request.direct.diagnostics.get("each_reference", [request.direct.diagnostics])
    if all("mode" in each for each in reports) and answer.effects and rule.granularity == "term":
        # the rule is Integrated Gradients and was computed as such
        paths = [(each["mode"], each["rule"] or "gauss_legendre", each["n_steps"]) for each in reports]
        add_quadrature(answer, request, paths)
    else:
        _add_own_error(answer, request, reports)
    answer.add_sampling(request.direct)
    return answer


def _add_own_error(answer: Answer, request: MethodRequest, reports: list[dict[str, Any]]) -> None:
    """Add the error that the rule reports of its computation, relative to Σ|scores|."""
    sizes = request.direct.player_scores.abs().sum(1, keepdim=True)
    own = torch.stack([_relative(each, len(sizes)) for each in reports]).mean(0) * sizes * ALLOWED
    if bool((own != 0).any()):
        answer.errors["computation"] = own
        ways = ", ".join(dict.fromkeys(str(each.get("way")) for each in reports))
        answer.remarks += (
            f"the scores are computed with an error of their own (way: {ways}): {ALLOWED:g} times what their "
            "diagnostics say is allowed",
        )


def _relative(report: dict[str, Any], batch: int) -> Tensor:
    """Return the relative error, (B, 1): 0 where all is exact or sampled, NaN where none is said."""
    parts = report.get("parts", {})
    if parts:
        exact = all(not bool(_relative(part, batch).any()) for part in parts.values())
        return torch.full((batch, 1), 0.0 if exact else torch.nan, dtype=torch.float64)
    if report.get("way") == "samples" or report.get("mode", "exact") != "exact":
        unknown = report.get("way") != "samples"
        return torch.full((batch, 1), torch.nan if unknown else 0.0, dtype=torch.float64)
    relative = report.get("error", {}).get("relative", 0.0)
    return torch.as_tensor(relative, dtype=torch.float64).reshape(-1, 1).expand(batch, 1)
