"""PruneGrad against a slow reference with masks of its own, and what it promises of real digits."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import taylorattr as ta
from taylorattr.errors import (
    DtypeError,
    NonFiniteError,
    OptionError,
    PrecisionWarning,
    TargetError,
    TaylorAttrError,
)
from taylorattr.evaluation import pixel_perturbation
from taylorattr.methods.extra.neurons import kept_count
from tests import digits

HELD_OUT = digits.split()[1].images


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network(seed=0):
    """Images (B, 2, 5, 7), an odd size, -> (B, 3); 2·5·7·3 + 4·3·4 + 6 neurons; stride 2."""
    net = nn.Sequential(
        *(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(48, 6), nn.ReLU(), nn.Linear(6, 3)),
    )
    with torch.no_grad():
        for i, parameter in enumerate(net.parameters()):
            parameter.copy_(random(*parameter.shape, seed=seed + i) / math.sqrt(parameter[0].numel()))
    return net.double().eval().requires_grad_(False)


IMAGES = random(4, 2, 5, 7, seed=9)


def by_hand(net, x, target, sparsity):
    """Masks and map of one example, by products with explicit masks and a full sort."""

    def forward(x, masks):
        outputs = []
        for layer in net:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                x = x * masks[len(outputs)] if masks else x
                outputs.append(x)
        return x[:, target].sum(), outputs

    leaf = x.clone().requires_grad_()
    y, outputs = forward(leaf, None)
    gradients = torch.autograd.grad(y, outputs)
    scores = torch.cat([(a * g).abs().flatten() for a, g in zip(outputs, gradients, strict=True)])
    count = math.ceil(round((1 - sparsity) * len(scores), 9))
    order = np.argsort(-scores.detach().numpy(), kind="stable")[:count]
    kept = torch.zeros(len(scores), dtype=torch.bool)
    kept[torch.from_numpy(order.copy())] = True
    parts = kept.split([a.numel() for a in outputs])
    masks = [part.reshape(a.shape) for part, a in zip(parts, outputs, strict=True)]
    y, _ = forward(leaf, masks)
    return masks, torch.autograd.grad(y, leaf)[0], float(y.detach())


@pytest.mark.parametrize("sparsity", [0.3, 0.7, 0.9])
def test_masks_and_map_are_those_of_products_by_hand(sparsity):
    net = network()
    found = ta.prune(net, IMAGES, target=1, sparsity=sparsity)
    assert [mask.shape for mask in found.masks] == [(4, 3, 5, 7), (4, 4, 3, 4), (4, 6)]
    for row, x in enumerate(IMAGES.split(1)):
        masks, gradient, output = by_hand(net, x, 1, sparsity)
        assert all(torch.equal(m[row : row + 1], own) for m, own in zip(found.masks, masks, strict=True))
        assert torch.allclose(found.map[row], gradient[0], rtol=0, atol=1e-14)
        assert abs(float(found.pruned_output[row]) - output) < 1e-13


def test_nothing_pruned_is_the_plain_gradient_bit_for_bit():
    for net, x in ((digits.mlp(), HELD_OUT), (digits.cnn(), HELD_OUT[:50]), (network(), IMAGES)):
        # one block of examples each time: convolutions round differently in batches of other sizes
        options = {"target": 2, "internal_batch_size": len(x)}
        plain = ta.attribute("gradient_x_input", net, x, multiply_by="none", **options)
        pruned = ta.attribute("prune_grad", net, x, sparsity=0.0, **options)
        assert torch.equal(pruned.scores, plain.scores)


@pytest.mark.parametrize("score", ["gradient", "intgrad", "random"])
@pytest.mark.parametrize("greedy", [False, True])
def test_the_number_of_kept_neurons_is_exact(score, greedy):
    net = network()
    total = 3 * 35 + 4 * 12 + 6
    for sparsity in (0.0, 0.1, 0.7, 0.95):
        if greedy and score == "intgrad" and sparsity > 0.1:
            continue  # hundreds of passes
        found = ta.prune(net, IMAGES[:2], target=0, sparsity=sparsity, score=score, greedy=greedy)
        count = sum(mask.flatten(1).sum(1) for mask in found.masks)
        assert count.tolist() == [math.ceil(round((1 - sparsity) * total, 9))] * 2 == [found.kept] * 2
        assert found.neurons == total and found.reached == 1 - found.kept / total


def test_a_decimal_share_is_meant_as_written():
    assert (1 - 0.7) * 10 > 3  # in binary, so that its ceiling is 4
    assert [kept_count(p, 10) for p in (0.7, 0.8, 0.9, 0.95)] == [3, 2, 1, 1]
    assert kept_count(np.float64(0.7), 10) == 3


def test_of_equal_scores_the_first_are_kept():
    def equal(x):  # six neurons that are one
        return F.relu(x.sum(1, keepdim=True).expand(-1, 6)).sum(1)

    (mask,) = ta.prune(equal, torch.ones(3, 4), sparsity=0.5).masks
    assert mask.tolist() == [[True] * 3 + [False] * 3] * 3


class Reused(nn.Module):
    """Two calls of one activation, in a spelling."""

    def __init__(self, relu):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 1)
        self.relu = relu
        with torch.no_grad():
            for i, parameter in enumerate(self.parameters()):
                parameter.copy_(random(*parameter.shape, seed=i))
        self.double().eval().requires_grad_(False)

    def forward(self, x):
        return self.last(self.relu(self.second(self.relu(self.first(x)))))


SPELLINGS = {
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "F.relu": F.relu,
    "F.relu in place": lambda x: F.relu(x, inplace=True),
    "Tensor.relu": torch.Tensor.relu,
    "Tensor.relu_": torch.Tensor.relu_,
    "nn.ReLU": nn.ReLU(),
    "nn.ReLU in place": nn.ReLU(inplace=True),
}
ROWS = random(6, 4, seed=3)


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_reused_activation_is_two_groups_of_neurons_in_every_spelling(name):
    usual = ta.prune(Reused(F.relu), ROWS, sparsity=0.6)
    found = ta.prune(Reused(SPELLINGS[name]), ROWS, sparsity=0.6)
    assert found.layers == ("ReLU 0 (5)", "ReLU 1 (5)")
    assert torch.equal(found.map, usual.map)
    assert all(torch.equal(a, b) for a, b in zip(found.masks, usual.masks, strict=True))


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:FutureWarning")
def test_scripted_and_exported_models_are_seen_too():
    usual = ta.prune(Reused(nn.ReLU()), ROWS, sparsity=0.6)
    scripted = torch.jit.trace(Reused(nn.ReLU()), ROWS)
    batches = ({0: torch.export.Dim("batch")},)
    exported = torch.export.export(Reused(nn.ReLU()), (ROWS,), dynamic_shapes=batches).module()
    for model in (scripted, scripted, scripted, exported):  # scripted code is fused after a few runs
        found = ta.prune(model, ROWS, sparsity=0.6)
        assert torch.allclose(found.map, usual.map, rtol=0, atol=1e-13)
    in_place = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(True), nn.Linear(6, 1))
    in_place.double().eval().requires_grad_(False)
    usual = ta.prune(in_place, ROWS, sparsity=0.6)
    found = ta.prune(torch.jit.script(in_place), ROWS, sparsity=0.6, internal_batch_size=1)  # run often
    assert torch.allclose(found.map, usual.map, rtol=0, atol=1e-13)
    fixed = torch.export.export(Reused(nn.ReLU()), (ROWS,)).module()
    with pytest.raises(OptionError, match="exported for batches of 6 rows.*dynamic_shapes"):
        ta.prune(fixed, ROWS)


def test_a_relu_that_no_input_reaches_is_no_neuron():
    gate = random(5, seed=1)

    def gated(x):
        return (F.relu(x @ random(4, 5, seed=2)) * F.relu(gate)).sum(1)

    assert ta.prune(gated, ROWS, sparsity=0.4).layers == ("ReLU 0 (5)",)


def test_rows_are_found_where_they_are_not_first():
    weight, out = random(4, 6, seed=4), random(6, seed=5)

    def sequences(x):  # (B, T, d), inside (T, B, d); T is the batch size of the test
        return (F.relu(x.transpose(0, 1) @ weight) @ out).sum(0)

    x = random(3, 3, 4, seed=6)
    together = ta.prune(sequences, x, sparsity=0.5)
    for row in range(3):
        alone = ta.prune(sequences, x[row : row + 1], sparsity=0.5)
        assert torch.equal(together.map[row], alone.map[0])
        assert torch.equal(together.masks[0][row], alone.masks[0][0])


@pytest.mark.parametrize("options", [{}, {"score": "random"}, {"refine": "pgd", "radius": 0.3, "n_steps": 5}])
def test_examples_do_not_depend_on_how_they_are_cut(options):
    net, target = network(), [0, 1, 2, 0]
    whole = ta.prune(net, IMAGES, target=target, sparsity=0.8, **options)
    for size in (1, 2, 3):
        cut = ta.prune(net, IMAGES, target=target, sparsity=0.8, internal_batch_size=size, **options)
        assert torch.allclose(cut.map, whole.map, rtol=0, atol=1e-12)
        assert all(torch.equal(a, b) for a, b in zip(cut.masks, whole.masks, strict=True))
        assert torch.allclose(cut.moved, whole.moved, rtol=1e-9)
    one = ta.prune(net, IMAGES[:1], target=0, sparsity=0.8, **options)
    assert torch.allclose(one.map, whole.map[:1], rtol=0, atol=1e-12)


class Failing(Exception):
    """What a model raises."""


@pytest.mark.parametrize("error", [None, Failing, KeyboardInterrupt])
def test_the_model_is_as_it_was_whatever_happens(error):
    net = nn.Sequential(*network().train(), nn.Identity()).requires_grad_(True)
    calls = []

    def count(*_):
        calls.append(1)
        if error is not None and len(calls) > limit:
            raise error

    net[-1].register_forward_hook(count)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    hooks = [
        (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in net.modules()
    ]
    limit = 10**6
    with pytest.warns(ta.errors.TrainingModeWarning):
        ta.prune(net, IMAGES, target=0, refine="pgd", radius=1.0, n_steps=3)
    if error is not None:
        limit = len(calls) // 2
        calls.clear()
        with pytest.raises((Failing, KeyboardInterrupt, TaylorAttrError)), pytest.warns():
            ta.prune(net, IMAGES, target=0, refine="pgd", radius=1.0, n_steps=3)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert net.training and all(p.requires_grad and p.grad is None for p in net.parameters())
    assert hooks == [
        (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in net.modules()
    ]
    assert torch.overrides._get_current_function_mode_stack() == []
    assert torch.utils._python_dispatch._get_current_dispatch_mode_stack() == []


def test_the_integrated_score_of_the_last_hidden_layer_is_the_gradient_score():
    # the output is linear in that layer, so its gradient is the same at every t
    net = nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 2)).double().eval()
    one, other = (ta.prune(net, ROWS, target=1, sparsity=0.7, score=s) for s in ("gradient", "intgrad"))
    assert torch.equal(one.masks[0], other.masks[0])
    greedy = ta.prune(net, ROWS, target=1, sparsity=0.7, greedy=True)  # and nothing changes by pruning
    assert torch.equal(one.masks[0], greedy.masks[0])


def test_the_integrated_score_is_a_mean_over_places_on_the_way():
    net = network()
    found = ta.prune(net, IMAGES[:1], target=1, sparsity=0.7, score="intgrad")
    with torch.no_grad():
        outputs = [IMAGES[:1]]
        for layer in net:
            outputs.append(layer(outputs[-1]))
    scores = []
    for at, layer in enumerate(net):
        if isinstance(layer, nn.ReLU):
            a, total = outputs[at + 1], 0.0
            for t in range(11):
                leaf = (t / 10 * a).requires_grad_()
                total = total + torch.autograd.grad(net[at + 1 :](leaf)[0, 1], leaf)[0]
            scores.append((a * total / 11).abs().flatten())
    scores = torch.cat(scores).numpy()
    kept = np.concatenate([mask.flatten().numpy() for mask in found.masks])
    assert kept[np.argsort(-scores, kind="stable")[: found.kept]].all()


def test_greedy_scores_anew_in_the_pruned_network():
    one, greedy = (ta.prune(network(), IMAGES, target=1, sparsity=0.9, greedy=g) for g in (False, True))
    assert greedy.kept == one.kept
    # pruned along a way that looks again, more of the output is left
    assert float(greedy.pruned_output.mean()) > float(one.pruned_output.mean())


@pytest.mark.parametrize(("make", "sparsity"), [(digits.mlp, 0.85), (digits.cnn, 0.9)])
def test_digits_keep_their_predictions_and_become_linear(make, sparsity):
    net = make()
    found = ta.prune(net, HELD_OUT, sparsity=sparsity, dtype=torch.float64, linearity=(0.01, 0.1))
    assert float(found.same_class.double().mean()) >= 0.95
    assert bool((found.kept_inactive == 0).all())
    control = ta.prune(net, HELD_OUT, sparsity=sparsity, score="random", linearity=())
    assert float(control.same_class.double().mean()) < 0.5
    whole = ta.prune(net, HELD_OUT, sparsity=0.0, dtype=torch.float64, linearity=(0.01, 0.1))
    assert bool((found.linearity < 0.01).all()) and bool((found.linearity < whole.linearity / 4).all())


def test_ranked_by_size_the_pruned_gradient_finds_more_than_the_gradient():
    net, x = digits.cnn(), HELD_OUT
    names = ("gradient_x_input", {"multiply_by": "none"}), ("prune_grad", {"sparsity": 0.9})
    chosen = net(x).argmax(1)
    areas = []
    for name, options in names:
        scores = ta.attribute(name, net, x, target=chosen.tolist(), **options).scores
        found = pixel_perturbation(
            net, x, scores, target=chosen.tolist(), fill="zero", rank="abs", steps=16, random_repeats=1
        )
        areas.append((float(found.measure("morf").mean()), float(found.measure("lerf").mean())))
    (morf, lerf), (pruned_morf, pruned_lerf) = areas
    assert pruned_morf > morf + 0.02 and pruned_lerf < lerf - 0.02


def test_projected_ascent_follows_the_gradient_where_the_network_is_linear_and_stays_in_its_ball():
    net, radius = digits.mlp(), 0.05
    plain = ta.prune(net, HELD_OUT[:40], dtype=torch.float64, linearity=())
    found = ta.prune(net, HELD_OUT[:40], dtype=torch.float64, linearity=(), refine="pgd", radius=radius)
    delta, gradient = found.map.flatten(1), plain.map.flatten(1)
    size = delta.norm(dim=1)
    assert bool((size <= radius * (1 + 1e-9)).all()) and bool((size > radius * (1 - 1e-6)).all())
    assert float(torch.cosine_similarity(delta, gradient).min()) > 0.99
    linear = radius * gradient.norm(dim=1)
    # one of the forty meets a kink inside its ball
    assert float((found.ascent > 0.99 * linear).double().mean()) >= 0.95 and bool((found.ascent > 0).all())


def test_one_step_of_the_ascent_is_a_twentieth_of_the_radius_along_the_gradient():
    net = network()
    gradient = ta.prune(net, IMAGES, target=0, sparsity=0.8).map
    found = ta.prune(net, IMAGES, target=0, sparsity=0.8, refine="pgd", radius=0.6, n_steps=1).map
    size = gradient.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)
    assert torch.allclose(found, 0.6 / 20 * gradient / size, rtol=0, atol=1e-14)


def test_the_default_ball_is_for_inputs_in_the_unit_interval():
    found = ta.prune(digits.mlp(), HELD_OUT[:5], refine="pgd", linearity=())
    assert found.radius == pytest.approx(0.05 * 8) and "‖δ‖ ≤ 0.4" in repr(found)
    with pytest.raises(OptionError, match=r"inputs in \[0, 1\], and these lie in .*; pass radius="):
        ta.prune(digits.mlp(), 2 * HELD_OUT[:5], refine="pgd")


@pytest.mark.parametrize("make", [digits.mlp, digits.cnn])
def test_the_chosen_sparsity_is_the_largest_that_changes_predictions_little(make):
    held_out = HELD_OUT[100:300]
    found = ta.prune(make(), HELD_OUT[:20], sparsity="auto", held_out=held_out, linearity=())
    assert list(found.scan) == ["0.5", "0.7", "0.8", "0.85", "0.9", "0.95", "0.98"]
    for p, change in found.scan.items():
        direct = ta.prune(make(), held_out, sparsity=float(p), linearity=()).probability_change
        assert change == pytest.approx(float(direct.mean()), abs=1e-6)
    assert found.sparsity == max(float(p) for p, change in found.scan.items() if change <= 0.15)
    assert "chosen on a held-out batch" in repr(found)


def test_a_network_that_bears_no_pruning_is_left_whole():
    def fragile(x):  # the difference of two large numbers
        return F.relu(x).sum(1) * torch.tensor([1.0]) - 0.999 * F.relu(x + 1e-4).sum(1)

    with pytest.warns(PrecisionWarning, match="nothing is pruned, and the map is the plain gradient"):
        found = ta.prune(fragile, ROWS.abs(), sparsity="auto", held_out=ROWS.abs(), linearity=())
    assert found.sparsity == 0 and found.kept == found.neurons


def test_one_channel_is_left_at_each_place_or_all_are():
    net = network()
    both = ta.attribute("prune_grad", net, IMAGES, target=0)
    largest = ta.attribute("prune_grad", net, IMAGES, target=0, channel="maxabs")
    place = both.scores.abs().argmax(1, keepdim=True)
    assert torch.equal(largest.scores.sum(1, keepdim=True), both.scores.gather(1, place))
    assert bool(((largest.scores != 0).sum(1) <= 1).all())
    with pytest.raises(OptionError, match="the inputs have shape .6, 4.; leave channel out"):
        ta.attribute("prune_grad", Reused(F.relu), ROWS, channel="maxabs")


def test_without_a_target_the_largest_output_is_explained():
    net = network()
    classes = net(IMAGES).argmax(1).tolist()
    by_default = ta.attribute("prune_grad", net, IMAGES)
    assert torch.equal(by_default.scores, ta.attribute("prune_grad", net, IMAGES, target=classes).scores)
    assert torch.allclose(by_default.f_input, net(IMAGES).amax(1))


def test_several_inputs_and_players_of_groups():
    def two(a, b):
        return F.relu(a @ random(3, 5, seed=1) + b @ random(2, 5, seed=2)).sum(1)

    a, b = random(4, 3, seed=7), random(4, 2, seed=8)
    found = ta.prune(two, (a, b), sparsity=0.4)
    grouped = ta.attribute("prune_grad", two, (a, b), sparsity=0.4, players=[[0, 3], [1, 2, 4]])
    flat = torch.cat([part.flatten(1) for part in found.map], 1)
    assert torch.allclose(grouped.player_scores[:, 0], flat[:, 0] + flat[:, 3])


def test_the_report_is_in_the_diagnostics_and_in_files(tmp_path):
    attribution = ta.attribute("prune_grad", digits.cnn(), HELD_OUT[:3], linearity=(0.1,))
    report = attribution.diagnostics["pruning"]
    assert isinstance(report, ta.Pruning) and report.masks is None
    assert "160 of 1600 neurons kept" in repr(report) and "0.9 asked, 0.9 reached" in repr(report)
    assert "kept by layer: ReLU 0 (16×8×8)" in repr(report) and "at ‖δ‖ = 0.1" in repr(report)
    for suffix in (".json", ".npz"):
        again = ta.Attribution.load(attribution.save(tmp_path / f"map{suffix}"))
        assert repr(again.diagnostics["pruning"]) == repr(report)
    whole = ta.prune(digits.cnn(), HELD_OUT[:3])
    again = ta.Pruning.load(whole.save(tmp_path / "pruning.npz"))
    assert all(torch.equal(a, b) for a, b in zip(again.masks, whole.masks, strict=True))
    assert torch.equal(again.map, whole.map)


def test_probabilities_are_of_the_target_and_outputs_that_are_probabilities_stay():
    net = network()
    logits = ta.prune(net, IMAGES, target=1, sparsity=0.8)
    assert torch.allclose(logits.probability, net(IMAGES).softmax(1)[:, 1])
    soft = ta.prune(nn.Sequential(net, nn.Softmax(1)).eval(), IMAGES, target=1, sparsity=0.8)
    assert torch.allclose(soft.probability, logits.probability)
    assert ta.prune(net, IMAGES, target=lambda y: y[:, 1], sparsity=0.8).probability is None


def test_a_neuron_outside_every_way_to_the_output_is_said():
    def beside(x):
        return x.sum(1) + 0 * F.relu(x @ random(4, 7, seed=1)).sum(1)

    with pytest.warns(PrecisionWarning, match="no neuron matters to the output, each scores 0"):
        found = ta.prune(beside, ROWS)
    assert torch.equal(found.map, torch.ones_like(ROWS))


BAD = {
    "sparsity of one": ({"sparsity": 1.0}, OptionError, "at least 0 and below 1, such as 0.9"),
    "negative sparsity": ({"sparsity": -0.1}, OptionError, "at least 0 and below 1"),
    "percents": ({"sparsity": 90}, OptionError, "at least 0 and below 1"),
    "true": ({"sparsity": True}, OptionError, "expected a number or 'auto'"),
    "nan": ({"sparsity": math.nan}, OptionError, "expected a number or 'auto'"),
    "a word": ({"sparsity": "most"}, OptionError, "or 'auto' with held_out="),
    "auto on nothing": ({"sparsity": "auto"}, OptionError, "pass held_out=, a batch like the inputs"),
    "held out for nothing": ({"held_out": ROWS}, OptionError, "leave it out or pass sparsity='auto'"),
    "unknown score": ({"score": "weight"}, OptionError, "'gradient' or 'intgrad' or 'random'"),
    "unknown refinement": ({"refine": "fgsm"}, OptionError, "expected 'pgd' or None"),
    "radius alone": ({"radius": 1.0}, OptionError, "pass both or neither"),
    "no radius": ({"refine": "pgd", "radius": 0.0}, OptionError, "expected a positive number"),
    "no steps": ({"refine": "pgd", "radius": 1.0, "n_steps": 0}, OptionError, "n_steps=0"),
    "linearity at 0": ({"linearity": (0.0,)}, OptionError, "expected positive radii"),
    "unknown option": ({"percent": 90}, OptionError, "has no option 'percent'"),
    "target": ({"target": 5}, TargetError, "out of range"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_options_are_answered_in_words(name):
    options, error, message = BAD[name]
    model = (lambda x: F.relu(x).sum(1)) if "target" not in options else (lambda x: F.relu(x))
    for ask in (ta.prune, lambda *a, **k: ta.attribute("prune_grad", *a, **k)):
        with pytest.raises(error, match=message.replace("(", r"\(").replace("[", r"\[")):
            ask(model, ROWS, **options)


def test_models_and_inputs_without_what_is_needed_are_refused():
    with pytest.raises(OptionError, match="no ReLU lies between the inputs and the output.*plain gradient"):
        ta.prune(lambda x: torch.tanh(x).sum(1), ROWS)
    with pytest.raises(OptionError, match="no ReLU lies between"):
        ta.prune(lambda x: x.clamp(min=0).sum(1), ROWS)
    with pytest.raises(DtypeError):
        ta.prune(lambda x: F.relu(x.float()).sum(1), torch.ones(2, 3, dtype=torch.bool))
    with pytest.raises(NonFiniteError):
        ta.prune(lambda x: F.relu(x).sum(1), torch.full((2, 3), math.nan))

    def branching(x):  # other neurons by value: they cannot be pooled
        return F.relu(x).sum(1) if float(x.detach()[0, 0]) > 0 else F.relu(F.relu(x) + 1).sum(1)

    with pytest.raises(OptionError, match="other ReLUs for some examples than for others"):
        ta.prune(branching, torch.tensor([[1.0, 2.0], [-1.0, 2.0]]), internal_batch_size=1)

    def checkpointed(x):
        return torch.utils.checkpoint.checkpoint(
            lambda y: F.relu(y @ random(4, 3)), x, use_reentrant=False
        ).sum(1)

    with pytest.raises(OptionError, match="runs its ReLUs again in the backward pass"):
        ta.prune(checkpointed, ROWS)


def test_arguments_of_each_example_do_not_fit_a_held_out_batch():
    def scaled(x, factors):
        return F.relu(x * factors).sum(1)

    arguments = {"additional_forward_args": random(6, 1)}
    assert ta.prune(scaled, ROWS, sparsity=0.5, **arguments).kept == 2
    with pytest.raises(OptionError, match="runs the model on held_out=.*pass a number"):
        ta.prune(scaled, ROWS, sparsity="auto", held_out=ROWS[:5], **arguments)


def test_a_name_that_is_nearly_right_is_answered_with_it():
    with pytest.raises(OptionError, match="did you mean 'prune_grad'"):
        ta.attribute("prune_gradd", network(), IMAGES)


def test_both_systems_have_their_own_list():
    assert "prune_grad" in ta.SYSTEMS and "prune_grad" not in ta.METHODS and "prune_grad" not in ta.RULES
    assert ta.SYSTEMS["prune_grad"].options["sparsity"] == 0.9


def test_what_a_probe_reads_of_it_is_said_to_be_about_single_units():
    found = ta.probe("prune_grad")
    assert not found.name and found.verdict("complete").status == "fails"
    assert "prune_grad is a system, not a rule" in repr(found) and "single units" in repr(found)


def test_an_audit_measures_what_its_sums_count():
    x = IMAGES[:1]
    players = [list(range(0, 35)), list(range(35, 52)), list(range(52, 70))]
    # a map is no share: a player that does not move has a derivative
    plain = ta.audit("prune_grad", network(), x, target=1, players=players, sparsity=0.7)
    assert plain.no_leak.status == "fails" and plain.complete.status == "fails"
    times_delta = ta.audit(
        "prune_grad", network(), x, target=1, players=players, sparsity=0.7, multiply_by="delta"
    )
    assert times_delta.no_leak.status == "holds" and times_delta.complete.status == "fails"
    assert not times_delta.misuse


def test_it_is_on_the_page_of_a_report(tmp_path):
    attribution = ta.attribute("prune_grad", network(), IMAGES[:1], target=1)
    page = ta.report(tmp_path / "page.html", attribution)
    assert "prune_grad" in page.read_text(encoding="utf-8")
