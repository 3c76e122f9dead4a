"""What is randomised, what is left alone, and which maps the checks tell apart."""

import copy

import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import ModelError, OptionError, ShapeError
from taylorattr.evaluation import (
    SanityCheck,
    SanityVerdict,
    difference,
    label_randomisation,
    map_similarity,
    parameter_randomisation,
    sanity_verdict,
)
from taylorattr.evaluation.method_maps import predicted_classes
from tests import digits
from tests.evaluation.maps import gradient, guided_backprop, named


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def table_net(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3)).eval()


def weights(factory_calls):
    """A factory that keeps what it was given; its map is the first weight matrix's column sums."""

    def factory(model):
        factory_calls.append(copy.deepcopy(model.state_dict()))
        return lambda x, target: model[0].weight.detach().sum(0).expand(len(x), -1) * x

    return factory


def changed(calls, step):
    return {
        key.rpartition(".")[0] for key, value in calls[step].items() if not torch.equal(value, calls[0][key])
    }


def test_a_cascade_goes_from_the_output_down_and_leaves_the_model_alone():
    net, x, calls = table_net(), numbers(5, 6), []
    before, state = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    found = parameter_randomisation(net, x, weights(calls))
    assert found.steps == ("3", "1", "0") and found.kinds == ("spearman", "absolute")
    assert [changed(calls, k) for k in range(4)] == [set(), {"3"}, {"3", "1"}, {"3", "1", "0"}]
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    # statistics of the normalisation are buffers, and stay
    assert all(torch.equal(c["1.running_var"], before["1.running_var"]) for c in calls)
    # the map does not read the upper blocks
    assert (found.curve("spearman")[:, :2] == 1).all() and (found.curve("spearman")[:, 2] < 1).any()


def test_the_maps_of_the_first_examples_are_held_within_bounds(tmp_path):
    net, x, made = table_net(), numbers(9, 6), []

    def factory(model):
        return lambda rows, target: made.append(gradient(model)(rows, target)) or made[-1]

    found = parameter_randomisation(net, x, factory)
    assert found.maps.shape == (6, 4, 6) and found.maps.dtype is torch.float32
    for step, scores in enumerate(made):
        assert torch.equal(found.maps[:, step], scores[:6])
    # they are those that the similarities compare
    again = map_similarity(found.maps[:, 0].double(), found.maps[:, 3].double(), "spearman")
    assert torch.allclose(again, found.curve("spearman")[:6, 2])
    found.save(tmp_path / "check.npz")
    assert torch.equal(SanityCheck.load(tmp_path / "check.npz").maps, found.maps)
    small = parameter_randomisation(net, x[:2], gradient)
    assert small.maps.shape == (2, 4, 6)
    with pytest.raises(ShapeError, match="maps have shape"):
        SanityCheck(**(vars(small) | {"maps": small.maps[:, 1:]}))


@pytest.mark.parametrize("room, examples", [(24 * 5, 5), (24, 1), (23, None)])
def test_of_large_maps_fewer_are_held(room, examples, monkeypatch):
    monkeypatch.setattr("taylorattr.evaluation.sanity_checks.MAPPED_NUMBERS", room)
    found = parameter_randomisation(table_net(), numbers(9, 6), gradient)  # 4 maps of 6 numbers each
    assert (None if found.maps is None else len(found.maps)) == examples


def test_a_factory_is_given_a_network_of_its_own_at_every_step():
    given = []

    def factory(model):
        given.append((model, copy.deepcopy(model.state_dict())))
        return gradient(model)

    parameter_randomisation(table_net(), numbers(5, 6), factory)
    assert len({id(model) for model, _ in given}) == 4
    for model, state in given:
        assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


def test_independent_randomisation_touches_one_block_at_a_time():
    net, calls = table_net(), []
    found = parameter_randomisation(net, numbers(5, 6), weights(calls), order="independent")
    assert [changed(calls, k) for k in range(1, 4)] == [{"3"}, {"1"}, {"0"}]
    assert torch.allclose(found.measure("spearman"), found.curve("spearman").mean(1))


def test_what_is_drawn():
    net, calls = table_net(), []
    with torch.no_grad():
        net[0].weight.copy_(5 * numbers(8, 6, seed=3))
        net[0].bias.zero_()

    def run(**options):
        calls.clear()
        return parameter_randomisation(net, numbers(5, 6), weights(calls), **options)

    run()
    drawn = calls[-1]["0.weight"]
    # root mean squares of 48 normal numbers spread by 1/√96
    assert float(drawn.square().mean().sqrt()) == pytest.approx(
        float(net[0].weight.detach().square().mean().sqrt()), rel=0.4
    )
    assert (calls[-1]["0.bias"] == 0).all() and (calls[-1]["1.weight"] != 1).all()
    run(init="fixed")
    assert float(calls[-1]["0.weight"].square().mean().sqrt()) == pytest.approx(0.1, rel=0.4)
    run(init=lambda name, tensor, generator: torch.full_like(tensor, len(name)))
    assert (calls[-1]["0.bias"] == len("0.bias")).all()
    one, again, other = run(), run(), run(seed=1)
    assert torch.equal(one.values, again.values) and not torch.equal(one.values, other.values)


