"""captum's gradient methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from taylorattr.aliases import Baselines, Target, Tensors
from taylorattr.analysis.game import blocks
from taylorattr.analysis.inputs import input_tuple, without_held
from taylorattr.autodiff.gradient import rows_at_once, value_and_gradient
from taylorattr.compat.captum.base import Attribution, WithDelta, current_seed, like_inputs
from taylorattr.compat.captum.random_points import PathDraws, called_baselines
from taylorattr.errors import OptionError

QUADRATURE_RULES = {
    "gausslegendre": "gauss_legendre",
    "riemann_left": "left",
    "riemann_right": "right",
    "riemann_middle": "midpoint",
    "riemann_trapezoid": "trapezoid",
}
"""captum's names of quadrature rules -> ours."""


class IntegratedGradients(WithDelta):
    """``integrated_gradients`` with captum's signature.

    Args:
        forward_func: Module or callable.
        multiply_by_inputs: False gives the averaged gradient without the factor Δ.
    """

    def __init__(self, forward_func: Callable[..., Tensor], multiply_by_inputs: bool = True) -> None:
        super().__init__(forward_func)
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
        n_steps: int = 50,
        method: str = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: bool = False,
    ) -> Any:
        """Return scores shaped like the inputs; with the delta, shape (B,), where asked for.

        Raises:
            OptionError: If ``method`` is not one of captum's rules.
        """
        if method not in QUADRATURE_RULES:
            raise OptionError(f"method={method!r}; expected one of {', '.join(QUADRATURE_RULES)}")
        result = self._attribute(
            "integrated_gradients",
            inputs,
            baselines,
            target=target,
            additional_forward_args=additional_forward_args,
            internal_batch_size=internal_batch_size,
            n_steps=n_steps,
            rule=QUADRATURE_RULES[method],
            multiply_by="delta" if self._multiply_by_inputs else "none",
        )
        return self._with_delta(result, return_convergence_delta)


class InputXGradient(Attribution):
    """``gradient_x_input`` with the factor x and captum's signature."""

    @property
    def multiplies_by_inputs(self) -> bool:
        """Always."""
        return True

    def attribute(self, inputs: Tensors, target: Target = None, additional_forward_args: Any = None) -> Any:
        """Return x ∘ ∇f(x), shaped like the inputs."""
        gradients = self._gradient(inputs, target, additional_forward_args)
        parts = inputs if isinstance(inputs, tuple) else (inputs,)
        products = tuple(x.detach().to(g) * g for x, g in zip(parts, gradients, strict=True))
        return like_inputs(products, inputs)


class Saliency(Attribution):
    """The gradient, or its size, with captum's signature."""

    def attribute(
        self,
        inputs: Tensors,
        target: Target = None,
        abs: bool = True,  # noqa: A002
        additional_forward_args: Any = None,
    ) -> Any:
        """Return |∇f(x)|, or ∇f(x) with ``abs=False``, shaped like the inputs."""
        gradients = self._gradient(inputs, target, additional_forward_args)
        return like_inputs(tuple(g.abs() for g in gradients) if abs else gradients, inputs)


class GradientShap(WithDelta):
    """Gradients at random points between noisy inputs and random references, with captum's signature.

    The estimator of ``expected_gradients`` with draws of its own for each example, and noise on the inputs.

    Args:
        forward_func: Module or callable.
        multiply_by_inputs: False leaves out the factor x − b.
    """

    def __init__(self, forward_func: Callable[..., Tensor], multiply_by_inputs: bool = True) -> None:
        super().__init__(forward_func)
        self._multiply_by_inputs = multiply_by_inputs

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether scores carry the factor x − b."""
        return self._multiply_by_inputs

    def attribute(
        self,
        inputs: Tensors,
        baselines: Tensors | Callable[..., Tensors],
        n_samples: int = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: Target = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
    ) -> Any:
        """Return scores shaped like the inputs; with one delta per example and sample where asked for.

        Raises:
            OptionError: If ``n_samples`` is below 1.
        """
        if n_samples < 1:
            raise OptionError(f"n_samples={n_samples}; expected at least 1")
        question = self._asked(inputs, target, additional_forward_args)
        x, (scalar, _) = question.rows, question.point
        references = input_tuple(
            without_held(called_baselines(baselines, inputs), question.held, "baselines")
        )
        if isinstance(stdevs, tuple):
            stdevs = tuple(s for place, s in enumerate(stdevs) if place not in question.held)
        draws = PathDraws(x, references, stdevs, torch.Generator().manual_seed(current_seed()))
        batch = len(x[0])
        totals = [torch.zeros_like(part) for part in x]
        deltas = []
        # as many samples as fit: all at once would hold n_samples batches of gradients
        for some in blocks(n_samples, max(1, rows_at_once(scalar, wanted=n_samples * batch) // batch)):
            count = some.stop - some.start
            points, ends, starts = draws(count)
            examples = torch.arange(batch).repeat(count)
            gradients = value_and_gradient(scalar, tuple(p.to(scalar.device) for p in points), examples)[1]
            full = tuple(g * (e - b).to(g) for g, e, b in zip(gradients, ends, starts, strict=True))
            for total, score in zip(totals, full if self._multiply_by_inputs else gradients, strict=True):
                total += score.to(total).unflatten(0, (count, batch)).sum(0) / n_samples
            if return_convergence_delta:
                # of the full products, whatever is returned: without the factor x − b no sum is due
                shares = torch.stack([f.flatten(1).double().sum(1).cpu() for f in full]).sum(0)
                with torch.no_grad():
                    values = [
                        scalar.values(tuple(p.to(scalar.device) for p in rows), examples).double().cpu()
                        for rows in (ends, starts)
                    ]
                deltas.append((shares - (values[0] - values[1])).to(x[0]).reshape(count, batch))
        scores = question.with_held(tuple(totals), lambda held: torch.zeros_like(held, dtype=totals[0].dtype))
        averages = like_inputs(scores, inputs)
        return (averages, torch.cat(deltas).T.reshape(-1)) if return_convergence_delta else averages
