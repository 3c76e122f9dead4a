"""A fit is kept and built again; it is reproducible, and leaves everything else alone."""

import copy

import pytest
import torch

import taylorattr as ta
from taylorattr.registry import DESIGNS
from tests.design.fit.models import every_pair, inputs, smooth

FEW = {"restarts": 2, "budget": 10}
FAMILIES = ["weighted_shapley", "sharing", "ordered", "semivalue", "measure", "power_path", "degree_tilted"]


@pytest.mark.every(4)
@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("family", [*FAMILIES, ["integrated_gradients", "shapley"]], ids=str)
def test_the_rule_is_built_again_from_a_file(family, suffix, tmp_path):
    model, x = every_pair(3), inputs(6, 3)
    found = ta.design.fit("recovery", family, model, x, name="kept", **FEW)
    scores = found.rule.attribute(model, x).player_scores
    path = found.save(tmp_path / f"fit{suffix}")
    DESIGNS.register("kept", replace=True)(ta.design.weighted_shapley([1, 2, 3], name="kept"))  # another one
    again = ta.design.Fit.load(path)
    assert again.parameters == found.parameters and repr(again) == repr(found)
    assert torch.equal(again.values, found.values) and torch.equal(again.history, found.history)
    assert torch.equal(again.rule.attribute(model, x).player_scores, scores)
    assert torch.equal(found.rule.attribute(model, x).player_scores, scores)  # not the other one of that name


def test_nothing_fitted_is_kept_too(tmp_path):
    found = ta.design.fit("deletion", "semivalue", every_pair(3), inputs(4, 3), complete=True)
    again = ta.design.Fit.load(found.save(tmp_path / "fit.json"))
    assert again.rule.recognised.name == "shapley" and repr(again) == repr(found)


@pytest.mark.every(4)
@pytest.mark.parametrize("family", [*FAMILIES, ["integrated_gradients", "shapley"]], ids=str)
def test_the_same_seed_gives_the_same_fit_and_the_generators_are_left_alone(family):
    model, x = every_pair(3), inputs(8, 3)
    before = torch.get_rng_state()
    first = ta.design.fit("deletion", family, model, x, name="f", seed=3, **FEW)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    second = ta.design.fit("deletion", family, model, x, name="f", seed=3, **FEW)
    assert first.to_dict() == second.to_dict()
    other = ta.design.fit("deletion", family, model, x, name="f", seed=4, **FEW)
    assert other.diagnostics["held_out"] != first.diagnostics["held_out"]


def test_model_and_inputs_are_left_as_they_were():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1)).eval()
    state, x = copy.deepcopy(net.state_dict()), inputs(8, 3).float()
    kept, flags = x.clone(), [p.requires_grad for p in net.parameters()]
    for family in ("sharing", "measure", "power_path"):
        with torch.inference_mode():  # a user's mode is no obstacle
            ta.design.fit("deletion", family, net, x, target=0, name="f", **FEW)
    assert all(torch.equal(state[k], v) for k, v in net.state_dict().items()) and torch.equal(x, kept)
    assert all(p.grad is None for p in net.parameters()) and not net._forward_hooks
    assert [p.requires_grad for p in net.parameters()] == flags


def test_the_repr_says_gain_criteria_and_cost():
    x = inputs(10, 3) * torch.tensor([1.0, -1.0, 1.0])
    found = ta.design.fit("recovery", "sharing", every_pair(3, seed=3), x, name="mine", **FEW)
    shown = repr(found)
    assert "recovery (small is good)" in shown and "mine" in shown and "shapley" in shown
    assert "complete by construction, at every parameter value" in shown
    assert found.sentence.split(":")[0] in shown.replace("\n    ", " ") and "95%" in shown
    assert found.cost["model outputs"] == 10 * 8 and "80 model outputs" in shown.replace("\n    ", " ")
    assert found.gain == pytest.approx(
        found.value_against - found.value
    )  # small is good: the gain is positive
    assert found.names == ("x0", "x1", "x2") and found.counts == (5, 5)
    assert len(found.history) == found.cost["evaluations of the objective"]
    assert found.history[:, 2].min() == found.train_value


def test_the_fitted_rule_is_a_rule_like_others():
    model, x = smooth(), inputs(6, 3)
    found = ta.design.fit("deletion", "power_path", model, x, name="mine_too", **FEW)
    by_name = ta.attribute("mine_too", model, x)
    assert torch.equal(by_name.player_scores, found.rule.attribute(model, x).player_scores)
    assert float(by_name.relative_gap.max()) < 1e-5
    assert ta.check("mine_too").complete.holds


def test_explicit_examples_of_their_own_are_held_out():
    model, x = every_pair(3), inputs(6, 3)
    other = inputs(5, 3, seed=8)
    truth, theirs = torch.rand(6, 3), torch.rand(5, 3)
    found = ta.design.fit(
        "agreement",
        "weighted_shapley",
        model,
        x,
        truth=truth,
        held_out={"inputs": other, "truth": theirs, "baselines": 0.25},
        name="f",
        **FEW,
    )
    scores = found.rule.attribute(model, other, 0.25).player_scores
    assert found.counts == (6, 5)
    assert torch.allclose(ta.evaluation.agreement(scores, theirs.double()), found.values, atol=1e-12)


def test_targets_baselines_and_arguments_go_with_their_examples():
    torch.manual_seed(0)
    net = torch.nn.Linear(3, 4).double().eval()

    def model(rows, scale):
        return net(rows) ** 2 * scale[:, None]

    x, scale = inputs(8, 3), inputs(8, 1, seed=5)[:, 0]
    target, baselines = torch.arange(8) % 4, inputs(8, 3, seed=6)
    found = ta.design.fit(
        "deletion",
        "measure",
        model,
        x,
        baselines,
        target=target,
        additional_forward_args=scale,
        held_out=[2, 7, 4],
        name="f",
        **FEW,
    )
    rows = [2, 4, 7]
    scores = found.rule.attribute(
        model, x[rows], baselines[rows], target=target[rows], additional_forward_args=scale[rows]
    )
    curves = ta.evaluation.player_curves(
        model, x[rows], scores, baselines[rows], target=target[rows], additional_forward_args=scale[rows]
    )
    assert torch.allclose(curves.measure("deletion"), found.values, atol=1e-9)