def test_blocks_by_name_and_shared_weights():
    net = nn.Sequential(nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6)), nn.Linear(6, 3)).eval()
    net[0][2].weight = net[0][0].weight
    calls = []

    def factory(model):
        calls.append(copy.deepcopy(model.state_dict()))
        return lambda x, target: x * model[0][0].weight.detach().sum(0)

    found = parameter_randomisation(net, numbers(4, 6), factory)
    assert found.steps == ("1", "0.2", "0.0")
    assert changed(calls, 2) == {"1", "0.2"} and torch.equal(calls[2]["0.2.weight"], calls[0]["0.0.weight"])
    assert torch.equal(calls[3]["0.2.weight"], calls[3]["0.0.weight"])
    found = parameter_randomisation(net, numbers(4, 6), factory, blocks=["0", "1"])
    assert found.steps == ("1", "0.0 … 0.2")
    found = parameter_randomisation(net, numbers(4, 6), factory, blocks=[("0.0", "1")])
    assert found.steps == ("0.0 … 1",)


def test_the_class_is_the_trained_models_throughout():
    net, x, targets = table_net(), numbers(5, 6), []
    factory = lambda model: lambda rows, target: (targets.append(target), rows)[1]  # noqa: E731
    found = parameter_randomisation(net, x, factory)
    assert all(torch.equal(t, net(x).argmax(1)) for t in targets) and torch.equal(found.target, targets[0])
    assert (found.measure("spearman") == 1).all()
    assert (parameter_randomisation(net, x, factory, target=2).target == 2).all()


def test_labels_are_permuted_once_and_the_second_model_is_compared():
    net, other, x, y, calls = table_net(), table_net(1), numbers(40, 6), torch.arange(40) % 3, []

    def train(rows, labels, seed):
        calls.append((rows, labels, seed))
        return other

    found = label_randomisation(net, x[:5], gradient, train, x, y, seed=4)
    ((rows, labels, seed),) = calls
    assert torch.equal(rows, x) and seed == 4 and not torch.equal(labels, y)
    assert torch.equal(labels.sort().values, y.sort().values)
    c = net(x[:5]).argmax(1)
    expected = map_similarity(gradient(net)(x[:5], c), gradient(other)(x[:5], c))
    assert torch.equal(found.measure("spearman"), expected)
    right = (predicted_classes(other, x) == labels).float().mean()
    assert found.diagnostics["train_accuracy"] == pytest.approx(float(right))


def test_constant_maps_are_counted_and_left_out():
    net, x = table_net(), numbers(5, 6)

    def factory(model):
        def zero_for_one(rows, target):
            maps = gradient(model)(rows, target)
            return maps * (torch.arange(5) != 1)[:, None]

        return zero_for_one

    found = parameter_randomisation(net, x, factory)
    assert found.diagnostics["constant"] == [1, 1, 1, 1]
    assert found.undefined("spearman") == 1 and found.measure("spearman").isnan()[1]
    assert found.mean("spearman") == pytest.approx(float(found.measure("spearman")[[0, 2, 3, 4]].mean()))
    low, high = found.interval("spearman")
    assert low <= found.mean("spearman") <= high and "undefined for 1" not in repr(found)
    assert difference(found, found, "spearman").values.tolist() == [0] * 4
    assert "1 left out" in sanity_verdict(found).caveat


def test_images_have_structure_and_large_ones_gradients():
    net = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 4)
    ).eval()
    small, large = numbers(3, 2, 9, 9), numbers(3, 2, 33, 40)
    found = parameter_randomisation(net, small, gradient)
    assert found.kinds == ("spearman", "absolute", "ssim")
    assert "hog needs images" in repr(found) and "random map" in repr(found)
    found = parameter_randomisation(net, large, gradient, init="fixed")
    assert found.kinds == ("spearman", "absolute", "ssim", "hog")
    only = parameter_randomisation(net, large, gradient, init="fixed", similarities=["hog"])
    assert torch.equal(only.measure("hog"), found.measure("hog"))
    with pytest.raises(ShapeError, match="hog needs images"):
        parameter_randomisation(net, small, gradient, similarities=["hog"])


