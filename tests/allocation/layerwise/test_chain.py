"""Ratios of single units, chained through a network, are the methods (eq. 28-43)."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import taylorattr as ta
from taylorattr.allocation.layerwise import components
from taylorattr.allocation.layerwise.chain import WITH_RATIOS, layerwise
from taylorattr.allocation.layerwise.result import Layerwise
from taylorattr.errors import BudgetError, CaptureError, MissingRuleError, OptionError
from tests.allocation.units import Polynomial, Power
from tests.allocation.units import case as unit_case

pytestmark = [
    pytest.mark.filterwarnings("ignore::taylorattr.errors.PrecisionWarning"),
    pytest.mark.filterwarnings("ignore::taylorattr.errors.DivergenceWarning"),
]

CASES = [
    ("deeplift_rescale", {}),
    ("deeplift_reveal_cancel", {}),
    ("deeplift_reveal_cancel", {"bookkeeping": "variables"}),
    ("deep_shap", {}),
    ("deep_shap", {"components": "neuron"}),
    ("lrp_epsilon", {}),
    ("lrp_epsilon", {"epsilon": 0.0}),
    ("lrp_epsilon", {"epsilon": 0.1}),
    ("lrp_epsilon", {"constant": "share"}),
    ("lrp_alpha_beta", {}),
    ("lrp_alpha_beta", {"alpha": 1.0, "bias": "ignore"}),
    ("deep_taylor", {}),
    ("deep_taylor", {"bias": "denominator"}),
    ("deep_taylor", {"first": "w2"}),
    ("deep_taylor", {"first": "z_B", "low": -6.0, "high": 6.0}),
]
SERIES_ONLY = [case for case in CASES if case[1] != {"components": "neuron"}]
NO_BASELINE = ("lrp_epsilon", "lrp_alpha_beta", "deep_taylor")


def label(case):
    return "-".join([case[0], *(f"{k}={v}" for k, v in case[1].items())]) if isinstance(case, tuple) else None


def dense(activation, widths=(5, 7, 6, 3), bias=True, seed=3):
    torch.manual_seed(seed)
    layers = []
    for before, after in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(before, after, bias=bias), activation]
    return nn.Sequential(*layers[:-1]).double().eval()


class Convolutions(nn.Module):
    """Convolution, BatchNorm, ReLU, a pool with overlaps and padding, another convolution."""

    def __init__(self, pool):
        super().__init__()
        torch.manual_seed(1)
        self.first, self.norm = nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.pool, self.second, self.out = pool, nn.Conv2d(3, 4, 3, stride=2), nn.Linear(4, 3)
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 2)
        self.double().eval()

    def forward(self, x):
        h = self.pool(F.relu(self.norm(self.first(x))))
        return self.out(F.softplus(self.second(h)).flatten(1)[:, :4])


class Residual(nn.Module):
    """Sums, differences, a value read three times, concatenation, a constant factor."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.a, self.b, self.out = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(10, 3)
        self.double().eval()

    def forward(self, x):
        h = torch.relu(self.a(x))
        g = torch.tanh(self.b(h)) - 0.5 * h
        return self.out(F.leaky_relu(torch.cat([g, h], 1)) * 2.0)


def points(*shape, seed=4):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *s: torch.randn(*s, generator=generator, dtype=torch.float64)  # noqa: E731
    return draw(3, *shape), 0.5 * draw(1, *shape)


def both(case, model, x, b, target=None, **options):
    """The layer-wise form and the method's own scores."""
    method, given = case
    args = () if method in NO_BASELINE else (b,)
    target = [0, 2, 1] if target is None else target
    found = layerwise(method, model, x, *args, target=target, **given, **options)
    direct = ta.attribute(method, model, x, *args, target=target, dtype=torch.float64, **given).player_scores
    return found, direct


def assert_equal(found, direct, tolerance=1e-9):
    """1e-9 of the largest score: the two chains round differently and relevance cancels on the way."""
    error = float((found - direct).abs().max() / direct.abs().max())
    assert error <= tolerance, f"off by {error:.1e} of the largest score"


