"""captum's relevance methods: rules act on operations, so functional calls and reused modules work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from taylorattr.aliases import Baselines, Target, Tensors
from taylorattr.analysis.inputs import input_tuple, reference_tuple, stand_in
from taylorattr.analysis.question import Question
from taylorattr.compat.captum.base import WithDelta, like_inputs
from taylorattr.compat.captum.lrp_rules import layer_rules
from taylorattr.compat.captum.per_example import spread_over_batch, summed_where_shared
from taylorattr.compat.captum.random_points import called_baselines
from taylorattr.memory import keep_freed_blocks
from taylorattr.methods.relevance.answer import difference_diagnostics
from taylorattr.methods.relevance.difference import difference_rules
from taylorattr.methods.relevance.propagate import propagate
from taylorattr.methods.relevance.recording import Recording, record_rows
from taylorattr.methods.relevance.reference_pairs import recorded_pairs

CustomAttribution = Callable[..., tuple[Tensor, ...]]
"""(multipliers, inputs, baselines) -> scores, each a tuple with one tensor per input."""


class DeepLift(WithDelta):
    """``deeplift_rescale`` with captum's signature.

    Args:
        model: The model.
        multiply_by_inputs: False gives the multipliers.
        eps: Accepted and not needed: where Δz = 0 the derivative is taken, eq. (40).
    """

    def __init__(
        self,
        model: nn.Module,
        multiply_by_inputs: bool = True,
        eps: float = 1e-10,  # noqa: ARG002
    ) -> None:
        super().__init__(model)
        self.model = model
        self._multiply_by_inputs = multiply_by_inputs

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether scores carry the factor Δ."""
        return self._multiply_by_inputs

    def attribute(
        self,
        inputs: Tensors,
        baselines: Baselines = None,
        target: Target = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        custom_attribution_func: CustomAttribution | None = None,
    ) -> Any:
        """Return scores shaped like the inputs; with the delta, shape (B,), where asked for."""
        custom, extra = custom_attribution_func, additional_forward_args
        if self._multiply_by_inputs and custom is None:
            result = self._attribute(
                "deeplift_rescale", inputs, baselines, target=target, additional_forward_args=extra
            )
            return self._with_delta(result, return_convergence_delta)
        game = self._question(
            self.forward_func,
            inputs,
            baselines,
            target=target,
            additional_forward_args=extra,
        ).game
        # multipliers are what the walk carries before the last product with Δ, which `attribute` includes
        recording = record_rows(game, slice(0, game.batch), reference=True)
        scores, delta = _rescaled(recording, True, 1)
        if custom is not None:  # the delta stays that of the rule: of a user's own scores no sum is known
            scores = custom(scores, game.inputs, game.baselines)
        result = like_inputs(scores, inputs)
        return (result, delta) if return_convergence_delta else result


