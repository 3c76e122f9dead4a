"""captum's Grad-CAM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from taylorattr.aliases import Target, Tensors
from taylorattr.compat.captum.base import Attribution
from taylorattr.errors import OptionError


class LayerGradCam(Attribution):
    """``grad_cam`` with captum's signature: the map of the layer's own size, signed by default.

    Args:
        forward_func: Module or callable.
        layer: Module whose output holds the feature maps.
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
        """Return Σ_k α_k A^k, shape (B, 1, positions…).

        Raises:
            OptionError: If the layer's input, single channels or options of autograd are asked for.
        """
        if attribute_to_layer_input:
            raise OptionError("attribute_to_layer_input=True is not offered; pass the layer before as layer=")
        if not attr_dim_summation:
            raise OptionError("attr_dim_summation=False is not offered: the map is a sum over channels")
        if grad_kwargs:
            raise OptionError(f"grad_kwargs={grad_kwargs!r} are not offered; leave them out")
        found = self._attribute(
            "grad_cam",
            inputs,
            None,
            target=target,
            additional_forward_args=additional_forward_args,
            layer=self.layer,
            relu=relu_attributions,
            upsample=None,
        )
        return found.scores

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
