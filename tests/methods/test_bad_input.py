"""What bad input gets: each message says what was given, what was expected and what to do."""

import warnings

import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr import toys
from taylorattr.errors import (
    MissingRuleError,
    NondeterministicModelError,
    NonFiniteError,
    OptionError,
    PlayerError,
    PrecisionWarning,
    ShapeError,
    TaylorAttrError,
    ZeroDifferenceWarning,
)
from tests.methods.networks import points, seeded

EVERY = [name for name in ta.METHODS if name != "grad_cam"]
WITH_REFERENCES = ["expected_gradients", "prediction_difference", "deep_shap"]
RELEVANCE = [name for name in ta.METHODS if ta.METHODS[name].family == "relevance"]
X = points(2, 4)
IMAGES = points(2, 1, 6, 6)


def dense():
    return seeded(nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)))


def convolutional():
    features = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 2, 3))
    return seeded(nn.Sequential(features, nn.Flatten(), nn.Linear(32, 2)))


def ask(name, model, x=X, **options):
    """Attribute, with a reference set where the method reads one."""
    if ta.METHODS[name].references:
        options.setdefault("baselines", points(5, *x.shape[1:], seed=3))
    return ta.attribute(name, model, x, **options)


# wrong layer name


@pytest.mark.parametrize(
    "layer, message",
    [
        ("0.3", r"no layer '0.3'; did you mean '0.\d'.*layers: 0, 0.0, 0.1, 0.2, 1, 2"),
        ("nothing like it", r"no layer 'nothing like it'; layers: 0, 0.0"),
        (nn.Conv2d(3, 2, 3), "the layer Conv2d is no part of this model; pass model.some_layer itself"),
        ("2", r"layer '2' gives shape \(2, 2\); Grad-CAM needs feature maps"),
    ],
)
def test_a_wrong_layer_is_answered_with_near_names_or_what_is_needed(layer, message):
    with pytest.raises(OptionError, match=message):
        ask("grad_cam", convolutional(), IMAGES, target=0, layer=layer)


@pytest.mark.parametrize("name", RELEVANCE)
def test_a_rule_for_no_operation_and_no_module_is_answered_with_the_near_name(name):
    with pytest.raises(
        OptionError, match="'rellu', which is no operation and no module.*did you mean 'relu'"
    ):
        ask(name, dense(), target=0, rules={"rellu": lambda site, m: m})


# α − β ≠ 1, ε, and other options


@pytest.mark.parametrize("alpha, beta", [(2, 2), (1, 1), (0.5, None), (0.0, -1.0)])
def test_alpha_minus_beta_is_one(alpha, beta):
    with pytest.raises(OptionError, match=r"expected alpha − beta = 1 and beta ≥ 0 \(leave beta out\)"):
        ask("lrp_alpha_beta", dense(), target=0, alpha=alpha, beta=beta)


@pytest.mark.parametrize("name", ["lrp_epsilon", "lrp_alpha_beta", "deep_taylor"])
def test_epsilon_is_not_negative_and_zero_is_lrp_0(name):
    with pytest.raises(OptionError, match=r"epsilon=-0.001; expected a number ≥ 0"):
        ask(name, dense(), target=0, epsilon=-1e-3)
    with pytest.raises(OptionError, match="epsilon=nan; expected a number"):
        ask(name, dense(), target=0, epsilon=float("nan"))
    assert ask(name, dense(), target=0, epsilon=0).diagnostics["epsilon"] == 0


JUNK = ("junk", -1, 0, 1.5, [1, 2], True, float("nan"), None, object())
OPTIONS = [(name, option) for name in ta.METHODS for option in ta.METHODS[name].options]


@pytest.mark.parametrize("name, option", OPTIONS, ids=str)
@pytest.mark.filterwarnings("ignore")  # estimators with one sample, on purpose
def test_an_option_of_another_type_or_range_is_refused_in_words(name, option):
    model, x = (convolutional(), IMAGES) if name in ("grad_cam", "occlusion_patch") else (dense(), X)
    refused = 0
    for value in JUNK:
        try:
            ask(name, model, x, target=0, **{option: value})
        except TaylorAttrError as error:
            refused += 1
            assert option in str(error) or " nodes for the rule" in str(error), error
    assert refused


def test_bounds_without_a_box_are_refused():
    with pytest.raises(OptionError, match="composite='EpsilonGammaBox'"):
        ask("lrp_epsilon", dense(), target=0, low=-3.0)
    with pytest.raises(OptionError, match="for first='z_B'"):
        ask("deep_taylor", dense(), target=0, high=3.0)


# a patch larger than the image


