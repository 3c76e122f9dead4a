"""A result cut into its examples and put together again is the same, for every type that has examples."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr import evaluation as ev
from taylorattr.effects.examples import BATCHES, positions, same
from taylorattr.effects.result import HOMES, RESULTS, Result, _result_type

pytestmark = pytest.mark.filterwarnings("ignore::taylorattr.errors.TaylorAttrWarning")

B = 4
GENERATOR = torch.Generator().manual_seed(3)


class Images(nn.Module):
    """Two classes of images (1, 6, 6)."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.head = nn.Conv2d(1, 3, 3), nn.Linear(3 * 16, 3)

    def forward(self, x):
        return self.head(torch.relu(self.conv(x)).flatten(1))


def table(activation):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), activation(), nn.Linear(6, 2)).double().eval()


SMOOTH, KINKED, IMAGES = table(nn.Tanh), table(nn.ReLU), Images().double().eval()
X = torch.randn(B, 4, generator=GENERATOR, dtype=torch.float64)
X[2] = 0  # equals the baseline: an entry of diagnostics that counts examples
PICTURES = torch.randn(B, 1, 6, 6, generator=GENERATOR, dtype=torch.float64)
REFERENCES = torch.randn(B, 4, generator=GENERATOR, dtype=torch.float64)  # as many as there are examples
MAPS = torch.randn(B, 1, 6, 6, generator=GENERATOR, dtype=torch.float64)


def gradient_maps(model):
    return lambda x, target: ta.attribute("gradient_x_input", model, x, target=target).scores


def attribute(name, model=KINKED, inputs=X, **options):
    return ta.attribute(name, model, inputs, target=0, **options)


RESULTS_OF = {
    "decompose": lambda: ta.decompose(SMOOTH, X, target=0, order=2),
    "decompose, kinks and references": lambda: ta.decompose(KINKED, X, target=0, references=REFERENCES),
    "harsanyi": lambda: ta.harsanyi(KINKED, X, target=0),
    "harsanyi, references": lambda: ta.harsanyi(KINKED, X, target=0, references=REFERENCES, max_order=2),
    "index": lambda: ta.harsanyi(KINKED, X, target=0).index("k-SII"),
    "integrated_hessians": lambda: ta.integrated_hessians(SMOOTH, X, target=0, references=REFERENCES[:2]),
    "interactions": lambda: ta.interactions(SMOOTH, X, target=0),
    "interactions, by shares": lambda: ta.interactions(SMOOTH, X, target=0, way="integrated_hessians"),
    "interactions, of which each example has its own": lambda: ta.interactions(
        IMAGES, PICTURES, target=0, budget=390
    ),
    "gradient_x_input, a baseline each": lambda: attribute("gradient_x_input", baselines=X + 1),
    "integrated_gradients": lambda: attribute("integrated_gradients", SMOOTH),
    "integrated_gradients, references": lambda: attribute("integrated_gradients", references=REFERENCES),
    "expected_gradients": lambda: attribute("expected_gradients", baselines=REFERENCES),
    "deep_shap": lambda: attribute("deep_shap", baselines=REFERENCES),
    "ig_multi": lambda: attribute("ig_multi", baselines=REFERENCES),
    "prune_grad": lambda: attribute("prune_grad"),
    "lrp_epsilon, balance": lambda: attribute("lrp_epsilon", balance=True),
    "grad_cam": lambda: attribute("grad_cam", IMAGES, PICTURES),
    "allocate": lambda: ta.allocate("shapley", ta.harsanyi(KINKED, X, target=0)),
    "allocate, a series": lambda: ta.allocate("integrated_gradients", ta.decompose(KINKED, X, target=0)),
    "reformulate": lambda: ta.reformulate("smooth_grad", SMOOTH, X, target=0, n_samples=5),
    "reformulate, layers": lambda: ta.reformulate("lrp_epsilon", KINKED, X, target=0),
    "audit": lambda: ta.audit("occlusion_1", KINKED, X, target=0),
    "audit that fails": lambda: ta.audit("gradient_x_input", SMOOTH, X + 0.1, target=0),
    "prune": lambda: ta.prune(KINKED, X, target=0),
    "pixel_perturbation": lambda: ev.pixel_perturbation(IMAGES, PICTURES, MAPS, target=0),
    "player_curves": lambda: ev.player_curves(KINKED, X, X, target=0),
    "road": lambda: ev.road(IMAGES, PICTURES, MAPS, target=0),
    "localisation": lambda: ev.localisation(
        IMAGES, PICTURES, MAPS, [(0, 0, 2, 2)] * 3 + [(0, 0, 6, 6)], target=0
    ),
    "completeness_gap": lambda: ev.completeness_gap(KINKED, X + 0.1, X, target=0),
    "infidelity": lambda: ev.infidelity(KINKED, X, X, target=0, samples=20),
    "class_sensitivity": lambda: ev.class_sensitivity(IMAGES, PICTURES, gradient_maps(IMAGES)),
    "sanity_check": lambda: ev.parameter_randomisation(IMAGES, PICTURES, gradient_maps),
    "interaction_deletion": lambda: ev.interaction_deletion(
        KINKED, X + 0.1, ta.harsanyi(KINKED, X + 0.1, target=0), target=0
    ),
}
"""One call or more of every function whose result has examples; retraining trains, and is built by hand."""


