"""Methods as a user would write them, for the tests of protocols: callables (x, target) -> map."""

import torch
from torch import nn

import taylorattr as ta


def gradient(model):
    """The plain gradient of the class's logit, by autograd."""

    def gradient(x, target):
        x = x.clone().requires_grad_()
        with torch.enable_grad():
            return torch.autograd.grad(model(x).gather(1, target[:, None]).sum(), x)[0]

    return gradient


def guided_backprop(model):
    """The gradient with negative numbers removed at every ReLU, on the way back too."""

    def guided_backprop(x, target):
        x = x.clone().requires_grad_()
        hooks = [
            module.register_full_backward_hook(lambda m, inward, outward: (inward[0].clamp(min=0),))
            for module in model.modules()
            if isinstance(module, nn.ReLU)
        ]
        try:
            with torch.enable_grad():
                return torch.autograd.grad(model(x).gather(1, target[:, None]).sum(), x)[0]
        finally:
            for hook in hooks:
                hook.remove()

    return guided_backprop


def named(name, **options):
    """A factory of one of the package's own methods."""

    def factory(model):
        return lambda x, target: ta.attribute(name, model, x, target=target, **options)

    return factory


def ranked_at_random(x, target):
    """A map that knows nothing, not even the class."""
    return torch.rand(x.shape, generator=torch.Generator().manual_seed(len(x)))
