"""captum's perturbation methods."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from taylorattr.aliases import Baselines, Target, Tensors
from taylorattr.analysis.inputs import input_tuple
from taylorattr.compat.captum.base import Attribution, current_seed, zero_for_none
from taylorattr.compat.captum.per_example import (
    JoinedExamples,
    masks_differ,
    pick,
    pick_all,
    players_of,
    spread_over_batch,
)
from taylorattr.errors import OptionError


class _Perturbation(Attribution):
    """What the perturbation methods share: features, and model calls of a given number of rows."""

    _shared_by_example = True

    @property
    def multiplies_by_inputs(self) -> bool:
        """Always: scores are differences of outputs."""
        return True

    def _perturb(
        self,
        method: str,
        inputs: Tensors,
        baselines: Baselines,
        feature_mask: Any,
        perturbations_per_eval: int,
        **options: Any,
    ) -> Any:
        """Run one of this package's methods on features, which may differ from example to example.

        Args:
            method: Name in ``ta.METHODS``.
            inputs: Tensors (B, …).
            baselines: As captum takes them.
            feature_mask: Number of each element's feature; None: every element is one.
            perturbations_per_eval: Perturbations of the batch that captum would put into one model call.
            **options: Of the method.

        Returns:
            Anything with ``scores`` and ``player_scores``.

        Raises:
            OptionError: If ``perturbations_per_eval`` is no positive integer.
        """
        if not isinstance(perturbations_per_eval, int) or perturbations_per_eval < 1:
            raise OptionError(
                f"perturbations_per_eval={perturbations_per_eval!r}; expected a positive integer"
            )
        if any(spread_over_batch(self.forward_func, inputs)[2]):
            model, inputs, _ = spread_over_batch(self.forward_func, inputs)
            return type(self)(model)._perturb(
                method, inputs, baselines, feature_mask, perturbations_per_eval, **options
            )
        batch = len(input_tuple(inputs)[0])
        start = zero_for_none(inputs, baselines)
        inputs = _floating_where_baselines_are(inputs, start)
        # captum's default of 1 is no wish for small calls: None lets the library choose from memory
        rows = perturbations_per_eval * batch if perturbations_per_eval > 1 else None
        if not masks_differ(inputs, feature_mask):
            return self._attribute(
                method,
                inputs,
                start,
                players=players_of(inputs, feature_mask),
                internal_batch_size=rows,
                **options,
            )
        # players are shared by a batch, so examples with features of their own are batches of one
        rows = perturbations_per_eval if perturbations_per_eval > 1 else None
        results = []
        for example in range(batch):
            one = torch.tensor([example])
            part, mask = pick(inputs, batch, one), pick(feature_mask, batch, one)
            results.append(
                self._attribute(
                    method,
                    part,
                    pick(start, batch, one),
                    players=players_of(part, mask),
                    internal_batch_size=rows,
                    **pick_all(options, batch, one),
                )
            )
        return JoinedExamples(results, isinstance(inputs, tuple))


def _floating_where_baselines_are(inputs: Tensors, baselines: Any) -> Tensors:
    """Return integer inputs as floating-point ones where their baseline is, as the model then gets them."""
    parts = inputs if isinstance(inputs, tuple) else (inputs,)
    starts = baselines if isinstance(baselines, tuple) else (baselines,) * len(parts)
    if len(starts) != len(parts):
        return inputs  # counted where baselines are made
    promoted = tuple(
        x.to(torch.result_type(x, b)) if _is_floating(b) and not x.is_floating_point() else x
        for x, b in zip(parts, starts, strict=True)
    )
    return promoted if isinstance(inputs, tuple) else promoted[0]


def _is_floating(value: Any) -> bool:
    return value.is_floating_point() if isinstance(value, Tensor) else isinstance(value, float)


class FeatureAblation(_Perturbation):
    """``occlusion_1`` with captum's signature; features are the numbers in ``feature_mask``."""

    def attribute(
        self,
        inputs: Tensors,
        baselines: Baselines = None,
        target: Target = None,
        additional_forward_args: Any = None,
        feature_mask: Tensors | None = None,
        perturbations_per_eval: int = 1,
        show_progress: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Return f(x) − f(x with a feature at its baseline), repeated over the feature's elements.

        Raises:
            OptionError: If an option is unknown or out of range.
            ShapeError: If the mask does not fit the inputs.
        """
        if kwargs:
            raise OptionError(f"FeatureAblation.attribute has no option {next(iter(kwargs))!r}")
        asked: dict[str, Any] = {
            "target": target,
            "additional_forward_args": additional_forward_args,
            "show_progress": show_progress,
        }
        result = self._perturb(
            "occlusion_1", inputs, baselines, feature_mask, perturbations_per_eval, **asked
        )
        own = result.diagnostics.get("output_dtype")
        if own is None:
            return result.scores
        # differences of outputs come in their dtype, and float32 would round integers and doubles
        asked["dtype"] = torch.float64
        exact = self._perturb("occlusion_1", inputs, baselines, feature_mask, perturbations_per_eval, **asked)
        return _in_dtype(exact.scores, getattr(torch, own))


def _in_dtype(scores: Any, dtype: torch.dtype) -> Any:
    """Return scores in another dtype, rounded where that holds integers."""
    if isinstance(scores, tuple):
        return tuple(_in_dtype(part, dtype) for part in scores)
    return (scores if dtype.is_floating_point else scores.round()).to(dtype)


class Occlusion(_Perturbation):
    """``occlusion_patch`` with captum's signature: windows have all dimensions, the default stride is 1."""

    def attribute(
        self,
        inputs: Tensors,
        sliding_window_shapes: tuple[int, ...] | tuple[tuple[int, ...], ...],
        strides: None | int | tuple[int, ...] | tuple[int | tuple[int, ...], ...] = None,
        baselines: Baselines = None,
        target: Target = None,
        additional_forward_args: Any = None,
        perturbations_per_eval: int = 1,
        show_progress: bool = False,
    ) -> Any:
        """Return f(x) − f(x with a window at the baseline), averaged over the windows that hold an element.

        Raises:
            OptionError: If a window or stride does not fit the inputs.
        """
        parts = input_tuple(spread_over_batch(self.forward_func, inputs)[1])
        shapes = [tuple(part.shape[1:]) for part in parts]
        # of one input, window and stride stand alone or, each by itself, in a tuple with one entry per input
        window: Any = _for_each_input(sliding_window_shapes, len(shapes))
        steps: Any = _for_each_input(strides, len(shapes))
        if len(window) != len(shapes) or len(steps) != len(shapes):
            raise OptionError(
                f"{len(window)} windows and {len(steps)} strides for {len(shapes)} inputs; expected one each"
            )
        each = [
            (1 if step is None else step,) * len(shape) if not isinstance(step, tuple) else step
            for step, shape in zip(steps, shapes, strict=True)
        ]
        return self._perturb(
            "occlusion_patch",
            inputs,
            baselines,
            None,
            perturbations_per_eval,
            target=target,
            additional_forward_args=additional_forward_args,
            show_progress=show_progress,
            window=tuple(window),
            stride=tuple(each),
        ).scores


def _for_each_input(sizes: Any, inputs: int) -> Any:
    """Return windows or strides as a tuple with one entry per input tensor."""
    if isinstance(sizes, tuple) and (inputs > 1 or (sizes and isinstance(sizes[0], tuple))):
        return sizes
    return (sizes,) * inputs


class ShapleyValueSampling(_Perturbation):
    """``shapley`` by sampled orders, with captum's signature; orders come with their reverses."""

    def attribute(
        self,
        inputs: Tensors,
        baselines: Baselines = None,
        target: Target = None,
        additional_forward_args: Any = None,
        feature_mask: Tensors | None = None,
        n_samples: int = 25,
        perturbations_per_eval: int = 1,
        show_progress: bool = False,
    ) -> Any:
        """Return the estimated Shapley values, repeated over each feature's elements."""
        return self._perturb(
            "shapley",
            inputs,
            baselines,
            feature_mask,
            perturbations_per_eval,
            target=target,
            additional_forward_args=additional_forward_args,
            show_progress=show_progress,
            algorithm="permutation",
            samples=n_samples,
            seed=current_seed(),
        ).scores


class ShapleyValues(_Perturbation):
    """``shapley``, exact from all coalitions (2ⁿ outputs, not n! orders), with captum's signature."""

    def attribute(
        self,
        inputs: Tensors,
        baselines: Baselines = None,
        target: Target = None,
        additional_forward_args: Any = None,
        feature_mask: Tensors | None = None,
        perturbations_per_eval: int = 1,
        show_progress: bool = False,
    ) -> Any:
        """Return the Shapley values, repeated over each feature's elements."""
        return self._perturb(
            "shapley",
            inputs,
            baselines,
            feature_mask,
            perturbations_per_eval,
            target=target,
            additional_forward_args=additional_forward_args,
            show_progress=show_progress,
            algorithm="exact",
        ).scores


class KernelShap(_Perturbation):
    """``shapley`` by weighted least squares on sampled coalitions, with captum's signature.

    ``n_samples`` counts model outputs; at least two per feature are drawn, as fewer determine nothing.
    """

    @property
    def multiplies_by_inputs(self) -> bool:
        """As in captum: never."""
        return False

    def attribute(
        self,
        inputs: Tensors,
        baselines: Baselines = None,
        target: Target = None,
        additional_forward_args: Any = None,
        feature_mask: Tensors | None = None,
        n_samples: int = 25,
        perturbations_per_eval: int = 1,
        return_input_shape: bool = True,
        show_progress: bool = False,
    ) -> Any:
        """Return the estimated Shapley values: repeated over each feature's elements, or shape (B, n)."""
        result = self._perturb(
            "shapley",
            inputs,
            baselines,
            feature_mask,
            perturbations_per_eval,
            target=target,
            additional_forward_args=additional_forward_args,
            show_progress=show_progress,
            algorithm="kernel",
            samples=n_samples,
            seed=current_seed(),
        )
        if return_input_shape:
            return result.scores
        first = result.scores[0] if isinstance(result.scores, tuple) else result.scores
        return result.player_scores.to(first.device, first.dtype)
