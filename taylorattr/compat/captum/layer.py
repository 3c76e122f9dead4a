"""captum's Grad-CAM of a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from taylorattr.aliases import Target, Tensors
from taylorattr.analysis.inputs import input_tuple
from taylorattr.analysis.layers import activation_and_gradient, find_layer
from taylorattr.compat.captum.base import Attribution, zero_for_none
from taylorattr.errors import OptionError
from taylorattr.methods.gradient.grad_cam import channel_weights

NO_EFFECT = ("retain_graph", "create_graph", "allow_unused", "materialize_grads", "is_grads_batched")
"""Options of ``torch.autograd.grad`` that leave the gradient of one output per example as it is."""


class LayerAttribution(Attribution):
    """Base of the classes that attribute to a layer.

    Args:
        forward_func: Module or callable.
        layer: A module of the model.
        device_ids: Accepted and not needed.
    """

    def __init__(
        self,
        forward_func: Callable[..., Tensor],
        layer: nn.Module,
        device_ids: list[int] | None = None,
    ) -> None:
        super().__init__(forward_func)
        self.layer, self.device_ids = layer, device_ids

    @staticmethod
    def interpolate(
        layer_attribution: Tensor,
        interpolate_dims: int | tuple[int, ...],
        interpolate_mode: str = "nearest",
    ) -> Tensor:
        """Return the map at another size.

        Args:
            layer_attribution: Shape (B, channels, positions…).
            interpolate_dims: The size, of one or of all dimensions after the first two.
            interpolate_mode: Of ``torch.nn.functional.interpolate``.
        """
        return F.interpolate(layer_attribution, interpolate_dims, mode=interpolate_mode)


class LayerGradCam(LayerAttribution):
    """Grad-CAM with captum's signature: the map of the layer's own size, signed by default.

    Args:
        forward_func: Module or callable.
        layer: Module whose output, or input, holds the feature maps.
        device_ids: Accepted and not needed.
    """

    def attribute(
        self,
        inputs: Tensors,
        target: Target = None,
        additional_forward_args: Any = None,
        attribute_to_layer_input: bool = False,
        relu_attributions: bool = False,
        attr_dim_summation: bool = True,
        grad_kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Return Σ_k α_k A^k, shape (B, 1, positions…), or each α_k A^k, shape (B, K, positions…).

        Args:
            inputs: Tensors (B, …).
            target: Which output.
            additional_forward_args: What the model takes after the inputs.
            attribute_to_layer_input: Whether A is what the layer reads instead of what it gives.
            relu_attributions: Whether negative entries become 0.
            attr_dim_summation: Whether channels are summed.
            grad_kwargs: Of ``torch.autograd.grad``; those that change the gradient are refused.

        Raises:
            OptionError: If an option of autograd changes the gradient, the layer is no part of the model or
                does not run exactly once.
        """
        changing = [name for name in grad_kwargs or {} if name not in NO_EFFECT]
        if changing:
            raise OptionError(
                f"grad_kwargs has {changing[0]!r}; the gradient of each example's output is taken as "
                f"it is, and only {', '.join(NO_EFFECT)} may be given (they change nothing)"
            )
        if all(part.is_floating_point() for part in input_tuple(inputs)):
            scalar, x = self._question(
                self.forward_func,
                inputs,
                target=target,
                additional_forward_args=additional_forward_args,
            ).point
        else:  # token ids: a gradient at them there is none, but one at the layer behind them
            game = self._question(
                self.forward_func,
                inputs,
                zero_for_none(inputs, None),
                target=target,
                additional_forward_args=additional_forward_args,
                integers_allowed=True,
            ).game
            scalar, x = game.scalar, game.inputs
        path, module = find_layer(self.forward_func, scalar, self.layer)
        activation, gradient = activation_and_gradient(
            scalar, path, module, x, torch.arange(len(x[0])), of_input=attribute_to_layer_input
        )
        maps = channel_weights(gradient) * activation
        if attr_dim_summation:
            maps = maps.sum(1, keepdim=True)
        return maps.relu() if relu_attributions else maps
