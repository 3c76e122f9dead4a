"""Curves and areas of a perturbation against closed forms, slow loops, and their own symmetries."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import (
    NonFiniteError,
    OptionError,
    PlayerError,
    ShapeError,
    TargetError,
    TrainingModeWarning,
)
from taylorattr.evaluation import PixelPerturbation, pixel_perturbation, pixel_removal
from taylorattr.evaluation.pixel_perturbation import step_counts


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def linear(n, seed=1):
    weight = random(n, seed=seed)
    return (lambda x: x.flatten(1) @ weight), weight


def network(seed=0):
    net = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(48, 4)
    )
    with torch.no_grad():
        for i, parameter in enumerate(net.parameters()):
            parameter.copy_(random(*parameter.shape, seed=seed + i))
    return net.double().eval().requires_grad_(False)


def areas_of_additive(contributions):
    """AOPC of one order of an additive model, from what each removal takes away."""
    n = contributions.shape[-1]
    weights = torch.arange(n, 0, -1).double() / (
        n + 1
    )  # the j-th removal counts in n + 1 − j of n + 1 points
    return (contributions * weights).sum(-1)


def test_a_perfect_ranking_on_a_linear_model_has_the_closed_form():
    model, weight = linear(7)
    x, b = random(5, 7, seed=2), random(1, 7, seed=3)
    own = (x - b) * weight
    found = pixel_perturbation(model, x, own, output="logit", fill=b, random_repeats=200)
    ordered = own.sort(-1, descending=True).values
    # sums of 8 float64 numbers of size 10
    assert torch.allclose(found.measure("morf"), areas_of_additive(ordered), rtol=0, atol=1e-12)
    assert torch.allclose(found.measure("lerf"), areas_of_additive(ordered.flip(-1)), rtol=0, atol=1e-12)
    assert torch.allclose(found.measure("abpc"), found.measure("morf") - found.measure("lerf"))
    assert (found.measure("morf") >= found.measure("lerf")).all()
    # a random order takes Σ/2 off on average; every order lies between lerf and morf
    expected, spread = own.sum(1) / 2, (found.measure("morf") - found.measure("lerf")) / 2
    assert ((found.measure("random") - expected).abs() <= 4 * spread / 200**0.5).all()
    assert torch.allclose(found.random[:, -1], model(b.expand(5, 7)), rtol=0, atol=1e-12)


def test_no_other_ranking_is_better_or_worse_on_an_additive_model():
    model, weight = linear(6)
    x = random(4, 6, seed=2)
    best = pixel_perturbation(model, x, x * weight, output="logit", fill="zero")
    for seed in range(5):
        other = pixel_perturbation(model, x, random(4, 6, seed=seed), output="logit", fill="zero")
        assert (other.measure("morf") <= best.measure("morf") + 1e-12).all()
        assert (other.measure("lerf") >= best.measure("lerf") - 1e-12).all()


@pytest.mark.parametrize("region", [1, 3])
def test_curves_are_those_of_a_slow_loop_over_regions(region):
    net, x, maps = network(), random(3, 2, 4, 4, seed=5), random(3, 2, 4, 4, seed=6)
    fill = random(1, 2, 4, 4, seed=7)
    found = pixel_perturbation(net, x, maps, region=region, fill=fill, internal_batch_size=5)
    per_side = 4 if region == 1 else 2
    assert found.regions == per_side**2
    for e in range(3):
        probability = lambda z, e=e: float(net(z[None]).softmax(1)[0, int(net(x[e : e + 1]).argmax())])  # noqa: E731
        boxes = [
            (slice(r * region, (r + 1) * region), slice(c * region, (c + 1) * region))
            for r in range(per_side)
            for c in range(per_side)
        ]
        scores = [float(maps[e, :, h, w].sum()) for h, w in boxes]
        z, curve = x[e].clone(), [probability(x[e])]
        for k in np.argsort(scores)[::-1]:
            z[:, boxes[k][0], boxes[k][1]] = fill[0, :, boxes[k][0], boxes[k][1]]
            curve.append(probability(z))
        assert np.allclose(found.morf[e].numpy(), curve, atol=1e-12)


def test_reversing_swaps_the_orders_scaling_changes_nothing_and_a_flat_map_says_nothing():
    net, x, maps = network(), random(3, 2, 4, 4, seed=5), random(3, 2, 4, 4, seed=6).round()
    one = pixel_perturbation(net, x, maps)
    back, scaled = pixel_perturbation(net, x, -maps), pixel_perturbation(net, x, 40 * maps)
    assert (
        (one.morf == back.lerf).all() and (one.lerf == back.morf).all() and (one.random == back.random).all()
    )
    assert (one.morf == scaled.morf).all() and (one.lerf == scaled.lerf).all()
    flat = pixel_perturbation(net, x, torch.zeros_like(maps))
    assert (flat.measure("abpc") == 0).all() and flat.diagnostics["tied"] == 1
    other = pixel_perturbation(net, x, torch.zeros_like(maps), seed=1)
    assert (flat.morf != other.morf).any()
    assert (pixel_perturbation(net, x, torch.zeros_like(maps)).morf == flat.morf).all()
    size = pixel_perturbation(net, x, maps, rank="abs")
    assert (size.morf == pixel_perturbation(net, x, maps.sum(1).abs(), rank="signed").morf).all()


def test_every_way_to_give_a_map_gives_the_same_curves():
    net, x = network(), random(3, 2, 4, 4, seed=5)
    target = net(x).argmax(1)
    called = []

    def gradient(rows, c):
        called.append((rows is x, c.tolist()))
        return ta.attribute("gradient_x_input", net, rows, target=c)

    result = ta.attribute("gradient_x_input", net, x, target=target)
    grouped = ta.attribute("gradient_x_input", net, x, target=target, players=ta.Players.patches(x, (1, 1)))
    curves = [
        pixel_perturbation(net, x, maps, random_repeats=0).morf
        for maps in (
            gradient,
            result,
            grouped,
            result.scores,
            result.scores.numpy(),
            result.scores.sum(1),
            result.scores.sum(1, keepdim=True),
            grouped.player_scores,
        )
    ]
    assert called == [(True, target.tolist())]
    assert all(torch.equal(curve, curves[0]) for curve in curves)


def test_a_map_of_a_layer_need_not_have_the_sum_of_its_positions():
    net = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(108, 4)).eval()
    x = random(30, 2, 6, 6, seed=5).float()
    fitted = ta.MIPIN(net, layer="1", steps=5).fit(x)
    result = ta.attribute("mip_in", net, x[:3], target=[0, 1, 2], fitted=fitted)
    found = pixel_perturbation(net, x[:3], result, target=[0, 1, 2], steps=4)
    assert torch.equal(
        found.morf, pixel_perturbation(net, x[:3], result.scores, target=[0, 1, 2], steps=4).morf
    )


def test_players_of_tables_tokens_and_tuples():
    model, weight = linear(5)
    x = random(3, 5, seed=2)
    players = ta.Players.columns({"a": [0, 3], "b": [1], "c": [2, 4]})
    own = torch.stack([(x * weight)[:, list(g)].sum(1) for g in players.groups], 1)
    grouped = pixel_perturbation(model, x, x * weight, output="logit", fill="zero", players=players)
    assert torch.allclose(grouped.measure("morf"), areas_of_additive(own.sort(-1, descending=True).values))
    held = ta.Players.columns({"a": [0], "b": [1]}, rest="fixed")
    fixed = pixel_perturbation(model, x, x * weight, output="logit", fill="zero", players=held)
    assert torch.allclose(fixed.morf[:, -1], (x * weight)[:, 2:].sum(1))

    ids = torch.tensor([[1, 2, 3], [3, 3, 1]])
    embed = torch.tensor([0.0, 1.0, 5.0, 2.0])
    tokens = pixel_perturbation(lambda t: embed[t].sum(1), ids, embed[ids], output="logit", fill=0)
    assert tokens.morf.tolist() == [[8, 3, 1, 0], [5, tokens.morf[1, 1], 1, 0]]

    pair = (x, random(3, 2, seed=4))
    both = pixel_perturbation(
        lambda a, b: a @ weight + b.sum(1), pair, (x * weight, pair[1]), output="logit", fill="zero"
    )
    own = torch.cat([x * weight, pair[1]], 1).sort(-1, descending=True).values
    assert torch.allclose(both.measure("morf"), areas_of_additive(own))


def test_uniform_fill_is_a_mean_over_draws_shared_by_all_maps():
    model, weight = linear(6)
    x = random(4, 6, seed=2)
    settings = {"output": "logit", "fill": "uniform", "fill_range": (0, 1), "random_repeats": 0}
    found = pixel_perturbation(model, x, x * weight, repeats=400, **settings)
    # the fully replaced input: Σ w_i u_i with mean Σw/2 and variance Σw²/12 over 400 draws; 4 standard errors
    error = float((weight**2).sum() / 12) ** 0.5 / 20
    assert ((found.morf[:, -1] - weight.sum() / 2).abs() < 4 * error).all()
    once = pixel_perturbation(model, x, x * weight, repeats=1, **settings)
    other = pixel_perturbation(model, x, random(4, 6, seed=9), repeats=1, **settings)
    assert torch.equal(once.morf[:, -1], other.lerf[:, -1])
    assert "fill_standard_error" in found.diagnostics and "fill_standard_error" not in once.diagnostics
    twice = pixel_perturbation(model, x, x * weight, repeats=1, **settings)
    assert torch.equal(once.morf, twice.morf)
    elsewhere = pixel_perturbation(model, x, x * weight, repeats=1, seed=1, **settings)
    assert (once.morf[:, 1:] != elsewhere.morf[:, 1:]).all()


def test_the_error_of_the_draws_is_the_spread_of_repetitions():
    model, weight = linear(6)
    x = random(4, 6, seed=2)
    settings = {"output": "logit", "fill": "uniform", "fill_range": (0, 1), "random_repeats": 0}
    means = [
        pixel_perturbation(model, x, x * weight, repeats=10, seed=s, **settings).mean("morf")
        for s in range(60)
    ]
    said = pixel_perturbation(model, x, x * weight, repeats=200, **settings).diagnostics[
        "fill_standard_error"
    ]["morf"]
    # standard deviations of 60 means (9 % error) and of 200 draws (5 %)
    assert np.std(means, ddof=1) * 10**0.5 == pytest.approx(said * 200**0.5, rel=0.4)


def test_what_is_followed():
    net, x = network(), random(3, 2, 4, 4, seed=5)
    maps, rows = random(3, 2, 4, 4, seed=6), torch.arange(3)
    predicted = net(x).argmax(1)
    follow = lambda **options: pixel_perturbation(net, x, maps, steps=2, **options)  # noqa: E731
    assert torch.allclose(follow().f_input, net(x).softmax(1)[rows, predicted])
    assert (follow().target == predicted).all()
    assert torch.allclose(follow(output="logit").f_input, net(x)[rows, predicted])
    assert torch.allclose(follow(target=2).f_input, net(x).softmax(1)[:, 2])
    assert torch.allclose(follow(target=[0, 1, 3]).f_input, net(x).softmax(1)[rows, [0, 1, 3]])
    margin = follow(target=lambda z: z[:, 0] - z[:, 1])
    assert torch.allclose(margin.f_input, (net(x)[:, 0] - net(x)[:, 1]))
    assert margin.output == "target" and margin.target is None
    ready = pixel_perturbation(nn.Sequential(net, nn.Softmax(1)).eval(), x, maps, steps=2)
    assert torch.allclose(ready.morf, follow().morf) and ready.diagnostics["already_probabilities"]


def test_steps_and_shares():
    assert step_counts(64, 16).tolist() == list(range(0, 65, 4))
    assert step_counts(10, 4).tolist() == [0, 3, 5, 8, 10]
    assert step_counts(10, None, 0.3).tolist() == [0, 1, 2, 3]
    assert len(step_counts(5000, None)) == 101 and step_counts(5000, range(101))[-1] == 100
    for wrong in (0, True, [1, 2], [0, 2, 1], [0, 11]):
        with pytest.raises(OptionError, match="steps="):
            step_counts(10, wrong)
    with pytest.raises(OptionError, match="fraction=0"):
        step_counts(10, 2, 0)


def test_removing_a_few_per_cent():
    model, weight = linear(50)
    x = random(4, 50, seed=2)
    found = pixel_removal(model, x, x * weight, output="logit", fill="zero", percents=(1, 2, 4, 10))
    assert found.counts.tolist() == [0, 1, 1, 2, 5]
    own = (x * weight).sort(-1, descending=True).values
    for column, k in enumerate((1, 1, 2, 5), 1):
        change = 100 * (own[:, :k].sum(1) / own.sum(1)).abs()
        assert torch.allclose(found.relative_change("morf")[:, column], change)
        least = 100 * (own[:, -k:].sum(1) / own.sum(1)).abs()
        assert torch.allclose(found.relative_change("lerf")[:, column], least)
    with pytest.raises(OptionError, match="percents= says"):
        pixel_removal(model, x, x, steps=3)
    with pytest.raises(OptionError, match=r"in \(0, 100\]"):
        pixel_removal(model, x, x, percents=(5, 2))


def test_model_inputs_and_generators_are_left_as_found():
    net, x, maps = network().train(), random(3, 2, 4, 4, seed=5), random(3, 2, 4, 4, seed=6)
    before, kept = copy.deepcopy(net.state_dict()), x.clone()
    torch.manual_seed(11)
    state = torch.get_rng_state()
    with pytest.warns(TrainingModeWarning):
        found = pixel_perturbation(net, x, maps, fill="uniform", repeats=2)
    assert net.training and torch.equal(torch.get_rng_state(), state) and torch.equal(x, kept)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    calm = pixel_perturbation(net.eval(), x, maps, fill="uniform", repeats=2)
    assert torch.equal(found.morf, calm.morf)


def test_batches_do_not_matter_and_results_are_kept(tmp_path):
    net, x, maps = network(), random(3, 2, 4, 4, seed=5), random(3, 2, 4, 4, seed=6)
    found = pixel_perturbation(net, x, maps)
    small = pixel_perturbation(net, x, maps, internal_batch_size=2)
    assert torch.allclose(found.morf, small.morf, rtol=0, atol=1e-13)
    for suffix in ("npz", "json"):
        loaded = PixelPerturbation.load(found.save(tmp_path / f"result.{suffix}"))
        assert torch.equal(loaded.morf, found.morf) and repr(loaded) == repr(found)
    assert pixel_perturbation(net, x, maps, name="mine", steps=1).method == "mine"
    assert "abpc" in repr(found) and "fill mean" in repr(found)
    low, high = found.interval("morf")
    assert low <= found.mean("morf") <= high
    values = found.measure("morf").numpy()
    assert found.standard_error("morf") == pytest.approx(values.std(ddof=1) / 3**0.5)
    assert np.isnan(pixel_perturbation(net, x[:1], maps[:1]).standard_error("morf"))


def test_bad_input_is_named():
    net, x, maps = network(), random(3, 2, 4, 4, seed=5), random(3, 2, 4, 4, seed=6)
    model, _ = linear(4)
    with pytest.raises(TargetError, match="softmax is always 1"):
        pixel_perturbation(model, random(2, 4), random(2, 4))
    with pytest.raises(TargetError, match="pass target="):
        pixel_perturbation(lambda z: z, x, maps)
    with pytest.raises(OptionError, match="'probability'"):
        pixel_perturbation(net, x, maps, output="softmax")
    with pytest.raises(OptionError, match="players= says"):
        pixel_perturbation(net, x, maps, region=2, players=[[0]])
    with pytest.raises(OptionError, match="integer ≥ 1"):
        pixel_perturbation(net, x, maps, region=0)
    with pytest.raises(PlayerError, match="needs images"):
        pixel_perturbation(model, random(2, 4), random(2, 4), region=2, output="logit")
    with pytest.raises(ShapeError, match=r"shape \(3, 5\)"):
        pixel_perturbation(net, x, random(3, 5))
    with pytest.raises(ShapeError, match="is a str"):
        pixel_perturbation(net, x, "integrated_gradients")
    with pytest.raises(NonFiniteError, match="the maps hold nan"):
        pixel_perturbation(net, x, maps.fill_(torch.nan))
    with pytest.raises(OptionError, match="random_repeats=-1"):
        pixel_perturbation(net, x, random(3, 2, 4, 4), random_repeats=-1)
    with pytest.raises(NonFiniteError, match="with the first k players replaced"):
        pole = torch.ones(1, 2)
        pixel_perturbation(lambda z: 1 / (z.sum(1) - 1), pole, pole, output="logit", fill="zero")
    repeated = ta.attribute(
        "occlusion_1", net, x, target=0, players=ta.Players.patches(x, (2, 2)), per_element=False
    )
    with pytest.raises(OptionError, match="per_element=True"):
        pixel_perturbation(net, x, repeated)
    halves = [torch.arange(16).repeat(2) // 8, torch.arange(16).repeat(2) % 2]  # both called group0, group1
    upper, odd = (mask.reshape(2, 4, 4) for mask in halves)
    split = ta.attribute("occlusion_1", net, x, target=0, players=upper)
    assert pixel_perturbation(net, x, split, players=upper).regions == 2
    with pytest.raises(PlayerError, match="but other elements"):
        pixel_perturbation(net, x, split, players=odd)
    assert pixel_perturbation(net, x, repeated, players=ta.Players.patches(x, (2, 2))).regions == 4
