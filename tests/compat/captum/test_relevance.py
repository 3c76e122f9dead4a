import pytest
import torch
from torch import nn

import taylorattr.compat.captum as ours
from taylorattr.errors import MissingRuleError, OptionError
from taylorattr.methods import attribute
from tests.autodiff.networks import points as normal
from tests.compat.captum.peer import captum, worst

SINGLE_RULE = 1e-6  # captum's ε of 1e-9 sits at every layer and in its DeepLift's threshold


def network(*extra, bias=True):
    torch.manual_seed(0)
    layers = [nn.Linear(5, 8, bias=bias), nn.ReLU(), nn.Linear(8, 6, bias=bias), nn.ReLU(), *extra]
    return nn.Sequential(*layers, nn.Linear(6, 3, bias=bias)).double().eval()


def inputs():
    return normal(4, 5).double(), normal(4, 5, seed=2).double()


def test_rescale_and_its_delta():
    x, b = inputs()
    options = {"target": [0, 1, 2, 0], "return_convergence_delta": True}
    mine, theirs = (m.DeepLift(network()).attribute(x, b, **options) for m in (ours, captum))
    assert worst(mine[0], theirs[0]) < SINGLE_RULE and mine[1].abs().max() < 1e-12
    assert mine[1].shape == theirs[1].shape


def test_multipliers_and_a_users_function_of_them():
    x, b = inputs()
    mine, theirs = (m.DeepLift(network(), multiply_by_inputs=False).attribute(x, b, target=0)
                    for m in (ours, captum))  # fmt: skip
    assert worst(mine, theirs) < SINGLE_RULE

    def twice(multipliers, given, baselines):
        return tuple(2 * m * (a - c) for m, a, c in zip(multipliers, given, baselines, strict=True))

    doubled = ours.DeepLift(network()).attribute(x, b, target=0, custom_attribution_func=twice)
    assert worst(doubled, 2 * ours.DeepLift(network()).attribute(x, b, target=0)) < 1e-12


@pytest.mark.filterwarnings("ignore")  # captum's about hooks, ours about equal rows
def test_multipliers_where_input_and_baseline_agree():
    x, b = inputs()
    b[:, :3], b[0] = x[:, :3], x[0]
    options = {"target": [0, 1, 2, 0], "return_convergence_delta": True}
    mine, theirs = (m.DeepLift(network(), False).attribute(x, b, **options) for m in (ours, captum))
    assert worst(mine[0], theirs[0]) < SINGLE_RULE and mine[1].abs().max() < 1e-12
    assert worst(mine[0][:1], ours.Saliency(network()).attribute(x[:1], target=0, abs=False)) < 1e-12
    shap = [m.DeepLiftShap(network(), False).attribute(x, b, target=1) for m in (ours, captum)]
    assert worst(*shap) < SINGLE_RULE


def test_rescale_over_baselines_and_every_delta():
    x, b = inputs()
    options = {"target": 1, "return_convergence_delta": True}
    mine, theirs = (m.DeepLiftShap(network()).attribute(x, b[:3], **options) for m in (ours, captum))
    assert worst(mine[0], theirs[0]) < SINGLE_RULE and mine[1].shape == theirs[1].shape == (12,)
    called = ours.DeepLiftShap(network()).attribute(x, lambda given: b[:3], target=1)
    assert torch.equal(called, mine[0])
    averaged = attribute("deeplift_rescale", network(), x, references=b[:3], target=1)
    assert (mine[0] - averaged.scores).abs().max() < 1e-13


