"""The extensions of Integrated Gradients: what each is identical to, standard errors by a slow loop."""

import copy
import math

import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import OptionError, PrecisionWarning, TargetError
from tests import digits


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def smooth(seed=0):
    """Images (B, 1, 4, 6) -> (B, 3), curved."""
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(96, 3))
    with torch.no_grad():
        for i, parameter in enumerate(net.parameters()):
            parameter.copy_(random(*parameter.shape, seed=seed + i) / 3)
    return net.double().eval().requires_grad_(False)


X, BASELINES = random(3, 1, 4, 6, seed=5), random(5, 1, 4, 6, seed=6)
PATCHES = ta.Players.patches(X, (2, 3))


@pytest.mark.parametrize("make", [smooth, digits.mlp])
def test_patches_are_integrated_gradients_of_the_coordinates_of_patches_at_one(make):
    """The identity by which interactions inside a patch are its independent effect, to 1e-6."""
    net = copy.deepcopy(make()).double()
    x = X if make is smooth else digits.split()[1].images[:3].double()
    players = ta.Players.patches(x, (2, 3) if make is smooth else (4, 2))
    b = random(1, *x.shape[1:], seed=8) / 4
    options = {"target": 2, "tol": 1e-9} if make is smooth else {"target": 2, "mode": "exact"}
    found = ta.attribute("ig_patch", net, x, b, players=players, **options)
    owner = torch.empty(x[0].numel(), dtype=torch.int64)
    for patch, group in enumerate(players.groups):
        owner[list(group)] = patch
    owner = owner.reshape(x[0].shape)
    ones = torch.ones(1, len(players.groups), dtype=torch.float64)
    for row in range(len(x)):

        def of_patches(t, row=row):  # f(b + Σ_P t_P Δ_P)
            return net(b + t[:, owner] * (x[row] - b))

        own = ta.attribute("integrated_gradients", of_patches, ones, **options)
        scale = float(own.player_scores.abs().max())
        assert torch.allclose(found.player_scores[row], own.player_scores[0], rtol=0, atol=1e-6 * scale)


def test_several_baselines_are_the_mean_over_them_with_its_standard_error():
    net = smooth()
    found = ta.attribute("ig_multi", net, X, BASELINES, target=1)
    each = torch.stack(
        [ta.attribute("integrated_gradients", net, X, b[None], target=1).player_scores for b in BASELINES]
    )
    # the number of nodes is chosen to 1e-6 of Σ|scores| by default
    assert torch.allclose(found.player_scores, each.mean(0), atol=1e-6)
    assert torch.allclose(found.standard_errors, each.std(0) / math.sqrt(5), atol=1e-6)
    assert found.gap.abs().max() < 1e-5 and torch.allclose(found.f_baseline, net(BASELINES)[:, 1].mean())


def test_it_is_expected_gradients_with_all_places_and_near_it_with_drawn_ones():
    net = smooth()
    found = ta.attribute("ig_multi", net, X, BASELINES, target=1)
    full = ta.attribute("expected_gradients", net, X, BASELINES, target=1, mode="full")
    assert torch.equal(found.player_scores, full.player_scores)
    drawn = ta.attribute("expected_gradients", net, X, BASELINES, target=1, n_samples=2000)
    distance = (drawn.player_scores - found.player_scores) / drawn.standard_errors
    assert float(distance.abs().max()) < 5 and 0.5 < float(distance.std()) < 1.5


def test_both_is_the_mean_over_baselines_of_sums_over_patches():
    net = smooth()
    found = ta.attribute("ig_patch_multi", net, X, BASELINES, target=1, players=PATCHES)
    each = torch.stack(
        [
            ta.attribute("ig_patch", net, X, b[None], target=1, players=PATCHES).player_scores
            for b in BASELINES
        ]
    )
    assert torch.allclose(found.player_scores, each.mean(0), atol=1e-6)
    # the error of a patch is that of its sum, not the sum of errors
    assert torch.allclose(found.standard_errors, each.std(0) / math.sqrt(5), atol=1e-6)