@pytest.fixture(scope="module")
def results():
    made = {}

    def result(name):
        if name not in made:
            made[name] = RESULTS_OF[name]()
        return made[name]

    return result


def parts_of(result):
    return [result.select(e) for e in range(B)]


@pytest.mark.parametrize("name", RESULTS_OF)
def test_the_parts_of_a_result_make_the_result(results, name):
    whole = results(name)
    assert differing(whole, type(whole).concat(parts_of(whole))) == []
    halves = [whole.select(slice(0, 1)), whole.select([1, 2, 3])]
    assert differing(whole, Result.concat(halves)) == []
    repr(halves[1])


def differing(one, other):
    """Names of the fields in which two results differ."""
    names = [f.name for f in dataclasses.fields(one) if f.init]
    return [name for name in names if not same(getattr(one, name), getattr(other, name))]


def test_every_type_that_has_examples_is_cut_above(results):
    cut = {type(results(name)).__name__ for name in RESULTS_OF}
    registered = [_result_type(name) for name in {*RESULTS, *HOMES}]
    ours = {kind.__name__ for kind in registered if kind.__module__.startswith("taylorattr.")}
    with_examples = {kind.__name__ for kind in registered if kind.example_axes} & ours
    # trained for minutes; inside others
    assert with_examples - {"Retraining", "LayerRecord", "Layerwise"} == cut
    assert {f.name for kind in registered for f in dataclasses.fields(kind)} >= {
        name for kind in registered for name in kind.example_axes
    }


def test_a_tensor_is_declared_for_each_example_or_known_to_be_for_all(results):
    """A field that somebody adds to a result is not forgotten here."""
    for_all = {
        "counts",
        "baselines",
        "maps",
        "element_leak",
        "members",
    }  # but the first by rules of their own
    for name in RESULTS_OF:
        result = results(name)
        tensors = {
            f.name for f in dataclasses.fields(result) if isinstance(getattr(result, f.name), torch.Tensor)
        }
        assert tensors - for_all <= result.example_axes.keys(), name


def test_accuracies_of_trainings_belong_to_all_examples():
    right = torch.rand(2, 3, B, generator=GENERATOR, dtype=torch.float64)
    trainings = torch.rand(2, 3, 5, generator=GENERATOR, dtype=torch.float64)
    whole = ev.Retraining(
        right, trainings, right[0, 0].round(), ("map", "random"), (0.1, 0.2, 0.3), False, "m", "abs"
    )
    assert torch.equal(whole.select([3, 0]).right, right[..., [3, 0]])
    assert differing(whole, ev.Retraining.concat(parts_of(whole))) == []


@pytest.mark.parametrize(
    "name", ["decompose", "harsanyi", "integrated_hessians", "integrated_gradients", "deep_shap"]
)
def test_a_chosen_example_is_what_the_example_alone_gives(name):
    alone = {
        "decompose": lambda x: ta.decompose(KINKED, x, target=0, order=2),
        "harsanyi": lambda x: ta.harsanyi(KINKED, x, target=0),
        "integrated_hessians": lambda x: ta.integrated_hessians(SMOOTH, x, target=0),
        "integrated_gradients": lambda x: attribute("integrated_gradients", inputs=x),
        "deep_shap": lambda x: attribute("deep_shap", inputs=x, baselines=REFERENCES),
    }[name]
    chosen, own = alone(X).select(-1), alone(X[-1:])
    assert_close(chosen, own)