def test_networks_captum_refuses_work():
    class Reused(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(2)
            self.layer, self.act = nn.Linear(5, 5), nn.ReLU()

        def forward(self, x):
            h = self.act(self.layer(x))
            return torch.relu(self.layer(h) + x).sum(1)

    model, (x, b) = Reused().double().eval(), inputs()
    scores, delta = ours.DeepLift(model).attribute(x, b, return_convergence_delta=True)
    assert delta.abs().max() < 1e-9 * scores.abs().sum()
    assert ours.LRP(model).attribute(x).shape == x.shape


def test_epsilon_relevance_and_its_delta():
    x, _ = inputs()
    options = {"target": 1, "return_convergence_delta": True}
    mine, theirs = (m.LRP(network()).attribute(x, **options) for m in (ours, captum))
    assert worst(mine[0], theirs[0]) < SINGLE_RULE and worst(mine[1], theirs[1]) < SINGLE_RULE
    with torch.no_grad():
        output = network()(x)[:, 1]
    again = ours.LRP(network()).compute_convergence_delta(mine[0], output)
    assert (again - mine[1]).abs().max() < 1e-12


@pytest.mark.parametrize("rule", ["EpsilonRule", "GammaRule", "Alpha1_Beta0_Rule", "IdentityRule"])
def test_rules_set_on_layers_are_followed(rule):
    model, x = network(bias=False), inputs()[0].abs()
    arguments = {"EpsilonRule": {"epsilon": 0.1}, "GammaRule": {"gamma": 0.5}}.get(rule, {})
    place = 1 if rule == "IdentityRule" else 2  # the second layer's inputs are not negative
    model[place].rule = getattr(ours, rule)(**arguments)
    found = ours.LRP(model).attribute(x, target=0)
    plain = ours.LRP(network(bias=False)).attribute(x, target=0)
    assert (worst(found, plain) > 1e-3) == (rule != "IdentityRule")
    rules = pytest.importorskip("captum.attr._utils.lrp_rules")
    model[place].rule = getattr(rules, rule)(**arguments)
    assert torch.equal(ours.LRP(model).attribute(x, target=0), found)  # captum's own objects mean the same
    theirs = captum.LRP(model).attribute(x, target=0)
    if rule != "IdentityRule":
        assert worst(found, theirs) < SINGLE_RULE


def test_gamma_leaves_the_bias_as_it_is():
    model, x = network(), inputs()[0].abs()
    for place in (2, 4):
        model[place].rule = ours.GammaRule(gamma=0.5)
    found = ours.LRP(model).attribute(x, target=1)
    rules = pytest.importorskip("captum.attr._utils.lrp_rules")
    for place in (2, 4):
        model[place].rule = rules.GammaRule(gamma=0.5)
    assert worst(found, captum.LRP(model).attribute(x, target=1)) < SINGLE_RULE
    model[2].rule = ours.GammaRule(gamma=-1)
    with pytest.raises(OptionError, match="gamma=-1"):
        ours.LRP(model).attribute(x, target=1)


@pytest.mark.parametrize("rule", ["GammaRule", "Alpha1_Beta0_Rule"])
def test_a_bias_set_to_zero_is_out_of_the_divisor(rule):
    model, x = network(), inputs()[0].abs()
    model[2].rule = getattr(ours, rule)(set_bias_to_zero=True)
    found = ours.LRP(model).attribute(x, target=0)
    rules = pytest.importorskip("captum.attr._utils.lrp_rules")
    model[2].rule = getattr(rules, rule)(set_bias_to_zero=True)
    assert worst(found, captum.LRP(model).attribute(x, target=0)) < SINGLE_RULE
    model[2].rule = getattr(ours, rule)()
    assert worst(found, ours.LRP(model).attribute(x, target=0)) > 1e-3


def test_rules_on_pools_and_identities_on_layers_that_keep_the_shape():
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(2, 2, 1), nn.ReLU(), nn.AvgPool2d(2)
    model, x = nn.Sequential(*layers, nn.Conv2d(2, 3, 1)).double().eval(), normal(2, 1, 6, 6).double()
    target = (0, 0, 0)
    plain = ours.LRP(model).attribute(x, target=target)
    rules = pytest.importorskip("captum.attr._utils.lrp_rules")
    for place, rule in ((2, rules.EpsilonRule(epsilon=0.3)), (3, rules.IdentityRule())):
        model[place].rule = rule
        found = ours.LRP(model).attribute(x, target=target)
        assert worst(found, plain) > 1e-3
        assert worst(found, captum.LRP(model).attribute(x, target=target)) < SINGLE_RULE
    model[6].rule = ours.IdentityRule()
    with pytest.raises(MissingRuleError, match="IdentityRule passes relevance entry by entry"):
        ours.LRP(model).attribute(x, target=target)


def test_unknown_rules_are_refused_by_name_and_the_model_is_left_alone():
    model, x = network(), inputs()[0]
    model[0].rule = object()
    before = dict(vars(model[0]))
    with pytest.raises(OptionError, match="layer '0' has the rule object"):
        ours.LRP(model).attribute(x, target=0)
    assert dict(vars(model[0])) == before
