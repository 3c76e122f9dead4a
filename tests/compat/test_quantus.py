import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.compat.quantus import explain
from taylorattr.errors import OptionError, ShapeError
from taylorattr.evaluation import localisation
from taylorattr.evaluation.localisation import box_masks
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


def test_a_factory_is_asked_for_each_model():
    model, other, x = mlp(4), mlp(4, hidden=5), normal(3, 4)
    asked = []

    def factory(net, scale=1.0):
        asked.append(net)
        return lambda rows, target: scale * ta.attribute("shapley", net, rows, target=target).scores

    found = explain(model, x.numpy(), [0, 2, 1], method=factory, scale=2.0)
    expected = 2 * ta.attribute("shapley", model, x, target=[0, 2, 1]).scores
    assert np.array_equal(found, expected.numpy())
    explain(other, x, 1, method=factory)
    assert asked == [model, other]
    with pytest.raises(ShapeError, match="gives no scores shaped like one input"):
        explain(model, x, 1, method=lambda net: nothing)


def nothing(x, target):
    return None


class TestRealQuantus:
    """Its metrics on our methods, where it is installed; numbers that both have are compared."""

    quantus = None

    @pytest.fixture(autouse=True)
    def library(self):
        self.quantus = pytest.importorskip("quantus", reason="quantus is not installed")

    def run(self, metric, method, net=None, **options):
        net, images = net or cnn(1), normal(3, 1, 6, 6)
        target = net(images).argmax(1)
        settings = {"disable_warnings": True, "display_progressbar": False, "normalise": False, "abs": False}
        found = getattr(self.quantus, metric)(**settings | options.pop("settings", {}))(
            model=net,
            x_batch=images.numpy(),
            y_batch=target.numpy(),
            a_batch=None,
            device="cpu",
            explain_func=explain,
            explain_func_kwargs={"method": method},
            **options,
        )
        return net, images, target, found

    def test_faithfulness_correlation_of_a_linear_model_is_1(self):
        settings = {"nr_runs": 30, "subset_size": 6, "perturb_baseline": 0.0}
        net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 3)).eval()
        for method in ("occlusion_1", "integrated_gradients", lambda model: lambda x, target: x):
            (score,) = self.run("FaithfulnessCorrelation", method, net=net, settings=settings)[-1]
            # the mean over images of a correlation over 30 subsets; the input alone is no attribution
            assert (score > 1 - 1e-4) == isinstance(method, str)

    def test_randomisation_rebuilds_a_factorys_method(self):
        asked = []

        def factory(net):
            asked.append(net)
            return lambda x, target: ta.attribute("gradient_x_input", net, x, target=target)

        steps = self.run("MPRT", factory)[-1]
        assert np.allclose(steps["original"], 1) and len(asked) >= len(steps) > 2

    @pytest.mark.parametrize(
        ("metric", "measure"), [("RelevanceMassAccuracy", "mass"), ("RelevanceRankAccuracy", "top")]
    )
    def test_what_lies_in_a_box_is_the_same_number(self, metric, measure):
        boxes = [(1, 1, 4, 3), (0, 2, 3, 5), (2, 2, 5, 4)]
        masks = box_masks(boxes, 3, (6, 6))[:, None].numpy()
        net, images, target, found = self.run(metric, "occlusion_1", s_batch=masks, settings={"abs": True})
        method = lambda x, c: ta.attribute("occlusion_1", net, x, target=c)  # noqa: E731
        ours = localisation(net, images, method, boxes, target=target, most_covered=1)
        assert np.allclose(found, ours.measure(measure).numpy(), rtol=1e-5)
