"""The acceptance of MIP-IN on digits, its laws on small networks, and bad input."""

import pytest
import torch
from torch import Tensor, nn

import taylorattr as ta
from benchmarks.memory import torch_peak
from taylorattr.errors import (
    BudgetError,
    ConvergenceWarning,
    DtypeError,
    NonFiniteError,
    NotFittedError,
    OptionError,
    ShapeError,
    TargetError,
    UnsupportedLayerError,
)
from taylorattr.methods.extra.mip_in import signals
from tests import digits
from tests.methods.extra.mip_in.networks import Functional, Modules, Residual, images, seeded

# networks that were never trained, inverses trained for a few steps
pytestmark = pytest.mark.filterwarnings("ignore::taylorattr.errors.ConvergenceWarning")

STEPS = 40
"""Of convolutions where their quality does not matter."""

_fitted: dict[str, ta.MIPIN] = {}


def fitted(name: str) -> ta.MIPIN:
    """The inverses of a digits network, fitted once."""
    if name not in _fitted:
        network = {"mlp": digits.mlp, "cnn": digits.cnn}[name]()
        _fitted[name] = ta.MIPIN(network).fit(digits.split()[0].images)
    return _fitted[name]


def small(make=Modules, **options) -> ta.MIPIN:
    return ta.MIPIN(seeded(make), **{"top": "logits", "steps": STEPS} | options).fit(images(60))


def agreement(network: nn.Module, x: Tensor, signal: Tensor) -> float:
    with torch.no_grad():
        return float((network(signal).argmax(1) == network(x).argmax(1)).double().mean())


@pytest.mark.parametrize("name", ["mlp", "cnn"])
class TestDigits:
    """What the specification asks of both networks."""

    def test_the_source_signal_is_decided_as_the_input_and_the_distractor_is_not(self, name: str):
        x, network = digits.split()[1].images, getattr(digits, name)()
        assert agreement(network, x, fitted(name).source_signal(x)) >= 0.9
        assert agreement(network, x, fitted(name).distractor(x)) <= 0.3

    def test_the_source_signal_is_the_sum_of_the_attributions(self, name: str):
        x = digits.split()[1].images[:50]
        top = fitted(name).top_signal(x)
        sums = sum(fitted(name).attribution(x, k) * top[:, k].reshape(-1, 1, 1, 1) for k in range(10))
        torch.testing.assert_close(sums, fitted(name).source_signal(x), rtol=0, atol=1e-5)

    def test_deleting_by_the_column_beats_chance(self, name: str):
        x = digits.split()[1].images[:200]
        curves = ta.evaluation.pixel_perturbation(
            getattr(digits, name)(), x, fitted(name).attribution, fill="zero", steps=16
        )
        assert curves.mean("morf") > curves.mean("random") + 0.15

    def test_the_contrast_tells_classes_apart(self, name: str):
        x = digits.split()[1].images[:200]
        generator = torch.Generator().manual_seed(0)
        first = torch.randint(10, (len(x),), generator=generator)
        second = (first + torch.randint(1, 10, (len(x),), generator=generator)) % 10
        units = [
            nn.functional.normalize(fitted(name).contrast(x, c).flatten(1), dim=1) for c in (first, second)
        ]
        assert float((units[0] - units[1]).norm(dim=1).mean()) > 1


