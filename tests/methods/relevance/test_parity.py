"""Against captum where both compute the same thing; skipped where it is absent."""

import pytest
import torch
from torch import nn

from taylorattr.methods.method import attribute
from tests.methods.relevance.networks import draw, seeded

captum = pytest.importorskip("captum.attr")
LOOSE = {
    "rtol": 1e-5,
    "atol": 1e-6,
}  # captum divides by differences below 1e-6 and keeps some sums in float32


def network(bias=True):
    return seeded(
        lambda: nn.Sequential(
            nn.Linear(5, 8, bias=bias),
            nn.ReLU(),
            nn.Linear(8, 6, bias=bias),
            nn.ReLU(),
            nn.Linear(6, 3, bias=bias),
        )
    )


def test_deeplift():
    x, b = draw(4, 5), draw(1, 5)
    ours = attribute("deeplift_rescale", network(), x, b, target=1).player_scores
    theirs = captum.DeepLift(network()).attribute(x, b, target=1).detach()
    torch.testing.assert_close(ours, theirs, **LOOSE)


def test_deep_shap():
    x, references = draw(3, 5), draw(4, 5, seed=1)
    ours = attribute("deep_shap", network(), x, references, target=1).player_scores
    theirs = captum.DeepLiftShap(network()).attribute(x, references, target=1).detach()
    torch.testing.assert_close(ours, theirs, **LOOSE)


def test_lrp_epsilon():
    from captum.attr._utils.lrp_rules import EpsilonRule

    model, x = network(), draw(4, 5)
    for part in model:
        if isinstance(part, nn.Linear):
            part.rule = EpsilonRule(epsilon=1e-2)
    theirs = captum.LRP(model).attribute(x, target=1).detach()
    ours = attribute("lrp_epsilon", network(), x, target=1, epsilon=1e-2).player_scores
    torch.testing.assert_close(ours, theirs, **LOOSE)


@pytest.mark.filterwarnings("ignore")  # shap's own, about its PyTorch hooks
def test_shap_deep_explainer():
    shap = pytest.importorskip("shap")
    model, x, references = network().float(), draw(3, 5).float(), draw(4, 5, seed=1).float()
    theirs = shap.DeepExplainer(model, references).shap_values(x, check_additivity=False)
    theirs = theirs[1] if isinstance(theirs, list) else theirs[..., 1]  # a list of outputs before 0.45
    ours = attribute("deep_shap", network().float(), x, references, target=1).player_scores
    assert (ours - torch.as_tensor(theirs)).abs().max() < 1e-4 * ours.abs().sum(1).max()  # float32
