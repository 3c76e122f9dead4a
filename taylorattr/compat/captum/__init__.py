"""Captum's classes over this package's methods: change ``captum.attr`` to ``taylorattr.compat.captum``.

Names, argument order, defaults and return types are captum's; so are scores repeated over the elements of
a feature, and the sign of a convergence delta, Σ scores − (f(x) − f(b)). Random draws follow
``torch.manual_seed`` without moving the global generator: a repeated call repeats its numbers. Checks and
errors are this package's; a model must return one row per example. captum need not be installed.
"""

from taylorattr.compat.captum.base import Attribution
from taylorattr.compat.captum.gradient import (
    GradientShap,
    InputXGradient,
    IntegratedGradients,
    Saliency,
)
from taylorattr.compat.captum.noise_tunnel import NoiseTunnel
from taylorattr.compat.captum.perturbation import (
    FeatureAblation,
    KernelShap,
    Occlusion,
    ShapleyValues,
    ShapleyValueSampling,
)

__all__ = [
    "Attribution",
    "FeatureAblation",
    "GradientShap",
    "InputXGradient",
    "IntegratedGradients",
    "KernelShap",
    "NoiseTunnel",
    "Occlusion",
    "Saliency",
    "ShapleyValueSampling",
    "ShapleyValues",
]