@pytest.mark.parametrize(
    "options",
    [{}, {"top": "positive"}, {"bias": True}, {"local": False}, {"pool": "upsample"}, {"top": "softmax"}],
)
def test_every_read_out_is_linear_in_the_top_signal(options: dict):
    mip, x = small(**options), images(4, seed=1)
    top = mip.top_signal(x)
    columns = torch.stack([mip.attribution(x, k) for k in range(3)])
    torch.testing.assert_close(mip.source_signal(x), torch.einsum("kn...,nk->n...", columns, top))
    torch.testing.assert_close(mip.distractor(x), x - mip.source_signal(x))
    torch.testing.assert_close(mip.contrast(x, 2), columns[2] - columns.mean(0))
    torch.testing.assert_close(mip.class_signal(x, 1), columns[1] * top[:, 1].reshape(-1, 1, 1, 1))
    predicted = mip.logits(x).argmax(1)
    torch.testing.assert_close(mip.attribution(x), columns[predicted, torch.arange(4)])


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("top", ["positive", "logits", "softmax"])
def test_the_recursion_written_out_for_a_perceptron(top: str, bias: bool):
    """A slow reference: normal equations and masks layer by layer, as the formulas stand."""
    model = seeded(
        lambda: nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 4)), seed=2
    )
    data, ridge = images(50, 1, 2, 3).flatten(1), 0.01

    def values(x):
        first = model[1](model[0](x))
        second = model[3](model[2](first))
        y = model[4](second)
        return [x, first, second, {"positive": y.clamp_min(0), "logits": y, "softmax": y.softmax(1)}[top]]

    with torch.no_grad():
        x = values(data)
        assert x[3].any()
        weights, s = [], x[3]
        for below in (2, 1, 0):
            ones = torch.ones(len(s), int(bias), dtype=torch.float64)
            centred = s - s.mean(0) if bias else s
            penalty = float(ridge * centred.square().mean() * len(s)) * torch.eye(s.shape[1] + bias).double()
            if bias:
                penalty[-1, -1] = 0  # the constant is not shrunk
            a = torch.cat([s, ones], 1)
            w = torch.linalg.inv(a.mT @ a + penalty) @ a.mT @ x[below]
            weights.append(w[: s.shape[1]])
            guess = a @ w
            s = guess * ((x[below] != 0) if below else 1)
        new = images(5, 1, 2, 3, seed=1).flatten(1)
        y = values(new)
        expected = ((y[3] @ weights[0] * (y[2] != 0)) @ weights[1] * (y[1] != 0)) @ weights[2]
    mip = ta.MIPIN(model, top=top, ridge=ridge, bias=bias).fit(data)
    torch.testing.assert_close(mip.source_signal(new), expected)
    assert list(mip.layer_errors) == ["0", "2", "4"]
    torch.testing.assert_close(
        mip.layer_errors["0"], float((guess - data).square().sum() / data.square().sum())
    )


def test_an_invertible_linear_model_returns_the_input():
    model = seeded(lambda: nn.Linear(5, 5))
    x = images(80, 1, 1, 5).flatten(1)
    # without a constant: the inverse has no bias, so the model may not have one
    with torch.no_grad():
        model.bias.zero_()
    mip = ta.MIPIN(model, top="logits", ridge=1e-8).fit(x)
    torch.testing.assert_close(mip.source_signal(x), x, rtol=0, atol=1e-4)


def test_one_output_gives_the_direction_of_covariance_not_the_weight():
    x = images(200, 1, 1, 3).flatten(1) - 0.5
    x[:, 1] += 2 * x[:, 0]  # correlated inputs, of which the model reads one
    weight = torch.tensor([[1.0], [0.0], [0.0]], dtype=torch.float64)
    mip = ta.MIPIN(lambda rows: rows @ weight, top="logits", ridge=1e-12).fit(x)
    y = x @ weight
    expected = (x * y).mean(0) / y.square().mean()
    torch.testing.assert_close(mip.attribution(x[:1], 0)[0], expected)
    assert float(expected[1]) > 1.5


def test_one_number_per_row_is_one_output():
    column = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(99, 5), nn.ReLU(), nn.Linear(5, 1)))
    x = images(3, seed=1)
    read = [
        ta.MIPIN(model, top="logits").fit(images(60)).attribution(x, 0)
        for model in (column, lambda rows: column(rows)[:, 0], lambda rows: column(rows).squeeze(-1))
    ]
    assert torch.equal(read[0], read[1]) and torch.equal(read[0], read[2])
    mip = ta.MIPIN(nn.Sequential(column, nn.Flatten(0)).eval(), top="logits").fit(images(60))
    assert torch.equal(ta.attribute("mip_in", mip.model, x, fitted=mip).scores, read[0])


