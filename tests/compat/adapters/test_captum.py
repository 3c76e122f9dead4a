"""captum's classes as recipes for the audit."""

import pytest
import torch

import taylorattr as ta
import taylorattr.compat.adapters  # noqa: F401  (registers the library)
from taylorattr.compat.adapters.captum import feature_mask
from tests.methods.networks import points, seeded

pytest.importorskip("captum")

MODEL = seeded(torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)), seed=1)
X, B = points(1, 4, seed=2), points(1, 4, seed=3) / 3
PAIRS = ta.Players([[0, 1], [2], [3]])


@pytest.mark.parametrize(
    ("name", "complete"),
    [
        ("IntegratedGradients", True),
        ("DeepLift", True),
        ("ShapleyValues", True),
        ("DeepLiftShap", True),
        ("FeatureAblation", False),
        ("Saliency", False),
    ],
)
def test_verdicts_of_its_classes(name, complete):
    report = ta.audit(f"captum:{name}", MODEL, X, B, target=0, players=PAIRS)
    assert (report.complete.status in ("holds", "holds_to")) == complete
    assert report.method == f"captum:{name}"


def test_a_sampler_is_not_accused_and_leaves_the_generators_alone():
    state = torch.get_rng_state()
    report = ta.audit("captum:GradientShap", MODEL, X, B, target=0, n_samples=50, stdevs=0.0)
    assert report.exit_status in (0, 3) and report.noise["repeats"] >= 8
    assert torch.equal(torch.get_rng_state(), state)


def test_scores_of_a_group_are_not_counted_for_every_element():
    report = ta.audit("captum:ShapleyValues", MODEL, X, B, target=0, players=PAIRS)
    exact = ta.harsanyi(MODEL, X, B, target=0, players=PAIRS)
    assert torch.allclose(report.effects[0, 1:], exact.values[0, 1:], atol=1e-12)
    assert not report.misuse


def test_feature_masks_follow_the_players():
    (mask,), (size,) = feature_mask(PAIRS, (X,))
    assert mask.tolist() == [[0, 0, 1, 2]] and size.tolist() == [[2, 2, 1, 1]]


def test_unknown_classes_and_libraries_say_what_there_is():
    with pytest.raises(ta.errors.OptionError, match="known: IntegratedGradients"):
        ta.audit("captum:Foo", MODEL, X, target=0)
    with pytest.raises(ta.errors.OptionError, match="no adapter for 'nobody'"):
        ta.audit("nobody:Foo", MODEL, X, target=0)