def assert_close(one, other):
    """Two results agree up to rounding; diagnostics say something of the same things."""
    differ = [f for f in differing(one, other) if not isinstance(getattr(other, f), torch.Tensor | Result)]
    assert set(differ) <= {"diagnostics"} and one.diagnostics.keys() == other.diagnostics.keys()
    for field in other.example_axes:
        value = getattr(other, field)
        if isinstance(value, Result):
            assert_close(getattr(one, field), value)
        elif isinstance(value, torch.Tensor) and value.is_floating_point():
            torch.testing.assert_close(getattr(one, field), value, rtol=1e-9, atol=1e-12)


def test_numbers_of_examples_are_counted_anew(results):
    whole = results("harsanyi")
    assert whole.diagnostics["zero_difference"] == [2]
    assert whole.select([3, 2, 2]).diagnostics["zero_difference"] == [1, 2]
    assert "zero_difference" not in whole.select([0, 1]).diagnostics
    assert ta.HarsanyiEffects.concat([whole, whole]).diagnostics["zero_difference"] == [2, B + 2]


def test_what_differs_between_batches_is_said_of_each_and_found_again():
    one, other = (ta.harsanyi(KINKED, x, target=0) for x in (X[:1], X[1:]))
    whole = ta.HarsanyiEffects.concat([one, other])
    said = [(run["examples"], run["diagnostics"]) for run in whole.diagnostics[BATCHES]]
    assert said == [(1, {"evaluated": 16}), (3, {"evaluated": 48})] and "evaluated" not in whole.diagnostics
    assert differing(one, whole.select(0)) == [] and differing(other, whole.select([1, 2, 3])) == []
    assert differing(whole, ta.HarsanyiEffects.concat(parts_of(whole))) == []
    again = ta.Result.from_dict(whole.to_dict())
    assert differing(whole, again) == []


def test_an_audit_of_many_is_as_grave_as_the_gravest():
    good, bad = ta.audit("shapley", SMOOTH, X[:1], target=0), ta.audit("shapley", SMOOTH, X[1:2], target=0)
    fails = dataclasses.replace(
        bad, each=((*bad.each[0][:2], dataclasses.replace(bad.each[0][2], status="fails")),)
    )
    whole = ta.AuditReport.concat([good, fails])
    assert whole.complete.status == "fails" and whole.select(0).complete.status == good.complete.status
    assert whole.exit_status == 1


@pytest.mark.parametrize(
    "chosen", [slice(1, 3), [1, 2], np.array([1, 2]), torch.tensor([1, -2]), range(1, 3)]
)
def test_examples_are_named_in_many_ways(chosen):
    assert positions(chosen, B) == [1, 2]
    assert positions(torch.tensor([False, True, True, False]), B) == [1, 2]
    assert positions(-1, B) == [B - 1]


@pytest.mark.parametrize(
    "wrong", [B, [-B - 1], slice(9, 12), [], "a", [0.5], torch.ones(B + 1, dtype=torch.bool)]
)
def test_examples_that_are_not_there_are_refused(results, wrong):
    with pytest.raises(ta.errors.OptionError):
        results("harsanyi").select(wrong)


def test_parts_of_different_things_are_refused(results):
    effects = results("harsanyi")
    with pytest.raises(ta.errors.OptionError, match="max_order=None and max_order=2"):
        ta.Result.concat([effects, ta.harsanyi(KINKED, X, target=0, max_order=2)])
    with pytest.raises(ta.errors.OptionError, match="different types"):
        ta.Result.concat([effects, results("decompose")])
    with pytest.raises(ta.errors.OptionError, match="expected results TaylorEffects"):
        ta.TaylorEffects.concat([effects])
    with pytest.raises(ta.errors.OptionError, match="no results"):
        ta.TaylorEffects.concat([])
    with pytest.raises(ta.errors.OptionError, match="no examples"):
        ta.check("shapley").select(0)
    with pytest.raises(ta.errors.OptionError, match="reference sets"):
        ta.Attribution.concat([results("deep_shap"), attribute("deep_shap", baselines=REFERENCES + 1)])
