"""The methods of the comparison: each is made for a network and its training images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

import taylorattr as ta

REFERENCES = 32
"""Training images that methods over a reference set average over."""

Method = Callable[[Tensor, Tensor], Any]


@dataclass(frozen=True)
class Entry:
    """A method of the comparison.

    Attributes:
        make: (network, training images) -> method.
        unit: Whether its map is change of the output per unit of input, as a gradient is; None: neither that
            nor in units of the output.
        references: Whether it averages over a reference set: an audit against one baseline would blame it for
            sums that are right against its own, and one against the set takes minutes.
    """

    make: Callable[[nn.Module, Tensor], Method]
    unit: bool | None = False
    references: bool = False


def gradient(network: nn.Module, images: Tensor) -> Method:
    """Return the plain gradient of the class's logit."""
    return lambda x, target: _gradient(network, x, target)


def guided_backprop(network: nn.Module, images: Tensor) -> Method:
    """Return the gradient with negative numbers removed at every ReLU, on the way back too."""

    def method(x: Tensor, target: Tensor) -> Tensor:
        hooks = [
            module.register_full_backward_hook(lambda module, inward, outward: (inward[0].clamp(min=0),))
            for module in network.modules()
            if isinstance(module, nn.ReLU)
        ]
        try:
            return _gradient(network, x, target)
        finally:
            for hook in hooks:
                hook.remove()

    return method


def _gradient(network: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    x = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        return torch.autograd.grad(network(x).gather(1, target[:, None]).sum(), x)[0]


def own(name: str, *, references: bool = False, **options: Any) -> Callable[[nn.Module, Tensor], Method]:
    """Return the factory of one of the package's methods."""

    def make(network: nn.Module, images: Tensor) -> Method:
        baselines = images[:REFERENCES] if references else None
        return lambda x, target: ta.attribute(name, network, x, baselines, target=target, **options)

    return make


@lru_cache(maxsize=1)
def _fitted(network: nn.Module, images: Tensor) -> ta.MIPIN:
    """Return the inverses of a network; two read-outs that follow each other fit them once."""
    return ta.MIPIN(network).fit(images)


def mip_in(read: str) -> Callable[[nn.Module, Tensor], Method]:
    """Return the factory of a read-out of MIP-IN; the inverses are fitted for every network it is given."""

    def make(network: nn.Module, images: Tensor) -> Method:
        fitted = _fitted(network, images)
        return lambda x, target: ta.attribute("mip_in", network, x, target=target, fitted=fitted, read=read)

    return make


def mip_in_upper(network: nn.Module, images: Tensor) -> Method:
    """Return MIP-IN of the layers from the last max-pool on, its map resized to the image.

    Raises:
        OptionError: If there is no max-pool.
    """
    pools = [name for name, module in network.named_children() if isinstance(module, nn.MaxPool2d)]
    if not pools:
        raise ta.errors.OptionError("the network has no max-pool before which a map could be read")
    fitted = ta.MIPIN(network, layer=str(int(pools[-1]) - 1)).fit(images)
    return lambda x, target: ta.attribute("mip_in", network, x, target=target, fitted=fitted)


def random_map(network: nn.Module, images: Tensor) -> Method:
    """Return numbers that know nothing of network, input and class."""
    return lambda x, target: torch.rand(x.shape, generator=torch.Generator().manual_seed(1))


ENTRIES = {
    "gradient": Entry(gradient, unit=True),
    "guided_backprop": Entry(guided_backprop, unit=True),
    "gradient_x_input": Entry(own("gradient_x_input")),
    "smooth_grad": Entry(own("smooth_grad", n_samples=20)),
    "integrated_gradients": Entry(own("integrated_gradients", mode="quadrature", n_steps=32)),
    "expected_gradients": Entry(own("expected_gradients", references=True, n_samples=50), references=True),
    "grad_cam": Entry(own("grad_cam"), unit=None),
    "occlusion_1": Entry(own("occlusion_1")),
    "occlusion_patch": Entry(own("occlusion_patch")),
    "prediction_difference": Entry(own("prediction_difference", references=True), references=True),
    "shapley": Entry(own("shapley", algorithm="permutation", samples=10)),
    "lrp_epsilon": Entry(own("lrp_epsilon")),
    "lrp_alpha_beta": Entry(own("lrp_alpha_beta")),
    "deep_taylor": Entry(own("deep_taylor")),
    "deeplift_rescale": Entry(own("deeplift_rescale")),
    "deeplift_reveal_cancel": Entry(own("deeplift_reveal_cancel")),
    "deep_shap": Entry(own("deep_shap", references=True), references=True),
    "prune_grad": Entry(own("prune_grad", sparsity=0.9), unit=True),
    "prune_grad 0.98": Entry(own("prune_grad", sparsity=0.98), unit=True),
    "mip_in": Entry(mip_in("attribution"), unit=True),
    "mip_in contrast": Entry(mip_in("contrast"), unit=True),
    "mip_in upper": Entry(mip_in_upper, unit=None),
    "random": Entry(random_map, unit=None),
}
"""Name -> method: the fifteen, two gradients, the systems, and random numbers."""
