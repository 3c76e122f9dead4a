"""Forms of arguments that captum's users write, one by one: same numbers, same shapes, same dtypes."""

import warnings

import pytest
import torch
from torch import nn

import taylorattr.compat.captum as ours
from taylorattr.errors import ShapeError

theirs = pytest.importorskip("captum.attr")

torch.manual_seed(0)
MLP = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
X, IDS = torch.randn(4, 3), torch.tensor([[3, 1, 2], [0, 5, 6]])
IMAGE = torch.randn(2, 3, 6, 6)
CNN = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1)).eval()


def scaled(x, s):
    """One factor for the whole batch."""
    return MLP(x) * s


def told_apart(x, s, k):
    """The same with an argument for each example."""
    return MLP(x) * s + k[:, None]


K = torch.arange(4.0)
PAIR = (X, torch.tensor([1.5]))

CASES = {
    "a window in a tuple": lambda L: L.Occlusion(MLP).attribute(X, ((2,),), target=0),
    "a window and strides in tuples": lambda L: L.Occlusion(MLP).attribute(X, ((2,),), ((1,),), target=0),
    "strides in a tuple": lambda L: L.Occlusion(MLP).attribute(X, (1,), strides=((1,),), target=0),
    "a tuple of one input": lambda L: L.Occlusion(MLP).attribute((X,), ((2,),), strides=(1,), target=0),
    "an image's window in a tuple": lambda L: L.Occlusion(CNN).attribute(IMAGE, ((3, 2, 2),), target=1),
    "a class of (B, K, 1, 1)": lambda L: L.Occlusion(CNN).attribute(IMAGE, (3, 3, 3), target=1),
    "integers from half": lambda L: L.FeatureAblation(lambda x: x.float().sum(1)).attribute(IDS, 0.5),
    "integers from a floating row": lambda L: L.FeatureAblation(lambda x: (x * x).float().sum(1)).attribute(
        IDS, torch.tensor([[0.5, 1.25, -1.0]])
    ),
    "integers from an integer": lambda L: L.FeatureAblation(lambda x: (x * x).float().sum(1)).attribute(
        IDS, 1
    ),
    "truth values": lambda L: L.FeatureAblation(lambda x: x.float().sum(1)).attribute(IDS > 1, True),
    "integer outputs": lambda L: L.FeatureAblation(lambda x: x.sum(1)).attribute(IDS),
    "large integer outputs": lambda L: L.FeatureAblation(lambda x: x.sum(1) + 2**40).attribute(IDS),
    "double outputs": lambda L: L.FeatureAblation(lambda x: x.double().prod(1)).attribute(X),
    "float32 outputs of doubles": lambda L: L.FeatureAblation(lambda x: x.float().prod(1)).attribute(
        X.double()
    ),
    "a shared input, ablation": lambda L: L.FeatureAblation(scaled).attribute(PAIR, target=0),
    "a shared input, ablation from 1": lambda L: L.FeatureAblation(scaled).attribute(PAIR, (0, 1), target=0),
    "a shared input, x times gradient": lambda L: L.InputXGradient(scaled).attribute(PAIR, target=0),
    "a shared input, gradient": lambda L: L.Saliency(scaled).attribute(PAIR, target=1),
    "a shared input, gradient with sign": lambda L: L.Saliency(scaled).attribute(PAIR, target=1, abs=False),
    "a shared input beside an argument": lambda L: L.InputXGradient(told_apart).attribute(
        PAIR, target=0, additional_forward_args=K
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_numbers_shapes_and_dtypes(case):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted, found = CASES[case](theirs), CASES[case](ours)
    assert isinstance(found, tuple) == isinstance(wanted, tuple)
    for mine, their in zip(
        found if isinstance(found, tuple) else (found,),
        wanted if isinstance(wanted, tuple) else (wanted,),
        strict=True,
    ):
        assert (mine.shape, mine.dtype) == (their.shape, their.dtype)
        # a few float32 operations on numbers of size 1
        torch.testing.assert_close(mine, their.detach(), rtol=1e-5, atol=1e-5)


def test_integrated_gradients_of_a_shared_input_add_up():
    """captum fails here; the one score of the shared input is the sum over the examples."""
    scores = ours.IntegratedGradients(scaled).attribute(PAIR, target=0)
    assert [s.shape for s in scores] == [X.shape, (1,)]
    with torch.no_grad():
        outputs = scaled(*PAIR)[:, 0] - scaled(torch.zeros_like(X), torch.zeros(1))[:, 0]
    total = sum(float(s.sum()) for s in scores)
    # kinks of the ReLU are passed by 50 nodes
    assert total == pytest.approx(float(outputs.sum()), abs=2e-2)


def test_batches_that_do_not_fit_are_still_refused():
    with pytest.raises(ShapeError, match="batch sizes"):
        ours.Saliency(scaled).attribute((X, torch.ones(3)), target=0)
