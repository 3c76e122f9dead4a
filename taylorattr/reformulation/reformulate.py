"""``ta.reformulate``: a method's own scores beside the weighted sum of effects that they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from taylorattr.aliases import AnyTarget, Baselines, Frame, Tensors
from taylorattr.allocation.context import plain
from taylorattr.analysis.model_errors import analysis_door
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.question import Question
from taylorattr.analysis.shared_parameters import shares_parameters
from taylorattr.attribution import Attribution
from taylorattr.errors import OptionError, require_instance, require_number
from taylorattr.methods.method import AnyMethod, Family, attributed, find
from taylorattr.reformulation.answer import Answer, MethodRequest, Rows
from taylorattr.reformulation.designed_rules import designed_rule
from taylorattr.reformulation.grad_cam import grad_cam
from taylorattr.reformulation.gradient_methods import (
    by_terms,
    expected_gradients,
    gradient_x_input,
    integrated_gradients,
    smooth_grad,
)
from taylorattr.reformulation.layers import through_layers
from taylorattr.reformulation.occlusion_methods import (
    by_coalitions,
    occlusion_1,
    occlusion_patch,
    prediction_difference,
)
from taylorattr.reformulation.result import Reformulation

OF_FAMILY: dict[Family, Callable[[MethodRequest], Answer]] = {
    "gradient": by_terms,
    "occlusion": by_coalitions,
    "relevance": through_layers,
    "rule": designed_rule,
}
"""Family of methods -> how their scores come out of effects: by the ratio of the method alone."""

WITH_A_CONTEXT: dict[str, Callable[[MethodRequest], Answer]] = {
    "gradient_x_input": gradient_x_input,
    "smooth_grad": smooth_grad,
    "integrated_gradients": integrated_gradients,
    "expected_gradients": expected_gradients,
    "grad_cam": grad_cam,
    "occlusion_1": occlusion_1,
    "occlusion_patch": occlusion_patch,
    "prediction_difference": prediction_difference,
}
"""Method -> the same, where its options, nodes or windows have a say as well."""

MOST_ENUMERATED_PLAYERS = 14
"""Most players whose 2^n coalitions are evaluated by default."""


@shares_parameters
@analysis_door
def reformulate(
    method: AnyMethod,
    model: Callable[..., Any],
    inputs: Tensors,
    baselines: Baselines = None,
    *,
    target: AnyTarget = None,
    order: int = 4,
    frame: Frame | None = None,
    players: PlayersLike = None,
    additional_forward_args: Any = None,
    references: Tensors | None = None,
    max_players: int = MOST_ENUMERATED_PLAYERS,
    bound: bool = True,
    seed: int = 0,
    internal_batch_size: int | None = None,
    show_progress: bool = False,
    **options: Any,
) -> Reformulation:
    """Return a method's scores a_i beside Σ_κ w_i(κ) I(κ), with their difference and what explains it.

    Gradient methods are rebuilt from Taylor effects up to an order, occlusion methods from the exact effects
    of all coalitions (for many players from Taylor effects), Grad-CAM from the effects of the feature maps'
    cells, and back-propagation methods unit by unit through the captured operations, eq. (28). All runs in
    float64.

    Args:
        method: One of ``ta.METHODS``, or a designed rule: its own ratio, on exact effects of coalitions where
            it reads nothing else and there are few players, else on Taylor effects.
        model: As in `Question`.
        inputs: As in `Question`.
        baselines: As in `Question`. A reference set (R, …) for the methods that read one.
        target: As in `Question`.
        order: K, the largest order of the Taylor effects.
        frame: Frame of the effects; None: the one the method's first ratio is stated in.
        players: As in `Question`.
        additional_forward_args: As in `Question`.
        references: Reference set (R, …) over which a method with one baseline is averaged; then without
            baselines.
        max_players: Most players whose 2^n coalitions are evaluated.
        bound: Whether to look for a bound of what the order leaves out (nine further expansions, for
            SmoothGrad forty).
        seed: As in `Question`.
        internal_batch_size: As in `Question`.
        show_progress: As in `Question`.
        **options: Of the method.

    Returns:
        Both scores, the effects, the errors that may separate them, and ``matrix``: which effect gave how
        much to whom.

    Raises:
        OptionError: Unknown method or option, a frame in which the method has no ratio, or a setting whose
            scores are no sum of effects.
        BudgetError: If the table of Taylor effects exceeds the memory; lower order= or group with players=.
        MissingRuleError: For back-propagation methods, an operation whose units have no known ratio.

    Source: eq. (10), (28), (45); Deng et al., arXiv 2303.01506.
    """
    entry = find(method)
    if entry.family not in OF_FAMILY:
        raise OptionError(
            f"{entry.name} shares out no effects, so there is no sum of them to hold its scores against; the "
            "scores themselves: ta.attribute"
        )
    if frame not in (None, "baseline", "input"):
        raise OptionError(f"frame={frame!r}; expected 'baseline', 'input' or None")
    if frame is not None and entry.family == "relevance":
        raise OptionError(
            f"{entry.name} is expanded at each unit, not in a frame of the inputs; leave frame out"
        )
    if not isinstance(order, int) or isinstance(order, bool) or order < 1:
        raise OptionError(f"order={order!r}; expected a whole number, at least 1")
    require_number("max_players", max_players)
    require_instance("seed", seed, int, "an integer")
    question = Question(
        model,
        inputs,
        baselines,
        target=target,
        players=players,
        additional_forward_args=additional_forward_args,
        internal_batch_size=internal_batch_size,
        seed=seed,
        show_progress=show_progress,
        integers_allowed=entry.integers,
        averages=not entry.zero_baseline,
    )
    direct = attributed(entry, question, options, references=references)
    starts = _starts(direct, question, several=entry.references or references is not None)
    request = MethodRequest(
        question=replace(question, one_of=len(starts)),
        entry=entry,
        starts=starts,
        direct=direct,
        order=order,
        frame=frame,
        max_players=max_players,
        bound=bound,
        options={**entry.options, **options},
    )
    answer = WITH_A_CONTEXT.get(entry.name, OF_FAMILY[entry.family])(request)
    return Reformulation(
        method=entry.name,
        rule="" if answer.rule is None else answer.rule.name,
        direct=direct,
        allocated=answer.allocated,
        effects=answer.effects,
        context=tuple({name: _kept(value) for name, value in read.items()} for read in answer.context),
        errors=answer.errors,
        remarks=answer.remarks,
        layers=answer.layers,
        formal=answer.formal,
    )


def _starts(direct: Attribution, question: Question, *, several: bool) -> tuple[Rows, ...]:
    """Return the baselines the method used: one entry, or one for each reference."""
    baselines = direct.baselines if isinstance(direct.baselines, tuple) else (direct.baselines,)
    baselines = tuple(b for place, b in enumerate(baselines) if place not in question.held)
    rows = tuple(
        torch.zeros_like(x) if b is None else b for x, b in zip(question.rows, baselines, strict=True)
    )
    if not several:
        return (rows,)
    return tuple(tuple(b[r : r + 1] for b in rows) for r in range(len(rows[0])))


def _kept(value: Any) -> Any:
    """Return a quantity of a context as a result keeps it: a tensor or a number."""
    if isinstance(value, int | float | torch.Tensor):
        return value
    array = plain(value)
    return torch.as_tensor(array.astype(float) if array.dtype == object else array)