@pytest.mark.parametrize("case", CASES, ids=label)
@pytest.mark.parametrize("activation", [nn.ReLU(), nn.Tanh(), nn.Softplus(), nn.GELU(), nn.ELU(), nn.SiLU()])
def test_the_chain_is_the_method_on_dense_networks(case, activation):
    found, direct = both(case, dense(activation), *points(5))
    assert_equal(found.total, direct)
    inside = (found.scores - direct).abs() <= found.tail.abs() + 1e-9 * direct.abs().max()
    assert bool(inside.all())


@pytest.mark.parametrize("case", SERIES_ONLY, ids=label)
def test_the_chain_is_the_method_on_convolutions(case):
    found, direct = both(case, Convolutions(nn.AvgPool2d(2)), *points(1, 7, 7))
    assert_equal(found.total, direct)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_the_chain_is_the_method_on_a_graph(case):
    found, direct = both(case, Residual(), *points(5))
    assert_equal(found.total, direct)


@pytest.mark.parametrize("case", SERIES_ONLY, ids=label)
def test_maxima_by_winners_or_as_components(case):
    model = Convolutions(nn.MaxPool2d(3, 2, 1, ceil_mode=True))
    found, direct = both(case, model, *points(1, 7, 7))
    assert_equal(found.total, direct)
    assert any(layer.kind == "maximum" for layer in found.layers)


def all_kinds(t):
    """Reductions over some and all dimensions, pairs, minima, a pool of three dimensions."""
    square = t.reshape(-1, 2, 3, 2)
    pairs = torch.maximum(t[:, :4], t[:, 4:8]).sum(1) - torch.minimum(t[:, :6], t[:, 6:]).sum(1)
    rows = square.amax((1, 3)).sum(1) + 2 * square.min(2).values.sum((1, 2)) + t.amax(1) - t.amin(1)
    return pairs + rows + F.adaptive_max_pool2d(square, 2).sum((1, 2, 3))


@pytest.mark.parametrize("case", [c for c in SERIES_ONLY if c[0] not in NO_BASELINE], ids=label)
def test_every_kind_of_maximum(case):
    x, b = points(12)
    found = layerwise(case[0], all_kinds, x, b, **case[1])
    direct = ta.attribute(case[0], all_kinds, x, b, dtype=torch.float64, **case[1]).player_scores
    assert_equal(found.total, direct)


@pytest.mark.parametrize("case", SERIES_ONLY, ids=label)
def test_polynomial_units_need_no_tail(case):
    found, direct = both(case, dense(Power(3)), *points(5), order=3)
    assert_equal(found.scores, direct)
    assert bool(found.exact.all())
    units = [layer for layer in found.layers if layer.kind == "unit"]
    assert all(int(u.secant_units.sum()) == 0 for u in units)


@pytest.mark.parametrize(
    ("method", "options", "rule", "quantities"),
    [
        ("deeplift_rescale", {}, "deeplift_rescale", ""),
        ("deeplift_reveal_cancel", {}, "deeplift_reveal_cancel", "u"),
        ("lrp_epsilon", {"epsilon": 0.1}, "lrp_epsilon", "u c epsilon"),
        ("lrp_alpha_beta", {}, "lrp_alpha_beta/bias", "u c"),
        ("lrp_alpha_beta", {"bias": "ignore"}, "lrp_alpha_beta", "u"),
        ("deep_taylor", {}, "deep_taylor", "u"),
        ("deep_taylor", {"bias": "denominator"}, "deep_taylor/bias", "u c"),
        ("deep_taylor", {"first": "w2"}, "deep_taylor/w2", "w"),
    ],
)
@pytest.mark.parametrize("order", [1, 3, 6])
def test_one_unit_is_the_rule_on_its_truncated_effects(method, options, rule, quantities, order):
    """The closed sums by groups are Σ_{|κ| ≤ K} w(κ)I(κ), term by term: what truncation leaves out too."""
    unit = unit_case(nn.Tanh(), 4, seed=6, bias=0.3, baseline="deeplift" in method, reach=0.9)
    given = {"u": unit.u, "c": 0.3, "epsilon": 0.1, "w": unit.w}
    context = {name: given[name] for name in quantities.split()}
    allocated = ta.allocate(rule, unit.effects(order), context)
    args = (unit.b,) if "deeplift" in method else ()
    found = layerwise(method, unit.unit, unit.x, *args, order=order, **options)
    assert_equal(found.scores, allocated.player_scores, 1e-12)
    assert float(found.tail_share.min()) > 0
    sums = [layer for layer in found.layers if layer.kind == "unit"]
    assert all(int(u.secant_units.sum()) == 0 for u in sums)


