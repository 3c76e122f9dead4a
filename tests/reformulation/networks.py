"""Networks, inputs and reference sets for every method."""

import torch

import taylorattr as ta
from tests.allocation.networks import TanhNetwork, relu_network

REFERENCES = ("expected_gradients", "prediction_difference", "deep_shap")
LAYERS = (
    "lrp_epsilon",
    "lrp_alpha_beta",
    "deep_taylor",
    "deeplift_rescale",
    "deeplift_reveal_cancel",
    "deep_shap",
)
OPTIONS = {
    "expected_gradients": {"mode": "full"},
    "occlusion_patch": {"windows": [[0, 1], [1, 2]]},
    "smooth_grad": {"stdev": 0.01, "n_samples": 4000},
}
"""Options under which a method is deterministic, or nearly so."""


def at(n=3, batch=2, seed=1, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * (2 * torch.rand(batch, n, generator=generator, dtype=torch.float64) - 1)


def references(n=3, seed=2):
    return at(n, batch=3, seed=seed, scale=0.2)


def reformulated(name, model, x, order=4, **options):
    n = x[0].numel()
    baselines = references(n) if name in REFERENCES else None
    return ta.reformulate(name, model, x, baselines, order=order, **(OPTIONS.get(name, {}) | options))


__all__ = [
    "LAYERS",
    "OPTIONS",
    "REFERENCES",
    "TanhNetwork",
    "at",
    "references",
    "reformulated",
    "relu_network",
]
