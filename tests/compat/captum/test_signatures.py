"""Class by class: captum's names, argument order, defaults, flags and structures of results."""

import inspect

import pytest
import torch
from torch import nn

import taylorattr.compat.captum as ours
from tests.compat.captum.peer import captum

CLASSES = [
    "IntegratedGradients", "InputXGradient", "Saliency", "NoiseTunnel", "GradientShap", "DeepLift",
    "DeepLiftShap", "LRP", "LayerGradCam", "GuidedGradCam", "GuidedBackprop", "Deconvolution", "Occlusion",
    "FeatureAblation", "ShapleyValues", "ShapleyValueSampling", "KernelShap",
]  # fmt: skip
NOT_OURS = {
    "kernel_shap_similarity_kernel",  # static helpers of captum's implementation
    "kernel_shap_perturb_generator",
    "satisfies_attribute_criteria",
    "forward_handles",
    "backward_handles",
    "layers",
    "verbose",
}


class Adds(nn.Module):
    """Images, alone or two of them, to two outputs; for one input captum can follow every layer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.act = nn.Conv2d(1, 2, 3), nn.ReLU()
        self.dense = nn.Linear(8, 2)

    def forward(self, x, y=None):
        return self.dense(self.act(self.conv(x if y is None else x + y)).flatten(1))


def made(module, name, model):
    if name in ("LayerGradCam", "GuidedGradCam"):
        return getattr(module, name)(model, model.conv)
    if name == "NoiseTunnel":
        return module.NoiseTunnel(module.Saliency(model))
    return getattr(module, name)(model)


def parameters(function):
    """Name, kind and default of each parameter."""
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def test_every_class_is_compared():
    offered = {name for name in ours.__all__ if hasattr(captum, name)} - {"Attribution", "LayerAttribution"}
    assert offered == set(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_arguments_their_order_and_defaults_are_captums(name):
    mine, theirs = getattr(ours, name), getattr(captum, name)
    assert parameters(mine.attribute) == parameters(theirs.attribute)
    assert parameters(mine.__init__) == parameters(theirs.__init__)


@pytest.mark.parametrize("name", CLASSES)
def test_public_names_flags_and_class_names_are_captums(name):
    theirs = {n for n in dir(getattr(captum, name)) if not n.startswith("_")}
    assert theirs - NOT_OURS <= set(dir(getattr(ours, name)))
    assert getattr(ours, name).get_name() == getattr(captum, name).get_name()
    a, b = made(ours, name, Adds()), made(captum, name, Adds())
    assert a.has_convergence_delta() == b.has_convergence_delta()
    assert a.multiplies_by_inputs == b.multiplies_by_inputs


def required(name, x):
    """Arguments without a default."""
    if name in ("GradientShap", "DeepLiftShap"):
        return {"baselines": tuple(torch.zeros(3, *part.shape[1:]) for part in x) if len(x) > 1 else
                torch.zeros(3, *x[0].shape[1:])}  # fmt: skip
    if name == "Occlusion":
        return {"sliding_window_shapes": ((1, 2, 2),) * len(x) if len(x) > 1 else (1, 2, 2)}
    if name in ("ShapleyValues", "KernelShap", "FeatureAblation"):
        masks = tuple(torch.arange(16).reshape(1, 1, 4, 4) // 8 + 2 * i for i in range(len(x)))
        return {"feature_mask": masks if len(x) > 1 else masks[0]}
    return {}


def structure(result):
    """Types, shapes and dtypes, all the way down."""
    if isinstance(result, tuple):
        return tuple(structure(part) for part in result)
    return type(result).__name__, tuple(result.shape), result.dtype


@pytest.mark.filterwarnings("ignore")  # captum's about hooks and gradients
@pytest.mark.parametrize("inputs", [1, 2])
@pytest.mark.parametrize("name", CLASSES)
def test_results_have_captums_structure(name, inputs):
    if inputs == 2 and name in ("DeepLift", "DeepLiftShap", "LRP"):
        pytest.skip("captum's hooks do not follow the sum of two inputs")
    x = tuple(torch.rand(3, 1, 4, 4) + i for i in range(inputs))
    given = x if inputs > 1 else x[0]
    options = required(name, x) | {"target": [0, 1, 1]}
    mine, theirs = (made(m, name, Adds()).attribute(given, **options) for m in (ours, captum))
    assert structure(mine) == structure(theirs)
    if "return_convergence_delta" in inspect.signature(getattr(ours, name).attribute).parameters:
        options["return_convergence_delta"] = True
        mine, theirs = (made(m, name, Adds()).attribute(given, **options) for m in (ours, captum))
        assert structure(mine) == structure(theirs)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "target", [1, torch.tensor(1), torch.tensor([0, 1, 1]), [0, 1, 1], (1,), [(0,), (1,), (1,)]], ids=str
)
@pytest.mark.parametrize(
    "name", ["IntegratedGradients", "DeepLift", "FeatureAblation", "LayerGradCam", "LRP"]
)
def test_every_form_of_target_is_read_as_captum_reads_it(name, target):
    x = torch.rand(3, 1, 4, 4)
    mine, theirs = (made(m, name, Adds()).attribute(x, target=target) for m in (ours, captum))
    assert (mine - theirs).abs().max() < 1e-5  # float32, and captum's own ε


@pytest.mark.parametrize("name", CLASSES)
def test_there_is_no_asynchronous_form(name):
    with pytest.raises(NotImplementedError, match=f"not implemented for {name}; call attribute"):
        made(ours, name, Adds()).attribute_future()