def test_batch_normalisation_is_a_part_of_the_convolution_before_it():
    model = seeded(Modules)
    folded = seeded(Modules)
    with torch.no_grad():
        scale = folded.norm.weight / (folded.norm.running_var + folded.norm.eps).sqrt()
        folded.a.weight *= scale.reshape(-1, 1, 1, 1)
        folded.a.bias.sub_(folded.norm.running_mean).mul_(scale).add_(folded.norm.bias)
    folded.norm = nn.Identity().eval()
    x = images(4, seed=1)
    read = [ta.MIPIN(m, top="logits", steps=STEPS).fit(images(60)).attribution(x, 0) for m in (model, folded)]
    torch.testing.assert_close(*read)


def test_functions_give_what_modules_give():
    x = images(4, seed=1)
    assert torch.equal(small().attribution(x, 1), small(Functional).attribution(x, 1))


def test_a_global_inverse_answers_by_the_output_alone_a_local_one_does_not():
    x = images(4, seed=1)
    everywhere = small(local=False, pool="upsample").attribution(x, 0)
    torch.testing.assert_close(everywhere, everywhere[:1].expand_as(everywhere))
    assert not torch.allclose(*small().attribution(x, 0)[:2])
    assert not torch.allclose(*small(local=False).attribution(x, 0)[:2])  # switches are of the example


def test_rows_are_read_independently_and_targets_take_every_form(monkeypatch: pytest.MonkeyPatch):
    mip, x, targets = small(), images(5, seed=1), [2, 0, 1, 1, 2]
    together = mip.attribution(x, targets)
    for c in (torch.tensor(targets), [(t,) for t in targets]):
        assert torch.equal(mip.attribution(x, c), together)
    alone = torch.cat([mip.attribution(x[i : i + 1], t) for i, t in enumerate(targets)])
    torch.testing.assert_close(alone, together)
    difference = mip.attribution(x, lambda y: y[:, 0] - y[:, 2])
    torch.testing.assert_close(difference, mip.attribution(x, 0) - mip.attribution(x, 2))
    monkeypatch.setitem(mip.inverses.chain.__dict__, "rows_at_a_time", 2)
    torch.testing.assert_close(mip.attribution(x, targets), together)
    with pytest.raises(TargetError, match="out of range"):
        mip.attribution(x, 3)


@pytest.mark.parametrize(("height", "width"), [(9, 11), (8, 7), (12, 12)])
def test_shapes_of_odd_sizes_and_single_rows(height: int, width: int):
    def make():
        return nn.Sequential(
            *(nn.Conv2d(2, 3, 3, stride=2), nn.ReLU(), nn.MaxPool2d(2, padding=1), nn.Conv2d(3, 4, 2)),
            *(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)),
        )

    mip = ta.MIPIN(seeded(make), steps=STEPS).fit(images(20, 2, height, width))
    x = images(1, 2, height, width, seed=1)
    for read in ("attribution", "class_signal", "contrast", "source_signal", "distractor"):
        assert mip.read_out(read, x).shape == x.shape
    assert mip.upper(x, layer="1").shape == (1, 1, height, width)


def test_upper_layers_alone_are_those_of_the_whole():
    """Above the last pool everything is solved, so that no draw tells the two apart."""
    model, x = seeded(Modules), images(3, seed=1)
    whole = ta.MIPIN(model, steps=STEPS).fit(images(60))
    part = ta.MIPIN(model, layer=model.mean).fit(images(60))
    assert list(part.layer_errors) == ["c", "d"]
    assert part.layer_errors == {name: whole.layer_errors[name] for name in ("c", "d")}
    for read in ("attribution", "contrast", "source_signal"):
        torch.testing.assert_close(part.upper(x, 1, read=read), whole.upper(x, 1, "mean", read=read))
    features = part.attribution(x, 1)
    assert features.shape == (3, 6, 2, 2)
    expected = nn.functional.interpolate(features.sum(1, keepdim=True), size=(9, 11), mode="bilinear")
    torch.testing.assert_close(part.upper(x, 1), expected)


