"""Guided backpropagation, deconvolution and guided Grad-CAM: the gradient with another rule at ReLUs.

The rule acts on the recorded operations, so functional ReLUs and reused modules are seen.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from taylorattr.aliases import Target, Tensors
from taylorattr.analysis.inputs import input_tuple
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.compat.captum.base import Attribution, like_inputs
from taylorattr.compat.captum.layer import LayerAttribution, LayerGradCam
from taylorattr.errors import PrecisionWarning, warn
from taylorattr.methods.relevance.replay import Recorded, Replay, agree
from taylorattr.program.program import Node
from taylorattr.program.record import record
from taylorattr.program.walk import Forward, walk

aten = torch.ops.aten


class _PositiveOnly(torch.autograd.Function):
    """relu(z), whose backward pass lets only positive multipliers through."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, gated: bool) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        y = z.relu()
        ctx.save_for_backward(y)  # y > 0 exactly where z > 0
        ctx.gated = gated
        return y

    @staticmethod
    def backward(ctx: Any, m: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (y,) = ctx.saved_tensors
        positive = m.clamp(min=0)
        return (torch.where(y > 0, positive, 0.0) if ctx.gated else positive), None


class _ReplayWithRule(Forward):
    """The operations of a program, its ReLUs with the rule of `_PositiveOnly`."""

    def __init__(self, gated: bool) -> None:
        self.gated = gated

    def apply(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run one operation."""
        if node.op is aten.relu.default:
            return _PositiveOnly.apply(args[0], self.gated)
        return super().apply(node, args, kwargs)


class _ModifiedRelu(Attribution):
    """A gradient with another rule at ReLUs.

    Args:
        model: The model.
    """

    gated: bool

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.model = model

    def attribute(self, inputs: Tensors, target: Target = None, additional_forward_args: Any = None) -> Any:
        """Return the modified gradient, shaped like the inputs."""
        question = self._asked(inputs, target, additional_forward_args)
        scalar, x = question.point
        examples = torch.arange(len(x[0]))
        leaves = tuple(part.detach().clone().requires_grad_() for part in x)
        place = Recorded(scalar, slice(0, len(examples)), x, "as run")
        values = self._replayed(place.find(), scalar, leaves, examples)
        if values is None:
            # recorded where it is asked: a rule on modules would miss functional ReLUs and modules used twice
            program = record(lambda *xs: scalar.values(xs, examples), x, module=scalar.module)
            place.keep(Replay(program, program, len(examples)))
            with torch.enable_grad():
                values = walk(program, leaves, _ReplayWithRule(self.gated))
        gradients = tuple(torch.zeros_like(part) for part in x)
        if values.requires_grad:  # else the output does not depend on the inputs at all
            # a sum would carry no gradient where the user has switched them off
            ones = torch.ones_like(values)
            gradients = torch.autograd.grad(values, leaves, ones, materialize_grads=True)
        gradients = question.with_held(gradients, lambda held: torch.zeros_like(held, dtype=scalar.dtype))
        return like_inputs(gradients, inputs)

    def _replayed(
        self, known: Replay | None, scalar: ScalarModel, leaves: tuple[Tensor, ...], examples: Tensor
    ) -> Tensor | None:
        """Return f by the operations recorded before, None where they are not those of the model."""
        if known is None:
            return None
        try:
            with torch.enable_grad():
                values = walk(known.operations(len(examples)), leaves, _ReplayWithRule(self.gated))
        except Exception:  # an operation that holds a size may raise anything; recorded anew it runs
            return None
        with torch.no_grad():
            expected = scalar.values(tuple(leaf.detach().clone() for leaf in leaves), examples)
        return values if agree(values.detach(), expected) else None


class GuidedBackprop(_ModifiedRelu):
    """The gradient, where a ReLU passes max(m, 0)·1[z > 0], with captum's signature.

    Source: Springenberg et al. (2015), "Striving for simplicity: the all convolutional net", arXiv 1412.6806.
    """

    gated = True


class Deconvolution(_ModifiedRelu):
    """The gradient, where a ReLU passes max(m, 0) whatever z, with captum's signature.

    Source: Zeiler, Fergus (2014), "Visualizing and understanding convolutional networks", arXiv 1311.2901.
    """

    gated = False


class GuidedGradCam(Attribution):
    """Guided backpropagation times the clipped Grad-CAM of a layer, with captum's signature.

    Args:
        model: The model.
        layer: Module whose output, or input, holds the feature maps.
        device_ids: Accepted and not needed.
    """

    def __init__(self, model: nn.Module, layer: nn.Module, device_ids: list[int] | None = None) -> None:
        super().__init__(model)
        self.model = model
        self.grad_cam = LayerGradCam(model, layer, device_ids)
        self.guided_backprop = GuidedBackprop(model)

    def attribute(
        self,
        inputs: Tensors,
        target: Target = None,
        additional_forward_args: Any = None,
        interpolate_mode: str = "nearest",
        attribute_to_layer_input: bool = False,
    ) -> Any:
        """Return the products, shaped like the inputs; an empty tensor where the map has other dimensions.

        Source: Selvaraju et al. (2017), "Grad-CAM: visual explanations from deep networks", arXiv 1610.02391.
        """
        cam = self.grad_cam.attribute(
            inputs,
            target,
            additional_forward_args,
            attribute_to_layer_input=attribute_to_layer_input,
            relu_attributions=True,
        )
        guided = self.guided_backprop.attribute(input_tuple(inputs), target, additional_forward_args)
        products = []
        for number, part in enumerate(guided):
            if part.ndim != cam.ndim or part.ndim not in (3, 4, 5):
                warn(
                    f"input {number} has shape {tuple(part.shape)}, which a map of shape {tuple(cam.shape)} "
                    "cannot be resized to; an empty tensor stands in its place",
                    PrecisionWarning,
                )
                products.append(torch.empty(0))
                continue
            resized = LayerAttribution.interpolate(cam, tuple(part.shape[2:]), interpolate_mode)
            products.append(part * resized)
        return like_inputs(tuple(products), inputs)
