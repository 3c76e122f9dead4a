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
from taylorattr.compat.captum.guided import Deconvolution, GuidedBackprop, GuidedGradCam
from taylorattr.compat.captum.layer import LayerAttribution, LayerGradCam
from taylorattr.compat.captum.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule, GammaRule, IdentityRule
from taylorattr.compat.captum.noise_tunnel import NoiseTunnel
from taylorattr.compat.captum.perturbation import (
    FeatureAblation,
    KernelShap,
    Occlusion,
    ShapleyValues,
    ShapleyValueSampling,
)
from taylorattr.compat.captum.relevance import LRP, DeepLift, DeepLiftShap

__all__ = [
    "LRP",
    "Alpha1_Beta0_Rule",
    "Attribution",
    "Deconvolution",
    "DeepLift",
    "DeepLiftShap",
    "EpsilonRule",
    "FeatureAblation",
    "GammaRule",
    "GradientShap",
    "GuidedBackprop",
    "GuidedGradCam",
    "IdentityRule",
    "InputXGradient",
    "IntegratedGradients",
    "KernelShap",
    "LayerAttribution",
    "LayerGradCam",
    "NoiseTunnel",
    "Occlusion",
    "Saliency",
    "ShapleyValueSampling",
    "ShapleyValues",
]
