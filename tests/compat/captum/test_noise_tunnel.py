import pytest
import torch

import taylorattr.compat.captum as ours
from taylorattr.errors import OptionError, ShapeError
from tests.autodiff.networks import mlp
from tests.autodiff.networks import points as normal
from tests.compat.captum.peer import PAIR, captum, pair_inputs, worst


@pytest.mark.parametrize("nt_type", ["smoothgrad", "smoothgrad_sq", "vargrad"])
def test_without_noise_the_types_are_known(nt_type):
    model, x = mlp(4).double(), normal(2, 4).double()
    found = ours.NoiseTunnel(ours.Saliency(model)).attribute(x, nt_type, stdevs=0.0, target=0)
    plain = ours.Saliency(model).attribute(x, target=0)
    expected = {"smoothgrad": plain, "smoothgrad_sq": plain**2, "vargrad": torch.zeros_like(plain)}[nt_type]
    assert (found - expected).abs().max() < 1e-15


@pytest.mark.parametrize("nt_type", ["smoothgrad", "smoothgrad_sq", "vargrad"])
def test_means_over_noise_agree_with_captum(nt_type):
    model, x = mlp(4).double(), normal(2, 4).double()
    options = {"nt_samples": 600, "stdevs": 0.4, "target": 1, "abs": False}
    mine = ours.NoiseTunnel(ours.Saliency(model)).attribute(x, nt_type, **options)
    theirs = captum.NoiseTunnel(captum.Saliency(model)).attribute(
        x.clone().requires_grad_(), nt_type, **options
    )
    # gradients of size one half with a spread of a third of that: 600 draws on either side
    assert worst(mine, theirs) < 8 * 0.17 / 600**0.5 * 2**0.5


def test_tuples_and_deltas_are_shaped_as_captums():
    x, b = pair_inputs(3), tuple(part * 0.5 for part in pair_inputs(3))
    options = {"nt_samples": 4, "baselines": b, "target": 0, "return_convergence_delta": True}
    results = [m.NoiseTunnel(m.IntegratedGradients(PAIR)).attribute(x, **options) for m in (ours, captum)]
    (mine, delta), (theirs, their_delta) = results
    assert [p.shape for p in mine] == [p.shape for p in theirs] and delta.shape == their_delta.shape == (12,)
    assert delta.abs().max() < 1e-6  # the quadrature is complete for each copy


@pytest.mark.parametrize("at_once", [1, 2, 5, 9, None])
def test_the_number_of_copies_in_one_call_changes_nothing(at_once):
    x, b = pair_inputs(3), (0.0, pair_inputs(3)[1] * 0.5)
    options = {
        "baselines": b, "target": [0, 1, 0], "additional_forward_args": torch.rand(3, 1).double(),
        "return_convergence_delta": True, "nt_samples": 5,
    }  # fmt: skip
    tunnel = ours.NoiseTunnel(ours.IntegratedGradients(PAIR))
    scores, delta = tunnel.attribute(x, nt_samples_batch_size=at_once, **options)
    expected, expected_delta = tunnel.attribute(x, nt_samples_batch_size=1, **options)
    assert worst(scores, expected) < 1e-13 and (delta - expected_delta).abs().max() < 1e-13
    theirs = captum.NoiseTunnel(captum.IntegratedGradients(PAIR))
    if at_once in (1, 2, None):
        assert delta.shape == theirs.attribute(x, nt_samples_batch_size=at_once, **options)[1].shape


def test_features_of_each_example_follow_their_copies():
    model, x = mlp(4).double(), normal(2, 4).double()
    mask = torch.tensor([[0, 0, 1, 1], [0, 1, 1, 2]])
    tunnel = ours.NoiseTunnel(ours.FeatureAblation(model))
    found = tunnel.attribute(x, stdevs=0.0, nt_samples=3, feature_mask=mask, target=[0, 2])
    expected = ours.FeatureAblation(model).attribute(x, feature_mask=mask, target=[0, 2])
    assert worst(found, expected) < 1e-14


def test_references_can_be_drawn():
    model, x = mlp(4).double(), normal(2, 4).double()
    tunnel = ours.NoiseTunnel(ours.IntegratedGradients(model))
    references = normal(5, 4, seed=3).double()
    found = tunnel.attribute(x, stdevs=0.0, nt_samples=200, draw_baseline_from_distrib=True,
                             baselines=references, target=0)  # fmt: skip
    with torch.no_grad():
        full = model(x)[:, 0] - model(references)[:, 0].mean()
        spread = model(references)[:, 0].std()
    assert ((found.sum(1) - full).abs() < 8 * spread / 200**0.5).all()


def test_options_out_of_range_are_refused():
    tunnel, x = ours.NoiseTunnel(ours.Saliency(mlp(4))), normal(2, 4)
    with pytest.raises(OptionError, match="nt_type='mean'"):
        tunnel.attribute(x, "mean", target=0)
    with pytest.raises(OptionError, match="nt_samples"):
        tunnel.attribute(x, nt_samples=0, target=0)
    with pytest.raises(OptionError, match="nt_samples_batch_size=0"):
        tunnel.attribute(x, nt_samples_batch_size=0, target=0)
    with pytest.raises(ShapeError, match="2 standard deviations"):
        tunnel.attribute(x, stdevs=(1.0, 2.0), target=0)