def test_a_network_of_sums_of_powers():
    found, direct = both(("deeplift_rescale", {}), dense(Polynomial(0.5, 0.3, -0.1)), *points(5), order=3)
    assert_equal(found.scores, direct)


@pytest.mark.parametrize("case", SERIES_ONLY, ids=label)
@pytest.mark.parametrize("width", [8, 32, 128])
def test_the_tail_shrinks_with_the_order(case, width):
    """Small weights keep every unit inside its radius."""
    model = dense(nn.Softplus(), widths=(5, width, width, 1))
    for layer in model[:-1]:
        if isinstance(layer, nn.Linear):
            layer.weight.data *= 0.5
    x, b = points(5)
    args = () if case[0] in NO_BASELINE else (b,)
    shares = [layerwise(case[0], model, x, *args, order=k, **case[1]).tail_share for k in (2, 6, 10)]
    assert bool((shares[2] <= 0.1 * shares[1]).all() and (shares[1] <= 0.1 * shares[0]).all())
    assert bool((shares[0] > 0).all())


@pytest.mark.parametrize(("activation", "name"), [(nn.ReLU(), "relu"), (nn.Tanh(), "tanh")])
def test_records_say_what_each_layer_did(activation, name):
    found, _ = both(("deeplift_rescale", {}), dense(activation), *points(5))
    units = [layer for layer in found.layers if layer.kind == "unit"]
    assert [u.operation for u in units] == [name, name]
    assert [u.module for u in units] == ["1", "1"]  # one module used twice
    assert [u.units for u in units] == [6, 7]
    assert all(u.inputs_of == "addmm" and u.rule == "deeplift_rescale" and "m" in u.ratio for u in units)
    for layer in found.layers:  # difference rules lose nothing anywhere
        torch.testing.assert_close(layer.relevance_out, layer.relevance_in)
        torch.testing.assert_close(layer.relevance_out, found.f_input - found.f_baseline)
    for unit in units:
        assert bool((unit.series_units + unit.secant_units == unit.units).all())
        accounted = unit.by_order.sum(1) + unit.tail + unit.secant
        torch.testing.assert_close(accounted, unit.relevance_out)


@pytest.mark.parametrize("case", [c for c in CASES if c[0] not in NO_BASELINE], ids=label)
def test_difference_rules_lose_nothing_at_any_operation(case):
    found, _ = both(case, Residual(), *points(5))
    for layer in found.layers:
        torch.testing.assert_close(layer.relevance_out, layer.relevance_in)
    for layer in found.layers:
        if layer.kind == "unit" and layer.rule != "deep_shap":
            accounted = layer.by_order.sum(1) + layer.tail + layer.secant
            torch.testing.assert_close(accounted, layer.relevance_out)


@pytest.mark.parametrize("case", [c for c in CASES if c[0] in NO_BASELINE], ids=label)
def test_relevance_rules_account_for_all_they_get(case):
    found, _ = both(case, Residual(), *points(5))
    for layer in found.layers:
        kept = layer.bias_loss + layer.empty_loss + layer.epsilon_loss
        torch.testing.assert_close(layer.relevance_out, layer.relevance_in + kept)
        if layer.kind == "unit":
            accounted = layer.constant + layer.by_order.sum(1) + layer.tail + layer.secant
            torch.testing.assert_close(accounted, layer.relevance_out)


def test_a_switching_relu_is_shared_in_closed_form():
    model = nn.Sequential(nn.Linear(2, 1), nn.ReLU()).double().eval()
    model[0].weight.data[:], model[0].bias.data[:] = torch.tensor([[1.0, 2.0]]), -1.0
    x = torch.tensor([[1.0, 1.0], [0.1, 0.2]]).double()
    found = layerwise("deeplift_rescale", model, x)
    (unit,) = [layer for layer in found.layers if layer.kind == "unit"]
    assert unit.secant_units.tolist() == [1, 0] and unit.secant_share.tolist() == [1.0, 0.0]
    torch.testing.assert_close(found.scores, torch.tensor([[2 / 3, 4 / 3], [0.0, 0.0]]).double())