def test_a_patch_larger_than_the_image_is_refused():
    for window in (9, (9, 9), (2, 7)):
        with pytest.raises(OptionError, match=r"larger than one example, shape \(1, 6, 6\); choose at most"):
            ask("occlusion_patch", convolutional(), IMAGES, target=0, window=window)
    with pytest.raises(PlayerError, match="a patch of 2×9 is larger than the 6×6 pixels"):
        ta.Players.patches(IMAGES, (2, 9))


# reference sets


@pytest.mark.parametrize("name", WITH_REFERENCES)
def test_a_reference_set_of_the_wrong_shape_is_refused(name):
    with pytest.raises(ShapeError, match=r"shape \(5, 3\).*for inputs \(2, 4\) has shape \(R, 4\)"):
        ask(name, dense(), target=0, baselines=torch.zeros(5, 3))
    with pytest.raises(ShapeError, match="add the leading dimension"):
        ask(name, dense(), target=0, baselines=torch.zeros(4))


@pytest.mark.parametrize("name", WITH_REFERENCES)
@pytest.mark.parametrize("given, said", [(None, "None is one row of zeros"), (X[:1], "hold one row")])
def test_one_reference_where_several_are_meant_is_said(name, given, said):
    with pytest.warns(
        PrecisionWarning, match=f"{said}: the scores are against that one baseline; pass several"
    ):
        ta.attribute(name, dense(), X, given, target=0)


# an operation without a rule


class Determinant(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(4, 4)

    def forward(self, x):
        return torch.linalg.det(self.dense(x)[:, :, None] * x[:, None, :] + torch.eye(4, dtype=x.dtype))


@pytest.mark.parametrize("name", RELEVANCE)
def test_an_operation_without_a_rule_is_named_with_its_place_and_a_remedy(name):
    with pytest.raises(MissingRuleError, match=r"det.*test_bad_input.py:\d+.*rules=\{'\w+': rule\}"):
        ask(name, seeded(Determinant()))


# an output that does not depend on the input


class Constant(nn.Module):
    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.tensor([3.0]))

    def forward(self, x):
        return self.value.expand(len(x))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("model", [Constant().double().eval(), lambda x: 0 * x.sum(1) + 3])
def test_an_output_that_does_not_depend_on_the_input_gives_zeros_and_says_so(name, model):
    with pytest.warns(ZeroDifferenceWarning, match="may not depend on the input at all"):
        result = ask(name, model)
    assert not result.player_scores.any() and result.diagnostics["no_dependence"] == [0, 1]


# NaN anywhere


class Logarithm(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Linear(4, 4)

    def forward(self, x):
        return (self.scale(x) - self.scale.bias).log().sum(1)


@pytest.mark.parametrize("name", EVERY)
def test_nan_is_refused_with_the_place_where_it_is_first(name):
    bad = X.clone()
    bad[1, 2] = float("nan")
    with pytest.raises(NonFiniteError, match=r"inputs holds nan in example 1 at index \[2\]"):
        ask(name, dense(), bad, target=0)
    if not ta.METHODS[name].zero_baseline:
        with pytest.raises(NonFiniteError, match=r"baselines holds nan in example 1 at index \[2\]"):
            ask(name, dense(), target=0, baselines=bad)
    model = dense()
    with torch.no_grad():
        model[2].weight[0, 3] = float("nan")
    with pytest.raises(NonFiniteError, match="parameter '2.weight' holds NaN"):
        ask(name, model, target=0)
    with pytest.raises(
        NonFiniteError,
        match=r"output is .* of example 0.*first in aten.log.default \(.*test_bad_input.py:\d+\)",
    ):
        ask(name, seeded(Logarithm()))


# order-sensitive or random models


def by_position(x):
    return x.sum(1) * torch.arange(1, len(x) + 1)


def turned_round(x):
    return x.sum(1).flip(0)


def centred(x):
    return ((x - x.mean(0)) ** 2).sum(1)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("model", [by_position, turned_round, centred])
def test_models_whose_rows_depend_on_each_other_are_refused(name, model):
    with pytest.raises(
        ShapeError, match="depends on the other rows of its batch.*make every row independent"
    ):
        ask(name, model, points(3, 4))


@pytest.mark.parametrize("name", EVERY)
def test_random_models_are_refused(name):
    with pytest.raises(NondeterministicModelError, match="for the same input: it draws random numbers"):
        ask(name, lambda x: x.sum(1) + torch.randn(len(x)))


def test_good_input_is_not_warned_about():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in sorted(set(EVERY) - {"lrp_alpha_beta", "deep_taylor"}):  # they tell of empty groups
            ask(name, seeded(toys.mlp((4, 6, 2))), target=0)