def test_tables_players_and_several_inputs():
    net, x = table_net(), numbers(5, 6)
    players = ta.Players.columns({"a": [0, 1], "b": [2], "c": [3], "d": [4, 5]})
    grouped = parameter_randomisation(net, x, named("shapley", players=players))
    own = parameter_randomisation(
        net,
        x,
        lambda m: lambda rows, t: ta.attribute("shapley", m, rows, target=t, players=players).player_scores,
    )
    # a player's score is divided among its elements, and the first input of each player has the same rank
    assert grouped.values.shape == own.values.shape == (2, 5, 3)
    assert "follows_input" in grouped.diagnostics and "follows_input" not in own.diagnostics

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = table_net()

        def forward(self, first, second):
            return self.net(torch.cat([first, second], 1))

    pair = (x[:, :2], x[:, 2:])
    one = parameter_randomisation(net, x, named("gradient_x_input"))
    two = parameter_randomisation(Both().eval(), pair, named("gradient_x_input"))
    assert torch.allclose(one.values, two.values)


def test_results_are_kept(tmp_path):
    found = parameter_randomisation(table_net(), numbers(5, 6), gradient, name="mine")
    verdict = sanity_verdict(found)
    for suffix in ("npz", "json"):
        loaded = SanityCheck.load(found.save(tmp_path / f"check.{suffix}"))
        assert torch.equal(loaded.values, found.values) and repr(loaded) == repr(found)
        assert repr(ta.Result.load(verdict.save(tmp_path / f"verdict.{suffix}"))) == repr(verdict)
    assert "mine" in repr(verdict) and "weights alone" in repr(verdict) and isinstance(verdict, SanityVerdict)


def test_bad_input_is_named():
    net, x = table_net(), numbers(5, 6)
    run = lambda *arguments, **options: parameter_randomisation(*arguments, **options)  # noqa: E731
    with pytest.raises(OptionError, match="expected a module"):
        run(lambda rows: rows, x, gradient)
    with pytest.raises(OptionError, match="with the model alone; expected a factory"):
        run(net, x, gradient(net))
    with pytest.raises(OptionError, match="maps is a Tensor"):
        run(net, x, x)
    with pytest.raises(OptionError, match="gave a Tensor"):
        run(net, x, lambda model: x)
    with pytest.raises(OptionError, match="no module 'head'"):
        run(net, x, gradient, blocks=["head"])
    with pytest.raises(OptionError, match="no parameters"):
        run(nn.Sequential(nn.Flatten()), x, gradient)
    with pytest.raises(OptionError, match="'cascading' or 'independent'"):
        run(net, x, gradient, order="both")
    with pytest.raises(OptionError, match="init='xavier'"):
        run(net, x, gradient, init="xavier")
    with pytest.raises(OptionError, match="no 'mse'"):
        run(net, x, gradient, similarities=["mse"])
    with pytest.raises(ShapeError, match="the map has 4 rows"):
        run(net, x, lambda model: lambda rows, target: rows[:4])
    with pytest.raises(ModelError, match="raised ZeroDivisionError"):
        label_randomisation(net, x, gradient, lambda *_: 1 / 0, x, torch.zeros(5, dtype=torch.int64))
    with pytest.raises(OptionError, match="class labels, integers"):
        label_randomisation(net, x, gradient, lambda *_: net, x, torch.zeros(5))
    cascade = run(net, x, gradient)
    with pytest.raises(OptionError, match="a verdict needs"):
        sanity_verdict(cascade, cascade)
    with pytest.raises(OptionError, match="a verdict needs"):
        sanity_verdict(run(net, x, gradient, order="independent"))


def test_guided_backprop_is_flagged_and_the_gradient_and_prune_grad_pass():
    """On the digits CNN; the label model is trained briefly here, and the verdict says so."""
    net, (train, held_out) = digits.cnn(), digits.split()
    x = held_out.images[:60]
    labels = train.digits[torch.randperm(len(train.digits), generator=torch.Generator().manual_seed(0))]
    second = digits.trained(digits.untrained_cnn, digits.Digits(train.images, labels), epochs=10)
    verdicts = {}
    for factory in (gradient, guided_backprop, named("prune_grad")):
        cascade = parameter_randomisation(net, x, factory)
        labels = label_randomisation(net, x, factory, lambda *_: second, *train)
        verdict = sanity_verdict(cascade, labels)
        verdicts[verdict.method] = verdict
        # random numbers are like nothing: 60 means of correlations over 64 pixels
        assert abs(cascade.mean("random_spearman")) < 4 / (60 * 63) ** 0.5
        # an explanation of 10 classes, of which the upper block is random, still depends on the blocks below
        assert cascade.curve("absolute").nanmean(0)[0] > cascade.curve("absolute").nanmean(0)[-1]
    assert [verdicts[m].passes for m in ("gradient", "guided_backprop", "prune_grad")] == [True, False, True]
    assert "learned" in verdicts["gradient"].caveat


def test_maps_multiplied_by_the_input_pass_with_a_caveat():
    net, x = digits.cnn(), digits.split()[1].images[:30]
    cascade = parameter_randomisation(net, x, named("gradient_x_input"))
    verdict = sanity_verdict(cascade)
    assert verdict.passes and "dominated by the input" in verdict.caveat
    assert cascade.diagnostics["follows_input"] > 0.8