def test_relevance_lost_to_biases_is_named():
    """Eq. (32): ΣR = f − Σ bias shares."""
    found, direct = both(("lrp_epsilon", {"epsilon": 0.01}), dense(nn.ReLU()), *points(5))
    lost = found.bias_loss + found.epsilon_loss
    torch.testing.assert_close(found.f_input - direct.sum(1), lost)
    assert float(found.epsilon_loss.abs().max()) > 0


def test_what_empty_groups_lose_is_named():
    """Eq. (38): relu(1 − x1) at ½ under z⁺ loses everything."""
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU()).double().eval()
    model[0].weight.data[:], model[0].bias.data[:] = -1.0, 1.0
    found = layerwise("deep_taylor", model, torch.full((1, 1), 0.5).double())
    assert found.scores.tolist() == [[0.0]] and found.empty_loss.tolist() == [0.5]
    found, direct = both(("lrp_alpha_beta", {}), dense(nn.Tanh()), *points(5))
    lost = found.bias_loss + found.empty_loss + found.epsilon_loss
    torch.testing.assert_close(found.f_input - direct.sum(1), lost)


def test_the_constant_of_a_unit_is_said():
    """relu(x1 + 1) at 1 under z⁺: 2, of which I(0) = 1 is nobody's effect, eq. (38)."""
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU()).double().eval()
    model[0].weight.data[:], model[0].bias.data[:] = 1.0, 1.0
    found = layerwise("deep_taylor", model, torch.ones(1, 1).double())
    assert found.scores.tolist() == [[2.0]]
    assert [float(u.constant) for u in found.layers if u.kind == "unit"] == [1.0]


def test_orders_of_one_unit():
    """tanh at 0: odd orders only, s_3 = −1/3."""
    model = nn.Sequential(nn.Linear(2, 1, bias=False), nn.Tanh()).double().eval()
    model[0].weight.data[:] = torch.tensor([[0.3, 0.2]])
    found = layerwise("deeplift_rescale", model, torch.ones(1, 2).double(), order=4)
    (unit,) = [layer for layer in found.layers if layer.kind == "unit"]
    expected = torch.tensor([[0.5, 0.0, -(0.5**3) / 3, 0.0]]).double()
    torch.testing.assert_close(unit.by_order, expected)
    torch.testing.assert_close(unit.tail, math.tanh(0.5) - expected.sum(1))
    torch.testing.assert_close(found.scores, expected.sum() * torch.tensor([[0.6, 0.4]]).double())


def test_players_group_elements_and_references_are_averaged():
    model, (x, b) = dense(nn.Tanh()), points(5)
    grouped = layerwise("deeplift_rescale", model, x, b, target=0, players=[[0, 1], [2], [3, 4]])
    single = layerwise("deeplift_rescale", model, x, b, target=0)
    torch.testing.assert_close(grouped.scores[:, 0], single.scores[:, :2].sum(1))
    references = torch.cat([b, -b, 2 * b])
    found = layerwise("deep_shap", model, x, references, target=0)
    direct = ta.attribute("deep_shap", model, x, references, target=0, dtype=torch.float64).player_scores
    assert_equal(found.total, direct)
    assert found.diagnostics["references"] == 3


def test_a_wrong_ratio_is_caught():
    model, (x, b) = dense(nn.Tanh()), points(5)
    direct = ta.attribute("deeplift_reveal_cancel", model, x, b, target=0, dtype=torch.float64).player_scores
    with pytest.raises(AssertionError, match="off by"):
        assert_equal(layerwise("deeplift_rescale", model, x, b, target=0).total, direct)


def test_result_is_saved_and_read(tmp_path):
    found, _ = both(("lrp_epsilon", {}), dense(nn.Tanh()), *points(5))
    found.save(tmp_path / "layers.npz")
    again = Layerwise.load(tmp_path / "layers.npz")
    torch.testing.assert_close(again.scores, found.scores)
    assert repr(again) == repr(found) and again.layers[0].operation == found.layers[0].operation


def test_the_summary_reads_from_output_to_input():
    found, _ = both(("lrp_epsilon", {}), dense(nn.Tanh()), *points(5))
    lines = repr(found).splitlines()
    assert lines[0].startswith("Layerwise lrp_epsilon, terms to order 8, 5 players")
    assert "addmm" in lines[1] and "bias" in lines[1]
    assert "tanh ×6" in lines[2] and "U·κᵢ/(d·m)" in lines[2]


