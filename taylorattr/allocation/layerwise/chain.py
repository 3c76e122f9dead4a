"""Chain a one-layer ratio through a network: back-propagation methods as sums over each layer's effects.

A method that propagates relevance has no ratio over the effects of the whole function (docs/theory.md §6),
but one at every unit, eq. (28). Here the captured program is walked from the output to the inputs: each
unit is expanded in its own inputs, its effects are shared by the method's ratio, and what an input gets
from all units is the relevance that is expanded one layer below. Nothing of a method's own code is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Literal, get_args, get_origin

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from taylorattr.aliases import AnyTarget, Baselines, Tensors
from taylorattr.allocation.layerwise.components import Network, network
from taylorattr.allocation.layerwise.difference import DifferenceLayers
from taylorattr.allocation.layerwise.relevance import RelevanceLayers, RelevanceRule
from taylorattr.allocation.layerwise.result import LayerRecord, Layerwise
from taylorattr.allocation.layerwise.reveal_cancel import RevealCancelLayers
from taylorattr.allocation.lrp_alpha_beta import LRP_ALPHA_BETA
from taylorattr.analysis.game import Game, sum_over_players
from taylorattr.analysis.inputs import input_tuple
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.question import Question
from taylorattr.autodiff.captured import programs_between
from taylorattr.errors import CaptureError, OptionError
from taylorattr.methods import METHODS
from taylorattr.program.program import Program

WITH_RATIOS: dict[str, tuple[str, ...]] = {
    "lrp_epsilon": ("epsilon", "constant"),
    "lrp_alpha_beta": ("alpha", "beta", "bias", "epsilon", "constant"),
    "deep_taylor": ("first", "low", "high", "bias", "epsilon", "constant"),
    "deeplift_rescale": (),
    "deeplift_reveal_cancel": ("bookkeeping",),
    "deep_shap": ("components",),
}
"""Method -> those of its options that the ratios of its units know."""

Walk = DifferenceLayers | RelevanceLayers


def layerwise(
    method: str,
    model: Callable[..., Any],
    inputs: Tensors,
    baselines: Baselines = None,
    *,
    target: AnyTarget = None,
    players: PlayersLike = None,
    additional_forward_args: Any = None,
    order: int = 8,
    **options: Any,
) -> Layerwise:
    """Return a back-propagation method's scores as allocations of every layer's effects, in float64.

    At each unit r_j(a) = M_j[σ(z_j(a)) − σ(z_j(b))] (relevance rules: M_jσ(z_j(a)), b = 0) the terms up to
    order K are shared by the ratio of the method, ``ta.RULES``; what the terms beyond give is known
    exactly, too, and kept apart. Units without a series at x (a ReLU that switches, tanh far out) are
    shared in closed form, which for Rescale is integrated gradients of the unit.

    Args:
        method: ``lrp_epsilon``, ``lrp_alpha_beta``, ``deep_taylor``, ``deeplift_rescale``,
            ``deeplift_reveal_cancel`` or ``deep_shap``.
        model: Module or callable made of affine maps, functions of one value, and (LRP, Deep Taylor, Rescale)
            maxima.
        inputs: Tensor (B, …) or tuple of them.
        baselines: None (zeros), number, tensor (1, …) or (B, …); for ``deep_shap`` a reference set (R, …).
            LRP and Deep Taylor have none.
        target: Captum's TargetType or a callable output -> (B,).
        players: Which elements move together; None: every element.
        additional_forward_args: What the model takes after the inputs.
        order: Highest order K of the terms, at least 1.
        **options: Of the method, as in ``ta.attribute``; those in `WITH_RATIOS`.

    Returns:
        Scores, tail, and one record per operation.

    Raises:
        OptionError: Unknown method or option, a baseline for a relevance rule, an order below 1.
        CaptureError: If the model cannot be captured as one program from b to x.
        MissingRuleError: An operation without a layer-wise ratio; names it, its module and line.
        BudgetError: A weight matrix too large to be split by sign.

    Source: docs/theory.md eq. (28) to (43); Deng et al., arXiv 2303.01506.
    """  # noqa: DOC502 -- raised by what is called
    _check_options(method, options)
    if not isinstance(order, int) or order < 1:
        raise OptionError(f"order={order!r}; expected an integer ≥ 1")
    if METHODS[method].zero_baseline and not _zero(baselines):
        raise OptionError(f"{method} explains f(x) against 0; leave baselines out, or use deeplift_rescale")
    question = Question(
        model, inputs, baselines, target=target, players=players,
        additional_forward_args=additional_forward_args,
    )  # fmt: skip
    questions = [question]
    if method == "deep_shap" and baselines is not None and not isinstance(baselines, int | float):
        rows = input_tuple(baselines)  # type: ignore[arg-type]
        questions = [question.against(tuple(r[k : k + 1] for r in rows)) for k in range(len(rows[0]))]
    return chained(method, questions, order, options)


def chained(method: str, questions: Sequence[Question], order: int, options: Mapping[str, Any]) -> Layerwise:
    """Return what `layerwise` does of a question, the mean over several that differ in their baselines.

    Args:
        method: As in `layerwise`.
        questions: One for each reference.
        order: K.
        options: Of the method, among `WITH_RATIOS`; the others are the method's defaults.

    Raises:
        OptionError: If α − β is not 1.
    """
    defaults = METHODS[method].options
    used = {name: options.get(name, defaults[name]) for name in WITH_RATIOS[method]}
    if method == "lrp_alpha_beta":
        used["beta"] = used["alpha"] - 1 if used["beta"] is None else used["beta"]
        reason = LRP_ALPHA_BETA.domain.excludes(used)
        if reason is not None:
            raise OptionError(f"{method} with {reason}")
    parts = [_against(method, question.game, order, used) for question in questions]
    return parts[0] if len(parts) == 1 else _mean(parts)


def _check_options(method: str, options: Mapping[str, Any]) -> None:
    """Raise OptionError for a method or option without ratios, or a value that the method does not know."""
    if method not in WITH_RATIOS:
        listed = ", ".join(WITH_RATIOS)
        raise OptionError(f"method {method!r} has no layer-wise form; expected one of {listed}")
    entry = METHODS[method]
    for name, value in options.items():
        if name not in WITH_RATIOS[method]:
            listed = ", ".join(f"{k}={entry.options[k]!r}" for k in WITH_RATIOS[method]) or "none"
            raise OptionError(f"layerwise {method} has no option {name!r}; its options: {listed}")
        annotation = entry.option_types[name]
        if get_origin(annotation) is Literal and value not in get_args(annotation):
            raise OptionError(f"{name}={value!r}; expected {' or '.join(map(repr, get_args(annotation)))}")


def _zero(baselines: Baselines) -> bool:
    """Return whether no baseline, or 0 everywhere, was passed."""
    parts = baselines if isinstance(baselines, tuple) else (baselines,)
    return all(p is None or not bool(torch.as_tensor(p).ne(0).any()) for p in parts)


def _against(method: str, game: Game, order: int, used: dict[str, Any]) -> Layerwise:
    """Return the allocations against one baseline; examples that share a program are walked together."""
    rows: list[Layerwise] = []
    with torch.no_grad():
        programs = _programs(game)
        if len(programs) > 1 and used.get("first") == "z_B" and None in (used["low"], used["high"]):
            raise OptionError(
                "the examples differ in target or program, and first='z_B' would read another box off each; "
                "pass low= and high="
            )
        for examples, operations in programs:
            x = tuple(t[examples] for t in game.inputs)
            b = tuple(t[examples].expand_as(s) for t, s in zip(game.baselines, x, strict=True))
            walk = _walk(method, operations, x, b, order, used)
            elements = walk.run()
            both = [sum_over_players(game, tuple(e[k, :, 0] for e in elements)).cpu() for k in (0, 1)]
            rows.append(
                Layerwise(
                    method=method,
                    names=game.names,
                    order=order,
                    scores=both[1],
                    tail=both[0] - both[1],
                    layers=tuple(walk.ledger.records),
                    f_input=game.f_input[examples].cpu(),
                    f_baseline=game.f_baseline[examples].cpu(),
                    options=used,
                    diagnostics={"dtype": "float64"},
                )
            )
    return rows[0] if len(rows) == 1 else _stacked(rows)


def _walk(
    method: str,
    operations: Network,
    x: Sequence[Tensor],
    b: Sequence[Tensor],
    order: int,
    used: dict[str, Any],
) -> Walk:
    """Return the walk of a method through the network, at x and for a difference rule at b."""
    at_x = operations.values(x)
    if method in ("deeplift_rescale", "deeplift_reveal_cancel", "deep_shap"):
        at_b = operations.values(b)
        if method == "deeplift_reveal_cancel":
            return RevealCancelLayers(operations, at_x, at_b, order, used["bookkeeping"])
        if method == "deep_shap":
            neurons, rule = used["components"] == "neuron", "deep_shap/linear_activation"
            return DifferenceLayers(operations, at_x, at_b, order, neurons=neurons, rule=rule)
        return DifferenceLayers(operations, at_x, at_b, order)
    shared = {"epsilon": used["epsilon"], "constant": used["constant"]}
    if method == "lrp_epsilon":
        return RelevanceLayers(operations, at_x, order, RelevanceRule("lrp_epsilon", **shared))
    counts = used["bias"] == "denominator"
    name = f"{method}/bias" if counts else method
    groups: dict[str, Any] = {"alpha": 1.0, "beta": 0.0}
    if method == "lrp_alpha_beta":
        groups = {"alpha": used["alpha"], "beta": used["beta"]}
    else:
        groups |= {key: used[key] for key in ("first", "low", "high")}
    return RelevanceLayers(
        operations, at_x, order, RelevanceRule(name, bias_counts=counts, **groups, **shared)
    )


def _programs(game: Game) -> list[tuple[slice, Network]]:
    """Return examples with their network: one for all where one program is right for all, else one each.

    Raises:
        CaptureError: If an example has no program.
    """
    programs: list[Program] = []
    for example, program in enumerate(programs_between(game, "input")):
        if isinstance(program, str):
            raise CaptureError(
                f"example {example} has no program from b to x: {program}; the method itself is ta.attribute"
            )
        programs.append(program)
    _, module = game.scalar.native_call(0)
    parts = module.named_modules() if module is not None else ()
    norms = {path for path, part in parts if isinstance(part, _BatchNorm)}
    if all(program is programs[0] for program in programs):
        return [(slice(0, game.batch), network(programs[0], game.input(0), norms))]
    return [(slice(e, e + 1), network(program, game.input(e), norms)) for e, program in enumerate(programs)]


def _combined(
    rows: Sequence[Layerwise], join: Callable[[Sequence[Tensor]], Tensor], diagnostics: dict[str, Any]
) -> Layerwise:
    """Join results of the same network field by field."""
    first = rows[0]
    layers = []
    for records in zip(*(row.layers for row in rows), strict=True):
        named = {f.name: getattr(records[0], f.name) for f in fields(LayerRecord)}
        joined: dict[str, Any] = {
            k: join([getattr(r, k) for r in records]) for k, v in named.items() if isinstance(v, Tensor)
        }
        layers.append(replace(records[0], **joined))
    tensors = {
        k: join([getattr(row, k) for row in rows]) for k in ("scores", "tail", "f_input", "f_baseline")
    }
    return Layerwise(
        method=first.method,
        names=first.names,
        order=first.order,
        layers=tuple(layers),
        options=first.options,
        diagnostics=first.diagnostics | diagnostics,
        **tensors,
    )


def _stacked(rows: Sequence[Layerwise]) -> Layerwise:
    """Return the results of single examples as one batch.

    Raises:
        CaptureError: If they have other operations, so that their layers do not correspond.
    """
    if len({tuple((r.operation, r.module) for r in row.layers) for row in rows}) > 1:
        raise CaptureError("the examples run different operations; pass them one by one")
    return _combined(rows, lambda parts: torch.cat(list(parts)), {"programs": len(rows)})


def _mean(rows: Sequence[Layerwise]) -> Layerwise:
    """Return the average over references; counts are averages too."""

    def join(parts: Sequence[Tensor]) -> Tensor:
        return torch.stack([p.double() for p in parts]).mean(0)

    return _combined(rows, join, {"references": len(rows)})
