import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.compat.quantus import explain
from taylorattr.errors import OptionError
from tests.autodiff.networks import cnn, mlp
from tests.autodiff.networks import points as normal


@pytest.mark.parametrize("method", ["occlusion_1", "integrated_gradients", "lrp_epsilon"])
def test_arrays_in_and_scores_of_each_examples_class_out(method):
    model, x, targets = mlp(4, activation=torch.nn.ReLU), normal(3, 4), np.array([0, 2, 1])
    found = explain(model, x.numpy(), targets, method=method, device="cpu")
    expected = ta.attribute(method, model, x, target=[0, 2, 1]).scores
    assert isinstance(found, np.ndarray) and np.array_equal(found, expected.numpy())


def test_options_are_passed_on():
    model, x = mlp(4), normal(2, 4)
    found = explain(model, x, 1, method="shapley", baselines=0.5, algorithm="permutation", samples=4)
    expected = ta.attribute("shapley", model, x, 0.5, target=1, algorithm="permutation", samples=4).scores
    assert np.array_equal(found, expected.numpy())


def test_baselines_and_references_may_be_arrays():
    model, x, b = mlp(4), normal(3, 4), normal(2, 4, seed=2)
    for name, method in (("baselines", "expected_gradients"), ("references", "integrated_gradients")):
        found = explain(model, x.numpy(), [0, 1, 2], method=method, **{name: b.double().numpy()})
        expected = ta.attribute(method, model, x, target=[0, 1, 2], **{name: b}).scores
        assert np.array_equal(found, expected.numpy())


def test_maps_of_images_have_one_channel():
    model, x = cnn(2), normal(2, 2, 6, 6)
    assert explain(model, x.numpy(), np.array([0, 1]), method="grad_cam").shape == (2, 1, 6, 6)
    assert explain(model, x.numpy(), np.array([0, 1]), method="occlusion_patch").shape == (2, 2, 6, 6)
    with pytest.raises(OptionError, match="no attribution method is called 'GradCAM'"):
        explain(model, x, 0, method="GradCAM")