def test_what_has_no_ratio_is_refused_by_name():
    x, b = points(4)
    with pytest.raises(MissingRuleError, match="mul.*a product of activations"):
        layerwise("deeplift_rescale", lambda t: (t * t.tanh()).sum(1), x, b)
    with pytest.raises(MissingRuleError, match="_softmax"):
        layerwise("deeplift_rescale", lambda t: torch.softmax(t, 1)[:, 0], x, b)
    with pytest.raises(MissingRuleError, match="frac"):
        layerwise("deeplift_rescale", lambda t: t.frac().sum(1), x, b)
    with pytest.raises(CaptureError, match="has no Taylor rule"):
        layerwise("deeplift_rescale", lambda t: torch.special.i1(t).sum(1), x, b)


def test_options_are_checked():
    x, b = points(5)
    model = dense(nn.Tanh())
    with pytest.raises(OptionError, match="no layer-wise form"):
        layerwise("shapley", model, x)
    with pytest.raises(OptionError, match="has no option 'epsilon'"):
        layerwise("deeplift_rescale", model, x, epsilon=1)
    with pytest.raises(OptionError, match="expected 'parts' or 'variables'"):
        layerwise("deeplift_reveal_cancel", model, x, bookkeeping="both")
    with pytest.raises(OptionError, match="against 0"):
        layerwise("lrp_epsilon", model, x, b)
    with pytest.raises(OptionError, match="α − β = 1"):
        layerwise("lrp_alpha_beta", model, x, beta=3.0)
    with pytest.raises(OptionError, match="integer ≥ 1"):
        layerwise("deeplift_rescale", model, x, order=0)
    with pytest.raises(OptionError, match="pass low= and high="):
        layerwise("deep_taylor", model, x, target=[0, 1, 2], first="z_B")
    wide = dense(nn.Tanh(), widths=(5, 13, 13, 1))
    with pytest.raises(OptionError, match="13 inputs.*linear_activation"):
        layerwise("deep_shap", wide, x, b, components="neuron")


def test_a_matrix_too_large_to_split_by_sign(monkeypatch):
    monkeypatch.setattr(components, "MATRIX_ENTRIES", 10)
    with pytest.raises(BudgetError, match="addmm in module"):
        layerwise("lrp_alpha_beta", dense(nn.Tanh()), points(5)[0], target=0)


def test_options_and_defaults_are_those_of_the_methods():
    x, _ = points(2)
    for method, names in WITH_RATIOS.items():
        known = ta.METHODS[method].options
        used = layerwise(method, nn.Linear(2, 1).double().eval(), x).options
        expected = {name: known[name] for name in names}
        if method == "lrp_alpha_beta":
            expected["beta"] = expected["alpha"] - 1  # None stands for it
        assert used == expected


RATIOS_BY_OPTION = [
    ("lrp_epsilon", {}, "lrp_epsilon"),
    ("lrp_alpha_beta", {}, "lrp_alpha_beta/bias"),
    ("lrp_alpha_beta", {"bias": "ignore"}, "lrp_alpha_beta"),
    ("deep_taylor", {}, "deep_taylor"),
    ("deep_taylor", {"bias": "denominator"}, "deep_taylor/bias"),
    ("deep_shap", {}, "deep_shap/linear_activation"),
    ("deeplift_reveal_cancel", {}, "deeplift_reveal_cancel"),
]


@pytest.mark.parametrize(("method", "options", "ratio"), RATIOS_BY_OPTION)
def test_every_layer_names_the_ratio_that_its_options_mean(method, options, ratio):
    found = layerwise(method, dense(nn.Tanh()), points(5)[0], target=0, **options)
    named = {layer.rule for layer in found.layers if layer.rule}
    assert named == {ratio}
    assert all(layer.ratio == ta.RULES[ratio].formula for layer in found.layers if layer.rule)


@pytest.mark.parametrize("method", NO_BASELINE)
def test_units_are_counted_for_one_example(method):
    found = layerwise(method, dense(nn.Tanh()), points(5)[0], target=0)
    sums = [layer.units for layer in found.layers if layer.kind == "sum" and layer.operation == "addmm"]
    assert sums == [3, 6, 7]  # from the output down, of three examples
