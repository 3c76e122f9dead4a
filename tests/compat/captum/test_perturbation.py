import pytest
import torch
from torch import nn

import taylorattr.compat.captum as ours
from taylorattr.errors import OptionError, ShapeError
from tests.autodiff.networks import mlp
from tests.autodiff.networks import points as normal
from tests.compat.captum.peer import PAIR, captum, pair_inputs, worst

SINGLE = 1e-5  # captum adds up to 720 perturbations of size one in float32


def image():
    torch.manual_seed(1)
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 3 * 4, 2))
    return layers.double().eval()


def both(name, model, *args, **options):
    return tuple(getattr(m, name)(model).attribute(*args, **options) for m in (ours, captum))


@pytest.mark.parametrize("per_eval", [1, 3])
@pytest.mark.parametrize("mask", [None, torch.tensor([[0, 1, 1, 4, 0]])])
@pytest.mark.parametrize("name", ["FeatureAblation", "ShapleyValues"])
def test_features_of_vectors(name, mask, per_eval):
    model, x, b = mlp(5).double(), normal(3, 5).double(), normal(1, 5, seed=2).double()
    options = {"target": [0, 1, 2], "feature_mask": mask, "perturbations_per_eval": per_eval}
    assert worst(*both(name, model, x, b, **options)) < SINGLE
    assert worst(*both(name, model, x, 0.5, **options)) < SINGLE


@pytest.mark.parametrize("name", ["FeatureAblation", "ShapleyValues"])
def test_tuples_masks_and_extra_arguments(name):
    x = pair_inputs()
    mask = (torch.tensor([[0, 1, 2]]), torch.tensor([[[3, 3], [4, 5]]]))
    options = {"target": 1, "additional_forward_args": (2.0,), "feature_mask": mask}
    assert worst(*both(name, PAIR, x, (0.0, normal(1, 2, 2).double()), **options)) < SINGLE


@pytest.mark.parametrize("strides", [None, (3, 1, 2), 2])
def test_windows_over_images(strides):
    x = normal(2, 3, 5, 6).double()
    options = {"sliding_window_shapes": (3, 2, 2), "strides": strides, "target": 1}
    assert worst(*both("Occlusion", image(), x, **options)) < SINGLE


def test_windows_over_tuples():
    x = pair_inputs()
    options = {"sliding_window_shapes": ((2,), (1, 2)), "strides": ((1,), (1, 1)), "target": 0}
    assert worst(*both("Occlusion", PAIR, x, **options)) < SINGLE
    options["strides"] = None
    assert worst(*both("Occlusion", PAIR, x, **options)) < SINGLE
    with pytest.raises(OptionError, match="one each"):
        ours.Occlusion(PAIR).attribute(x, ((2,),), target=0)


def test_masks_spread_over_channels():
    x = normal(2, 3, 5, 6).double()
    mask = torch.arange(30).reshape(1, 1, 5, 6) // 4
    assert worst(*both("FeatureAblation", image(), x, feature_mask=mask, target=0)) < SINGLE
    alike = ours.FeatureAblation(image()).attribute(x, feature_mask=mask, target=0)
    again = ours.FeatureAblation(image()).attribute(x, feature_mask=mask.repeat(2, 1, 1, 1), target=0)
    assert torch.equal(alike, again)
    with pytest.raises(ShapeError, match="does not fit.*one row for each of the 2 examples"):
        ours.FeatureAblation(image()).attribute(x, feature_mask=mask.repeat(3, 1, 1, 1), target=0)


@pytest.mark.parametrize("per_eval", [1, 2])
@pytest.mark.parametrize("name", ["FeatureAblation", "ShapleyValues", "KernelShap", "ShapleyValueSampling"])
def test_examples_may_have_features_of_their_own(name, per_eval):
    x, b = pair_inputs(), (0.5, normal(2, 2, 2).double())
    mask = (torch.tensor([[0, 1, 2], [0, 0, 0]]), torch.tensor([[[3, 3], [4, 5]], [[0, 1], [1, 2]]]))
    extra = (torch.tensor([[2.0], [3.0]]).double(),)
    options = {"additional_forward_args": extra, "feature_mask": mask, "target": [1, 0]}
    torch.manual_seed(0)
    found = getattr(ours, name)(PAIR).attribute(x, b, perturbations_per_eval=per_eval, **options)
    for e, target in enumerate(options["target"]):
        alone = getattr(ours, name)(PAIR).attribute(
            tuple(part[e : e + 1] for part in x),
            (0.5, b[1][e : e + 1]),
            feature_mask=tuple(part[e : e + 1] for part in mask),
            additional_forward_args=(extra[0][e : e + 1],),
            target=target,
        )
        assert worst(tuple(part[e : e + 1] for part in found), alone) < 1e-12
    if name == "FeatureAblation":
        assert worst(found, captum.FeatureAblation(PAIR).attribute(x, b, **options)) < SINGLE


def test_kernel_coefficients_of_examples_with_fewer_features_end_in_zeros():
    model, x = mlp(5).double(), normal(2, 5).double()
    mask = torch.tensor([[0, 0, 1, 1, 2], [0, 0, 0, 1, 1]])
    found = ours.KernelShap(model).attribute(x, target=0, feature_mask=mask, return_input_shape=False)
    assert found.shape == (2, 3) and found[1, 2] == 0 and (found[0] != 0).all()


def test_token_ids_need_no_baseline():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(16, 2)).eval()
    tokens = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
    assert worst(*both("FeatureAblation", model, tokens, target=0)) < SINGLE


@pytest.mark.parametrize("name", ["ShapleyValueSampling", "KernelShap"])
def test_estimates_come_close_to_exact_values(name):
    model, x, b = mlp(5).double(), normal(2, 5).double(), normal(1, 5, seed=2).double()
    exact = ours.ShapleyValues(model).attribute(x, b, target=1)
    found = getattr(ours, name)(model).attribute(x, b, target=1, n_samples=2000)
    assert worst(found, exact) < 0.05 * float(exact.abs().sum(1).max())  # many times the standard error
    assert (found.sum(1) - exact.sum(1)).abs().max() < 1e-12  # they add up however few samples there are


def test_random_draws_follow_the_users_seed_and_leave_it_alone():
    model, x = mlp(5).double(), normal(1, 5).double()

    def run(seed):
        torch.manual_seed(seed)
        state = torch.get_rng_state()
        found = ours.ShapleyValueSampling(model).attribute(x, target=0, n_samples=4)
        assert torch.equal(state, torch.get_rng_state())
        return found

    assert torch.equal(run(1), run(1)) and not torch.equal(run(1), run(2))


def test_kernel_coefficients_are_one_per_feature():
    model, x = mlp(5).double(), normal(2, 5).double()
    mask = torch.tensor([[0, 0, 1, 1, 2]])
    found = ours.KernelShap(model).attribute(x, target=0, feature_mask=mask, return_input_shape=False)
    spread = ours.KernelShap(model).attribute(x, target=0, feature_mask=mask)
    assert found.shape == (2, 3) and torch.equal(spread, found[:, mask[0]])


def test_options_out_of_range_are_refused():
    with pytest.raises(OptionError, match="perturbations_per_eval"):
        ours.FeatureAblation(mlp(5)).attribute(normal(1, 5), target=0, perturbations_per_eval=0)
    with pytest.raises(OptionError, match="no option 'window'"):
        ours.FeatureAblation(mlp(5)).attribute(normal(1, 5), target=0, window=3)
