"""PruneGrad: the gradient of a network pruned, for each input by itself, to the neurons that matter there.

The neurons are the scalar outputs a_j of every call of a ReLU. Each is scored r_j = |a_j ∂y_c/∂a_j|, the
⌈(1 − p)·M⌉ of the largest scores are kept, and the map is the gradient ∂Φ_m,c/∂x of the network with the
others at 0.

The map shares out no effects: it is a derivative, of another network for each input, and has no ratio w_i(κ).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Tensors
from taylorattr.analysis.game import Game
from taylorattr.analysis.model_errors import analysis_door
from taylorattr.analysis.question import Question
from taylorattr.analysis.shared_parameters import shares_parameters
from taylorattr.autodiff.gradient import Rows
from taylorattr.errors import OptionError, PrecisionWarning, warn
from taylorattr.methods.extra.pruned_networks import Channel, PrunedNetworks, Score, Settings
from taylorattr.methods.extra.pruning import Pruning
from taylorattr.methods.gradient.gradient_x_input import Multiplier, multipliers
from taylorattr.methods.method import SYSTEMS, Scores, check_options, method

LADDER = (0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)
"""Sparsities that ``"auto"`` tries."""

MOST_CHANGE = 0.15
"""Mean relative change of the predicted probability that the chosen sparsity may make."""


@method("prune_grad", family="system")
def prune_grad(
    question: Question,
    *,
    sparsity: float | Literal["auto"] = 0.9,
    held_out: Any = None,
    score: Score = "gradient",
    greedy: bool = False,
    refine: Literal["pgd"] | None = None,
    radius: float | None = None,
    n_steps: int = 50,
    channel: Channel = "sum",
    multiply_by: Multiplier = "none",
    linearity: Sequence[float] = (),
) -> Scores:
    """Return ∂Φ_m,c/∂x, the gradient of the network without the neurons that hardly matter at x.

    Args:
        question: What is asked. Without a target each example's largest output c is explained; the baseline
            only enters the gap.
        sparsity: Share p of all neurons to prune; ⌈(1 − p)·M⌉ are kept, of equal scores the first. ``auto``:
            the largest of 0.5, 0.7, 0.8, 0.85, 0.9, 0.95 and 0.98 at which the probability of the predicted
            class changes by at most 15 % of itself, on average over `held_out`. The default 0.9 is ours.
        held_out: Inputs (R, …) of its own for ``auto``.
        score: ``gradient`` for |a_j ∂y_c/∂a_j|; ``intgrad`` for |a_j · mean_t ∂y_c/∂a_j at t·a_j|, t = 0,
            0.1 … 1, one call of a ReLU at a time (11 passes each); ``random``, the control.
        greedy: Whether to prune 1 % of the neurons at a time, scored anew each time; an ablation.
        refine: ``pgd`` for the perturbation δ, ‖δ‖ ≤ radius, that raises Φ_m,c(x + δ) most, by projected
            ascent in steps of radius/20; to first order it is radius·g/‖g‖, so that the gradient g is
            its direction.
        radius: Of that ball; None: 0.05·√n for n inputs in [0, 1].
        n_steps: Steps of the ascent.
        channel: ``maxabs`` keeps of the channels (dimension 1) the value largest in size and sets the others
            to 0, as the authors show it; ``sum`` keeps all. Either way an image map is the sum over channels.
        multiply_by: ``none`` for the map itself; ``delta`` or ``input`` times x − b or x.
        linearity: ‖δ‖ at which the report says how far the pruned network is from linear, such as (0.01, 0.1,
            0.5).

    Returns:
        Scores of the elements; ``diagnostics["pruning"]`` is the report, a `Pruning`.

    Raises:
        OptionError: If an option is out of range, the model has no ReLU, or inputs without channels, or
            outside [0, 1] without a radius.
        NonFiniteError: If a derivative overflows.

    Warns:
        PrecisionWarning: No neuron matters to an output, or no sparsity changes it as little as asked.

    Source: arXiv 1911.11081; the score is the neuron marginal contribution of arXiv 2103.16886. One pass
    scores, one differentiates: about the time of two gradients.
    """
    settings = Settings(
        sparsity, held_out, score, greedy, refine, radius, n_steps, channel, multiply_by, linearity
    )
    elements, pruning = pruned(question, settings, with_masks=False)
    return Scores(elements=elements, diagnostics={"pruning": pruning})


@shares_parameters
@analysis_door
def prune(
    model: Callable[..., Any],
    inputs: Tensors,
    *,
    target: AnyTarget = None,
    additional_forward_args: Any = None,
    dtype: torch.dtype | None = None,
    seed: int = 0,
    internal_batch_size: int | None = None,
    linearity: Sequence[float] = (0.01, 0.1, 0.5),
    **options: Any,
) -> Pruning:
    """Return what ``ta.attribute("prune_grad", …)`` pruned: masks, map and report.

    Args:
        model: As in `Question`.
        inputs: As in `Question`.
        target: As in `Question`. With None each example's largest output is explained.
        additional_forward_args: As in `Question`.
        dtype: As in `Question`.
        seed: As in `Question`.
        internal_batch_size: As in `Question`.
        linearity: ‖δ‖ at which the pruned networks are compared with their gradient.
        **options: The others of ``prune_grad``.

    Raises:
        OptionError: As in `prune_grad`, or an unknown option.
    """
    entry = SYSTEMS["prune_grad"]
    options = {"linearity": linearity} | options
    check_options(entry, options)
    question = Question(
        model,
        inputs,
        target=target,
        additional_forward_args=additional_forward_args,
        dtype=dtype,
        seed=seed,
        internal_batch_size=internal_batch_size,
        input_later=internal_batch_size is None,
    )
    return pruned(question.about_predictions(), Settings(**(entry.options | options)), with_masks=True)[1]


def pruned(question: Question, settings: Settings, *, with_masks: bool) -> tuple[Rows, Pruning]:
    """Return the map, tensors (B, …), and the report.

    Args:
        question: What is asked.
        settings: The options.
        with_masks: Whether the report holds masks and map.
    """
    with torch.inference_mode(False):
        game = question.game
        _check_inputs(game, settings)
        sparsity, scan = (
            _chosen_sparsity(question, settings) if settings.sparsity == "auto" else (settings.sparsity, {})
        )
        maps, pruning = PrunedNetworks(question, settings, sparsity).pruned(with_masks=with_masks)
        game.outputs.settle(pruning.output.to(game.device))
        factors = multipliers(game, settings.multiply_by)
        maps = tuple(_of_channels(m, settings.channel) * f for m, f in zip(maps, factors, strict=True))
    shown = (maps if question.as_tuple else maps[0]) if with_masks else None
    return maps, replace(pruning, scan=scan, map=shown)


def _check_inputs(game: Game, settings: Settings) -> None:
    if settings.channel == "maxabs" and any(x.ndim < 3 for x in game.inputs):
        shapes = ", ".join(str(tuple(x.shape)) for x in game.inputs)
        raise OptionError(
            f"channel='maxabs' chooses among channels, dimension 1 of (B, C, …), and the inputs have shape "
            f"{shapes}; leave channel out"
        )
    if settings.refine is not None and settings.radius is None:
        low, high = (float(f(torch.stack([f(x) for x in game.inputs]))) for f in (torch.min, torch.max))
        if low < 0 or high > 1:
            raise OptionError(
                f"the default radius of refine='pgd' is for inputs in [0, 1], and these lie in [{low:g}, "
                f"{high:g}]; pass radius=, the largest ‖δ‖ in their units"
            )


def _of_channels(gradient: Tensor, channel: Channel) -> Tensor:
    """Return the map with only the channel of the largest size left at each place, or as it is."""
    if channel == "sum":
        return gradient
    first = gradient.abs().argmax(1, keepdim=True)
    return torch.zeros_like(gradient).scatter_(1, first, gradient.gather(1, first))


def _chosen_sparsity(question: Question, settings: Settings) -> tuple[float, dict[str, float]]:
    """Return the largest sparsity of the ladder that changes predictions little, and the change at each."""
    held_out = settings.held_out
    assert held_out is not None
    if any(question.game.scalar.arguments.per_example):
        raise OptionError(
            "sparsity='auto' runs the model on held_out=, for which additional_forward_args with one entry "
            "per example hold none; pass a number, such as one chosen on a model that has its arguments"
        )
    target = question.target if callable(question.target) else None
    asked = question.with_inputs(held_out, target=target, players=None).about_predictions()
    if asked.target is None:  # one number per example, or no row of classes
        asked = replace(asked, target=question.target)
    changes = PrunedNetworks(asked, settings, LADDER[0]).changes(LADDER)
    fitting = [p for p, change in changes.items() if change <= MOST_CHANGE]
    if not fitting:
        warn(
            f"pruning half of the neurons changes held-out predictions by {changes[LADDER[0]]:.2g} of "
            f"themselves, above {MOST_CHANGE:g}: nothing is pruned, and the map is the plain gradient; pass "
            "a sparsity",
            PrecisionWarning,
        )
    return max(fitting, default=0.0), {f"{p:g}": change for p, change in changes.items()}