def test_of_many_baselines_every_class_has_its_share():
    data, net = digits.split()[0], digits.cnn()
    x = digits.split()[1].images[:2]
    options = {"target": 3, "n_steps": 2}
    with pytest.warns(PrecisionWarning, match="miss f"):  # two nodes are enough to see which rows are taken
        found = ta.attribute("ig_multi", net, x, data.images[:500], labels=data.digits[:500], **options)
        again = ta.attribute("ig_multi", net, x, data.images[:500], labels=data.digits[:500], **options)
        other = ta.attribute("ig_multi", net, x, data.images[:500], seed=1, **options)
    rows = found.diagnostics["baselines"]
    counts = torch.bincount(data.digits[rows], minlength=10)
    assert len(rows) == 32 and counts.min() == 3 and counts.max() == 4
    assert torch.equal(found.player_scores, again.player_scores)
    predicted = net(data.images[other.diagnostics["baselines"]]).argmax(1)
    assert torch.bincount(predicted, minlength=10).min() == 3 and other.diagnostics["baselines"] != rows
    # f of the mean over those that were taken, not over the set
    assert torch.allclose(found.f_baseline, net(data.images[rows])[:, 3].double().mean(), atol=1e-4)


def test_one_output_has_no_classes_to_balance():
    found = ta.attribute("ig_multi", lambda x: x.flatten(1).tanh().sum(1), X, BASELINES, n_baselines=2)
    assert len(found.diagnostics["baselines"]) == 2


BAD = {
    "no patches": ("ig_patch", {}, OptionError, r"players=ta.Players.patches\(x, \(2, 2\)\)"),
    "no patches, several": ("ig_patch_multi", {}, OptionError, "no players are named"),
    "no baselines": ("ig_multi", {"n_baselines": 0}, OptionError, "n_baselines=0"),
    "labels": ("ig_multi", {"labels": [0, 1]}, OptionError, "2 classes for 5 references"),
    "tolerance": ("ig_multi", {"tol": -1.0}, OptionError, "tol=-1.0"),
    "rule": ("ig_patch", {"rule": "simpson", "players": PATCHES}, OptionError, "simpson"),
    "target": ("ig_multi", {"target": 7}, TargetError, "out of range"),
    "references": ("ig_multi", {"references": BASELINES}, OptionError, "pass the set as baselines"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_options_are_answered_in_words(name):
    method, options, error, message = BAD[name]
    baselines = None if "references" in options or method == "ig_patch" else BASELINES
    with pytest.raises(error, match=message):
        ta.attribute(method, smooth(), X, baselines, **{"target": 0} | options)


def test_one_baseline_where_several_are_meant_is_said():
    with pytest.warns(PrecisionWarning, match="ig_multi averages over a reference set"):
        ta.attribute("ig_multi", smooth(), X, target=0)


def test_they_are_listed_apart_from_the_fifteen():
    assert list(ta.EXTENSIONS) == ["ig_multi", "ig_patch", "ig_patch_multi"]
    assert not set(ta.EXTENSIONS) & (set(ta.METHODS) | set(ta.RULES))


def test_a_probe_reads_their_ratio_and_an_audit_finds_their_sums_right():
    def patched(f, x, b):
        return ta.attribute("ig_patch", f, x, b, players=[[0], [1], [2]]).player_scores[0]

    assert ta.probe("ig_multi").name == ta.probe(patched).name == "integrated_gradients"
    for name, against in {"ig_patch": None, "ig_multi": BASELINES[:2]}.items():
        found = ta.audit(name, smooth(), X[:1], against, target=2, players=PATCHES)
        assert not found.misuse
        assert [found.coverage.status, found.no_leak.status] == ["holds", "holds"]
        assert found.complete.status in ("holds", "holds_to")