def test_a_feature_map_is_masked_where_it_is_zero():
    model = seeded(Modules)
    features = model.relu(model.norm(model.a(images(3, seed=1))))
    signal = ta.MIPIN(model, layer="relu", steps=STEPS)
    with pytest.raises(OptionError, match="runs 3 times"):  # named after the module it is, not the call
        signal.fit(images(60))
    pooled = ta.MIPIN(model, layer="pool", steps=STEPS).fit(images(60)).source_signal(images(3, seed=1))
    zero = model.pool(features) == 0
    assert bool(zero.any())
    assert not bool(pooled[zero].any())


def test_a_residual_network_is_explained_above_its_sums():
    model, x = seeded(Residual), images(3, seed=1)
    with pytest.raises(UnsupportedLayerError, match="residual sum"):
        ta.MIPIN(model).fit(images(60))
    mip = ta.MIPIN(model, layer="block", steps=STEPS).fit(images(60))
    assert mip.upper(x, 0).shape == (3, 1, 9, 11)
    assert mip.source_signal(x).shape == (3, 4, 9, 11)


def test_the_seed_decides_everything_and_no_global_generator_moves():
    torch.manual_seed(7)
    state = torch.get_rng_state()
    first, again, other = (small(seed=seed).attribution(images(2), 0) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_at_most_so_many_examples_are_used():
    mip = ta.MIPIN(seeded(Modules), steps=STEPS, max_samples=20).fit(images(60))
    assert mip.samples == 20
    assert mip.fitted


def test_the_model_is_left_as_it_was_also_when_training_is_interrupted(monkeypatch: pytest.MonkeyPatch):
    model = seeded(Modules).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    mip = ta.MIPIN(model.eval(), steps=STEPS).fit(images(60))

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(signals, "fit_convolution", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mip.fit(images(60))
    assert not mip.fitted
    with pytest.raises(NotFittedError, match=r"call \.fit"):
        mip.source_signal(images(1))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


def test_fit_works_where_gradients_are_off_and_in_inference_mode():
    expected = small().attribution(images(2), 0)
    with torch.no_grad():
        assert torch.equal(small().attribution(images(2), 0), expected)
    with torch.inference_mode():
        torch.testing.assert_close(small().attribution(images(2), 0), expected)


def test_outputs_that_do_not_vary_are_said_to_inform_of_nothing():
    def constant(x):
        return x.flatten(1) @ torch.zeros(99, 3, dtype=torch.float64)

    with pytest.warns(ConvergenceWarning, match="outputs vary"):
        mip = ta.MIPIN(constant).fit(images(20))
    assert mip.layer_errors == {"mm": 1.0}
    assert not mip.attribution(images(2), 0).any()


def test_more_than_memory_is_refused_before_it_is_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(signals, "available", lambda needed=0: 1000)
    with pytest.raises(BudgetError, match="max_samples"):
        small()


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"top": "probability"}, "top='probability'"),
            ({"pool": "mean"}, "pool='mean'"),
            ({"ridge": 0}, "ridge=0"),
            ({"ridge": float("nan")}, "ridge=nan"),
            ({"ridge": float("inf")}, "ridge=inf"),
            ({"local": 1}, "local is a int"),
            ({"steps": 0}, "steps=0"),
            ({"max_samples": 1}, "max_samples=1"),
            ({"seed": 0.5}, "seed is a float"),
            ({"layer": 3}, "layer is a int"),
        ],
    )
    def test_options(self, options: dict, message: str):
        with pytest.raises(OptionError, match=message):
            ta.MIPIN(seeded(Modules), **options)

    def test_models(self):
        with pytest.raises(OptionError, match="not an instance"):
            ta.MIPIN(Modules)

    def test_data(self):
        mip = ta.MIPIN(seeded(Modules))
        bad = images(3)
        bad[1, 0, 2, 3] = float("nan")
        for data, error, message in (
            (images(1), ShapeError, "1 example"),
            (bad, NonFiniteError, "example 1"),
            (images(3).long(), DtypeError, "int64"),
            ((images(3), images(3)), OptionError, "one input tensor"),
            ([1.0], ShapeError, "list"),
        ):
            with pytest.raises(error, match=message):
                mip.fit(data)
            assert not mip.fitted

    def test_inputs_of_another_shape(self):
        mip = small()
        with pytest.raises(ShapeError, match=r"expected \(N, 1, 9, 11\); add the batch dimension"):
            mip.source_signal(images(1)[0])
        with pytest.raises(ShapeError, match=r"\(2, 1, 9, 10\); expected"):
            mip.source_signal(images(2, width=10))

    def test_read_outs_and_layers(self):
        mip, x = small(), images(2)
        with pytest.raises(OptionError, match="read='saliency'"):
            mip.read_out("saliency", x)
        with pytest.raises(OptionError, match="which feature map"):
            mip.upper(x, 0)
        with pytest.raises(OptionError, match="no positions|positions"):
            mip.upper(x, 0, "c")
        with pytest.raises(OptionError, match="the logits themselves"):
            mip.upper(x, 0, "d")
        with pytest.raises(OptionError, match="no layer of the inverted chain.*'drop'"):
            mip.upper(x, 0, "drop")
        with pytest.raises(OptionError, match="no layer 'poool'; did you mean"):
            mip.upper(x, 0, "poool")


