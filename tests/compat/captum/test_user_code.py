"""A program written for captum, as its tutorials are, run under both imports."""

import warnings

import pytest
import torch

from tests.compat.captum.peer import worst

pytest.importorskip("captum.attr")

PROGRAM = """
import torch
from torch import nn
from {package} import (
    DeepLift, DeepLiftShap, FeatureAblation, GradientShap, GuidedGradCam, InputXGradient, IntegratedGradients,
    KernelShap, LayerAttribution, LayerGradCam, LRP, NoiseTunnel, Occlusion, Saliency, ShapleyValues,
    ShapleyValueSampling,
)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(36, 8)
        self.relu2 = nn.ReLU()
        self.fc2 = nn.Linear(8, 3)

    def forward(self, x):
        x = self.pool1(self.relu1(self.conv1(x)))
        x = x.view(-1, 36)
        return self.fc2(self.relu2(self.fc1(x)))


torch.manual_seed(0)
net = Net().eval()
input = torch.rand(2, 1, 8, 8)
input[:, :, :3] = 0  # a dark border, as digits have
input.requires_grad = True
labels = torch.tensor([2, 0])
baseline = input * 0
mask = (torch.arange(64) // 16).reshape(1, 1, 8, 8)

result = dict()
ig = IntegratedGradients(net)
result["ig"], delta = ig.attribute(
    input, target=labels, baselines=baseline, n_steps=300, return_convergence_delta=True
)
result["noisy"] = NoiseTunnel(ig).attribute(
    input, baselines=baseline, nt_type="smoothgrad_sq", nt_samples=3, stdevs=0.2, target=labels
)
result["saliency"] = Saliency(net).attribute(input, target=labels)
result["x gradient"] = InputXGradient(net).attribute(input, target=labels)
result["deeplift"] = DeepLift(net).attribute(input, target=labels, baselines=baseline)
result["multipliers"] = DeepLift(net, multiply_by_inputs=False).attribute(input, target=labels)
result["shap"], shap_delta = DeepLiftShap(net).attribute(
    input, torch.rand(3, 1, 8, 8), target=labels, return_convergence_delta=True
)
result["gradient shap"] = GradientShap(net).attribute(
    input, torch.rand(5, 1, 8, 8), n_samples=4, stdevs=0.09, target=labels
)
result["lrp"] = LRP(net).attribute(input, target=labels)
cam = LayerGradCam(net, net.conv1)
result["cam"] = LayerAttribution.interpolate(cam.attribute(input, labels, relu_attributions=True), (8, 8))
result["guided"] = GuidedGradCam(net, net.conv1).attribute(input, target=labels)
result["occlusion"] = Occlusion(net).attribute(
    input, strides=(1, 2, 2), target=labels, sliding_window_shapes=(1, 3, 3), baselines=0
)
result["ablation"] = FeatureAblation(net).attribute(
    input, target=labels, feature_mask=mask, perturbations_per_eval=2
)
result["shapley"] = ShapleyValues(net).attribute(input, target=labels, feature_mask=mask)
result["sampled"] = ShapleyValueSampling(net).attribute(input, target=labels, feature_mask=mask, n_samples=3)
result["kernel"] = KernelShap(net).attribute(input, target=labels, feature_mask=mask, n_samples=20)
result["delta"], result["shap delta"] = delta, shap_delta
"""
LOOSE = {"noisy", "gradient shap", "sampled", "kernel", "shap", "shap delta", "delta", "multipliers"}
"""Structure only: random, or maxima shared by another rule (also in the ties of the dark border)."""


def run(package):
    names: dict = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(PROGRAM.format(package=package), names)
    return names["result"]


def test_it_runs_and_agrees():
    mine, theirs = run("taylorattr.compat.captum"), run("captum.attr")
    assert list(mine) == list(theirs)
    for name, scores in mine.items():
        assert scores.shape == theirs[name].shape and scores.dtype == theirs[name].dtype, name
        if name not in LOOSE:
            size = float(scores.detach().abs().max())
            assert worst(scores.detach(), theirs[name]) < 2e-3 * size + 1e-6, (
                name
            )  # float32, 300 steps, kinks
    assert torch.equal(mine["ablation"][0, 0, 0], mine["ablation"][0, 0, 1])
