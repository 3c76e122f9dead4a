"""What captum's attribution classes share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from taylorattr import attribution
from taylorattr.aliases import AnyTarget, Baselines, Tensors
from taylorattr.analysis.game import blocks
from taylorattr.analysis.guards import require_finite
from taylorattr.analysis.held_model import HeldModel, held_model
from taylorattr.analysis.inputs import baseline_tuple, input_tuple
from taylorattr.analysis.model_errors import analysis_door
from taylorattr.analysis.question import Question
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.autodiff.gradient import rows_at_once, value_and_gradient
from taylorattr.compat.captum.per_example import spread_over_batch, summed_where_shared
from taylorattr.methods.method import attributed, find, left_to

QUESTION_OPTIONS = (
    "target", "players", "additional_forward_args", "dtype", "seed", "show_progress", "internal_batch_size",
)  # fmt: skip
"""Options of `taylorattr.attribute` that say what is asked; all others are the method's."""


class Attribution:
    """Base of the classes that attribute a model's output.

    Args:
        forward_func: Module or callable; never changed.
    """

    _shared_by_example = False
    """Whether the scores of an input that all examples share are told by example, and not their sum."""

    def __init__(self, forward_func: Callable[..., Any]) -> None:
        self.forward_func = forward_func
        self._held: HeldModel | None = None

    @classmethod
    def get_name(cls) -> str:
        """Return the class name in words."""
        return "".join(c if c.islower() or i == 0 else f" {c}" for i, c in enumerate(cls.__name__))

    def has_convergence_delta(self) -> bool:
        """Return whether ``attribute`` takes ``return_convergence_delta``."""
        return False

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether scores are in units of the output, not of a derivative."""
        return False

    def attribute_future(self, *_: Any, **__: Any) -> Any:
        """Refuse: answers come at once, there is no asynchronous form.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            f"attribute_future is not implemented for {type(self).__name__}; call attribute"
        )

    def compute_convergence_delta(
        self,
        attributions: Tensors,
        start_point: Baselines,
        end_point: Tensors,
        target: AnyTarget = None,
        additional_forward_args: Any = None,
    ) -> Tensor:
        """Return Σ attributions − (f(end_point) − f(start_point)) of each example, shape (B,).

        Args:
            attributions: Scores shaped like the inputs.
            start_point: Baselines.
            end_point: Inputs.
            target: Which output was attributed.
            additional_forward_args: What the model takes after the inputs.
        """
        end = input_tuple(end_point)
        start = baseline_tuple(start_point, end)
        # summed in float64 on the CPU: the delta is a small difference of large sums
        values = [self._outputs(point, target, additional_forward_args) for point in (end, start)]
        scores = input_tuple(attributions)
        total = torch.stack([s.detach().reshape(len(s), -1).double().sum(1).cpu() for s in scores]).sum(0)
        return (total - (values[0] - values[1])).to(scores[0].device, scores[0].dtype)

    def _outputs(self, points: tuple[Tensor, ...], target: AnyTarget, extra: Any) -> Tensor:
        """Return f of each row, float64 on the CPU."""
        scalar = ScalarModel(
            self.forward_func,
            points,
            target=target,
            additional_forward_args=extra,
            dtype=None,
            integers_allowed=True,
        )
        rows = tuple(p.detach().to(scalar.device) for p in points)
        with torch.no_grad():
            return scalar.values(rows, torch.arange(len(rows[0]))).double().cpu()

    def _asked(self, inputs: Tensors, target: AnyTarget, extra: Any) -> Question:
        """Return the question at the inputs, whose `point` has the model as f; no baseline is evaluated."""
        return self._question(self.forward_func, inputs, target=target, additional_forward_args=extra)

    def _question(self, model: Callable[..., Any], inputs: Tensors, *asked: Any, **options: Any) -> Question:
        """Return a question in the model's own dtype, on the copies that are held of the user's model."""
        if model is self.forward_func:
            self._held = held_model(model, self._held)
            if self._held is not None:
                options |= {"private": self._held.private, "established": self._held.established}
        return Question(model, inputs, *asked, **{"dtype": None} | options)

    def _gradient(self, inputs: Tensors, target: AnyTarget, extra: Any) -> tuple[Tensor, ...]:
        """Return ∇f at the inputs, one tensor for each."""
        model, rows, shared = spread_over_batch(self.forward_func, inputs)
        question = self._question(model, rows, target=target, additional_forward_args=extra)
        scalar, x = question.point
        examples, parts = torch.arange(len(x[0])), []
        # in blocks of rows that stay in cache: noisy copies of a batch may be many
        for some in blocks(len(examples), rows_at_once(scalar, wanted=len(examples))):
            rows = tuple(part[some] for part in x)
            values, gradients = value_and_gradient(scalar, rows, examples[some])
            require_finite(scalar, rows, values, "input", some.start)
            parts.append(gradients)
        gradients = tuple(torch.cat(each) for each in zip(*parts, strict=True)) if parts[1:] else parts[0]
        gradients = question.with_held(gradients, lambda held: torch.zeros_like(held, dtype=scalar.dtype))
        return summed_where_shared(gradients, shared)

    @analysis_door
    def _attribute(
        self, method: str, inputs: Tensors, baselines: Any, **options: Any
    ) -> attribution.Attribution:
        """Run one of this package's methods; a feature's score is repeated over its elements."""
        model, rows, shared = spread_over_batch(self.forward_func, inputs)
        entry = find(method)
        asked = {name: options.pop(name) for name in QUESTION_OPTIONS if name in options}
        asked |= {"integers_allowed": entry.integers, "averages": not entry.zero_baseline}
        if asked.get("internal_batch_size") is None:
            asked |= left_to(entry)
        references = options.pop("references", None)
        question = self._question(model, rows, baselines, **asked)
        result = attributed(entry, question, options, references=references, per_element=False)
        if any(shared) and isinstance(result.scores, tuple) and not self._shared_by_example:
            return replace(result, scores=summed_where_shared(result.scores, shared))
        return result


class WithDelta(Attribution):
    """An attribution method whose scores add up to f(x) − f(b)."""

    def has_convergence_delta(self) -> bool:
        """Return True."""
        return True

    @staticmethod
    def _with_delta(result: attribution.Attribution, wanted: bool) -> Any:
        """Return the scores, or scores and convergence delta, which is minus our gap."""
        scores = result.scores
        if not wanted or scores is None:
            return scores
        first = scores[0] if isinstance(scores, tuple) else scores
        return scores, (-result.gap).to(first.device, first.dtype)


def current_seed() -> int:
    """Return the seed the user gave torch's global generator, which is not moved."""
    return torch.initial_seed() % 2**63


def zero_for_none(inputs: Tensors, baselines: Any) -> Any:
    """Return the baselines with captum's meaning of None: 0, also for integer inputs."""
    if baselines is None:
        return tuple(0 for _ in inputs) if isinstance(inputs, tuple) else 0
    return baselines


def like_inputs(parts: tuple[Tensor, ...], inputs: Tensors) -> Any:
    """Return one tensor where one was given, else the tuple."""
    return parts if isinstance(inputs, tuple) else parts[0]