class TestAttribute:
    def test_it_is_the_read_out(self):
        mip, x = small(), images(3, seed=1)
        for read in ("attribution", "contrast", "class_signal"):
            result = ta.attribute("mip_in", mip.model, x, target=[0, 1, 2], fitted=mip, read=read)
            torch.testing.assert_close(result.scores, mip.read_out(read, x, [0, 1, 2]))
        assert result.diagnostics["fitted_to"] == 60
        assert "mip_in" in ta.SYSTEMS

    def test_players_get_the_sums(self):
        mip, x = small(), images(2, height=9, width=11)
        players = ta.Players.patches(x, (3, 11))
        result = ta.attribute("mip_in", mip.model, x, target=0, fitted=mip, players=players)
        expected = mip.attribution(x, 0).reshape(2, 3, 3, 11).sum((2, 3))
        torch.testing.assert_close(result.player_scores, expected)

    def test_a_feature_map_is_shown_as_grad_cam_shows_it(self):
        mip = ta.MIPIN(seeded(Residual), layer="block", steps=STEPS).fit(images(60))
        x = images(2, seed=1)
        result = ta.attribute("mip_in", mip.model, x, target=1, fitted=mip)
        torch.testing.assert_close(result.scores, mip.upper(x, 1))
        assert result.names[0] == "block[0,0]"

    def test_without_inverses_or_with_those_of_another_model(self):
        mip, x = small(), images(2)
        with pytest.raises(OptionError, match=r"fitted=ta\.MIPIN"):
            ta.attribute("mip_in", mip.model, x, target=0)
        with pytest.raises(OptionError, match="another model"):
            ta.attribute("mip_in", seeded(Modules, seed=3), x, target=0, fitted=mip)
        with pytest.raises(NotFittedError):
            ta.attribute("mip_in", mip.model, x, target=0, fitted=ta.MIPIN(mip.model))


def test_memory_does_not_grow_with_the_number_of_layers():
    """Held are signals at one layer and values at the next, never those of the whole network."""
    x = images(3000, 1, 10, 10)

    def peak(layers: int) -> int:
        stack = [part for _ in range(layers) for part in (nn.Linear(100, 100), nn.ReLU())]
        model = seeded(lambda: nn.Sequential(nn.Flatten(), *stack, nn.Linear(100, 3)))
        return torch_peak(lambda: ta.MIPIN(model, top="logits").fit(x))

    # twelve layers more have values of twelve times the inputs' size; their weights, a tenth of it, stay
    assert peak(16) - peak(4) < 0.2 * 12 * x.numel() * x.itemsize
