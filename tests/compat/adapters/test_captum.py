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
        ("ShapleyValueSampling", True),
        ("Lime", False),
        ("Saliency", False),
    ],
)
def test_verdicts_of_its_classes(name, complete):
    report = ta.audit(f"captum:{name}", MODEL, X, B, target=0, players=PAIRS, repeats=4)
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


def test_kernel_shap_adds_up_but_may_leak():
    report = ta.audit("captum:KernelShap", MODEL, X, B, target=0, players=PAIRS, repeats=3, n_samples=40)
    assert report.complete.holds and report.no_leak.status != "fails"


def test_joined_perturbations_change_no_number():
    # several perturbations per call of the model, as the adapter asks for, or one
    for name in ("FeatureAblation", "ShapleyValues", "ShapleyValueSampling"):
        found = [
            ta.audit(f"captum:{name}", MODEL, X, B, target=0, players=PAIRS, repeats=3, **given).allocation
            for given in ({}, {"perturbations_per_eval": 1})
        ]
        torch.testing.assert_close(*found, rtol=1e-6, atol=1e-8)


def test_all_orders_of_many_players_are_refused_before_they_are_begun():
    model, x = seeded(torch.nn.Linear(9, 1), seed=1), points(1, 9, seed=2)
    with pytest.raises(ta.errors.BudgetError, match=r"all 9! = 3\.6e\+05 orders of 9 players"):
        ta.audit("captum:ShapleyValues", model, x, target=0)


def test_a_class_that_fits_every_row_is_repeated_less():
    asked = []
    ta.audit("captum:Lime", MODEL, X, B, target=0, players=PAIRS, n_samples=8, progress=asked.append)
    assert sum(asked) <= 4000 * 1.1


def test_windows_and_layers_are_settings():
    model = seeded(
        torch.nn.Sequential(
            torch.nn.Conv2d(1, 2, 1), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(8, 1)
        ),
        seed=1,
    )
    x = points(1, 1, 2, 2, seed=2)
    single = ta.audit("captum:Occlusion", model, x, target=0, sliding_window_shapes=[1, 1, 1])
    ablation = ta.audit("captum:FeatureAblation", model, x, target=0)
    # captum accumulates occlusion in single precision
    torch.testing.assert_close(single.allocation, ablation.allocation, rtol=1e-5, atol=1e-6)
    assert ta.audit("captum:GuidedGradCam", model, x, target=0, layer="0").complete.status == "fails"
    for name, given, said in [
        ("Occlusion", {}, "needs sliding_window_shapes="),
        ("GuidedGradCam", {"layer": "7"}, "layer=7 is no layer of the model; expected one of: 0, 1, 2, 3"),
        ("DeepLift", {"foo": 1}, "no setting 'foo'; it has: inputs, baselines"),
        ("FeaturePermutation", {}, "no row has scores of its own"),
        ("NoiseTunnel", {}, "bind both in make="),
    ]:
        with pytest.raises(ta.errors.OptionError, match=said):
            ta.audit(f"captum:{name}", model, x, target=0, **given)


def test_a_model_that_a_class_does_not_take_is_told_with_the_operation():
    model = torch.nn.Sequential(MODEL[0], torch.nn.GELU(), torch.nn.Linear(8, 1))
    said = r"captum:LRP raised TypeError.*follows `1` \(GELU\), and refuses it with `1` \(GELU\)"
    with pytest.raises(ta.errors.MethodError, match=said) as found:
        ta.audit("captum:LRP", seeded(model, seed=1), X, target=0)
    assert isinstance(found.value.__cause__, TypeError)


def test_gradient_times_input_is_wrong_by_itself_and_no_activation_is_blamed():
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.GELU(), torch.nn.Linear(8, 1))
    found = ta.audit("captum:InputXGradient", seeded(model, seed=1), X, target=0)
    assert found.complete.status == "fails"
    assert found.blame is not None and found.blame.found == "itself" and found.blame.operation == ""


def test_feature_masks_follow_the_players():
    (mask,), (size,) = feature_mask(PAIRS, (X,))
    assert mask.tolist() == [[0, 0, 1, 2]] and size.tolist() == [[2, 2, 1, 1]]


def test_unknown_classes_and_libraries_say_what_there_is():
    with pytest.raises(ta.errors.OptionError, match="known: IntegratedGradients"):
        ta.audit("captum:Foo", MODEL, X, target=0)
    with pytest.raises(ta.errors.OptionError, match="no adapter for 'nobody'"):
        ta.audit("nobody:Foo", MODEL, X, target=0)