class DeepLiftShap(DeepLift):
    """``deeplift_rescale`` averaged over a set of baselines, with captum's signature.

    Components are linear maps and activations, as in captum: eq. (43). For whole neurons as components
    use ``ta.attribute("deep_shap", …)``.

    Args:
        model: The model.
        multiply_by_inputs: False gives averaged multipliers.
    """

    def __init__(self, model: nn.Module, multiply_by_inputs: bool = True) -> None:
        super().__init__(model, multiply_by_inputs)

    def attribute(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        inputs: Tensors,
        baselines: Tensors | Callable[..., Tensors],
        target: Target = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        custom_attribution_func: CustomAttribution | None = None,
    ) -> Any:
        """Return scores shaped like the inputs; with deltas of each example and baseline where asked for.

        Args:
            inputs: Tensors (B, …).
            baselines: Tensors (R, …), or a function that gives them, with the inputs or without.
            target: Which output.
            additional_forward_args: What the model takes after the inputs.
            return_convergence_delta: Whether to return the deltas, shape (B·R,), baselines fastest.
            custom_attribution_func: (multipliers, inputs, baselines) -> scores.

        Returns:
            The scores, or scores and deltas.
        """
        model, rows, shared = spread_over_batch(self.forward_func, inputs)
        question = self._question(
            model,
            rows,
            called_baselines(baselines, inputs),
            target=target,
            additional_forward_args=additional_forward_args,
            input_later=True,
            baseline_later=True,
        )
        references = reference_tuple(question.baselines, question.rows, "baselines")
        question = replace(question, baselines=stand_in(references), references=references)
        as_multipliers = not self._multiply_by_inputs or custom_attribution_func is not None
        batch, count = len(question.rows[0]), len(references[0])
        sums: list[Tensor] = []
        deltas = []
        for recording in _pairs(question):
            scores, delta = _rescaled(recording, as_multipliers, recording.batch // batch)
            if custom_attribution_func is not None:  # of all pairs at once, as captum does
                scores = custom_attribution_func(scores, recording.inputs, recording.inputs_at_b)
            parts = [score.unflatten(0, (batch, -1)).sum(1) / count for score in scores]
            sums = [total + part for total, part in zip(sums, parts, strict=True)] if sums else parts
            deltas.append(delta.reshape(batch, -1))
        averages = question.with_held(tuple(sums), lambda x: torch.zeros_like(x, dtype=sums[0].dtype))
        result = like_inputs(summed_where_shared(averages, shared), inputs)
        return (result, torch.cat(deltas, dim=1).reshape(-1)) if return_convergence_delta else result


def _pairs(question: Question) -> Iterator[Recording]:
    """Yield recordings of all examples against consecutive references."""
    game = question.game
    keep_freed_blocks()
    at_x = record_rows(game, slice(0, game.batch), reference=False)
    game.outputs.settle(at_x.output, at_x.inputs, witnessed=at_x.witnessed)
    return recorded_pairs(question, at_x, 0)


def _rescaled(recording: Recording, as_multipliers: bool, pairs: int) -> tuple[tuple[Tensor, ...], Tensor]:
    """Return Rescale's scores or multipliers of every row, and Σ scores − (f(x) − f(b)), shape (R,).

    Args:
        recording: With a reference.
        as_multipliers: What the walk carries before the last product with Δ.
        pairs: Consecutive rows of one example.
    """
    table = difference_rules("winners", "deeplift_rescale")
    carried = propagate(recording, table, as_multipliers=as_multipliers)
    scores = carried
    if as_multipliers:
        steps = (x - b for x, b in zip(recording.inputs, recording.inputs_at_b, strict=True))
        scores = [m * step for m, step in zip(carried, steps, strict=True)]
    else:
        difference_diagnostics(recording, table, scores, pairs=pairs)
    total = torch.stack([s.reshape(recording.batch, -1).double().sum(1) for s in scores]).sum(0)
    return tuple(carried), (total - recording.gap.double()).to(recording.output)


class LRP(WithDelta):
    """``lrp_epsilon`` with captum's signature and the rules set on layers as ``layer.rule``.

    Args:
        model: The model; its layers' ``rule`` attributes are read when attributing.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.model = model

    @property
    def multiplies_by_inputs(self) -> bool:
        """Always."""
        return True

    def attribute(
        self,
        inputs: Tensors,
        target: Target = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        verbose: bool = False,  # noqa: ARG002
    ) -> Any:
        """Return relevances shaped like the inputs; with f(x) − Σ relevances, shape (B,), where asked for.

        Layers without a rule take ε = 1e-9. Every operation has its rule, so no model is refused for a
        functional call or a layer used twice.

        Raises:
            OptionError: If a layer's rule is of no known type.
        """
        result = self._attribute(
            "lrp_epsilon",
            inputs,
            None,
            target=target,
            additional_forward_args=additional_forward_args,
            epsilon=1e-9,
            rules=layer_rules(self.model),
        )
        scores = result.scores
        if not return_convergence_delta or scores is None:
            return scores
        first = scores[0] if isinstance(scores, tuple) else scores
        return scores, result.conservation.to(first.device, first.dtype)

    def compute_convergence_delta(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, attributions: Tensors, output: Tensor
    ) -> Tensor:
        """Return output − Σ attributions of each example, shape (B,): for LRP captum's sign is this one."""
        sums = [part.reshape(len(part), -1).sum(1) for part in input_tuple(attributions)]
        return output.flatten() - torch.stack(sums).sum(0)
