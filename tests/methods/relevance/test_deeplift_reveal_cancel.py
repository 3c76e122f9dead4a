import math
import warnings

import mpmath
import pytest
import torch
from torch import nn

from taylorattr.errors import NonFiniteError, OptionError
from taylorattr.methods.method import attribute
from tests.methods.relevance.networks import POOLS, D, convolutional, draw, seeded

POINT = torch.tensor([[10.0, 6.0]], dtype=D)

CONSTRUCTIONS = {
    "min by relu": (lambda x: x[:, 0] - (x[:, 0] - x[:, 1]).relu(), [3, 3], [0, 6]),
    "min": (lambda x: torch.minimum(x[:, 0], x[:, 1]), [3, 3], [0, 6]),
    "min by abs": (lambda x: (x.sum(1) - (x[:, 0] - x[:, 1]).abs()) / 2, [3, 3], [0, 6]),
    "amin": (lambda x: x.amin(1), [3, 3], [0, 6]),
    "max by relu": (lambda x: x[:, 1] + (x[:, 0] - x[:, 1]).relu(), [7, 3], [10, 0]),
    "amax": (lambda x: x.amax(1), [7, 3], [10, 0]),
    "distance": (lambda x: (x[:, 0] - x[:, 1]).abs(), [4, 0], [10, -6]),
}


@pytest.mark.parametrize("bookkeeping", ["parts", "variables"])
@pytest.mark.parametrize("name", CONSTRUCTIONS)
def test_min_max_and_distance_get_their_shapley_values_however_they_are_built(name, bookkeeping):
    """The AND/OR examples that motivated the method; Rescale gives everything to one input."""
    model, revealed, rescaled = CONSTRUCTIONS[name]
    result = attribute("deeplift_reveal_cancel", model, POINT, bookkeeping=bookkeeping)
    torch.testing.assert_close(result.player_scores, torch.tensor([revealed], dtype=D))
    shapley = attribute("shapley", model, POINT).player_scores
    torch.testing.assert_close(result.player_scores, shapley)
    plain = attribute("deeplift_rescale", model, POINT).player_scores
    torch.testing.assert_close(plain, torch.tensor([rescaled], dtype=D))


UNITS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": torch.nn.functional.gelu,
    "softplus": torch.nn.functional.softplus,
    "sigmoid": torch.sigmoid,
    "abs": torch.abs,
}


@pytest.mark.parametrize("name", UNITS)
def test_one_unit_is_the_pairwise_definition(name):
    """Eq. (41): Δy⁺ = ½[σ(z⁰+P) − σ(z⁰)] + ½[σ(z⁰+P+Q) − σ(z⁰+Q)], shared by u_i/P."""
    unit, w, c = UNITS[name], draw(5), 0.3
    x, b = draw(3, 5), draw(1, 5, seed=4)
    got = attribute("deeplift_reveal_cancel", lambda x: unit(x @ w + c), x, b).player_scores
    z0, u = b @ w + c, w * (x - b)
    p, q = u.clamp(min=0).sum(1), u.clamp(max=0).sum(1)
    up = (unit(z0 + p) - unit(z0) + unit(z0 + p + q) - unit(z0 + q)) / 2
    down = (unit(z0 + q) - unit(z0) + unit(z0 + p + q) - unit(z0 + p)) / 2
    expected = torch.where(u > 0, u * (up / p)[:, None], u * (down / q)[:, None])
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-13)  # midpoints of short chords


def networks(depth):
    def build():
        parts = []
        for _ in range(depth):
            parts += [nn.Linear(5, 5), nn.Tanh()]
        return nn.Sequential(*parts, nn.Linear(5, 1))

    return seeded(build)


@pytest.mark.parametrize(("depth", "same"), [(1, True), (2, False)])
def test_bookkeepings_agree_with_one_hidden_layer_and_differ_with_two(depth, same):
    """Eq. (42)."""
    scores = [
        attribute(
            "deeplift_reveal_cancel", networks(depth), draw(3, 5), draw(1, 5), bookkeeping=k
        ).player_scores
        for k in ("parts", "variables")
    ]
    assert torch.allclose(*scores, rtol=1e-11, atol=1e-13) == same


def test_a_square_root_left_by_a_part_falls_back_to_the_plain_secant():
    """z⁰ + Δ⁻ < 0 for √: both parts get the same slope, and nothing is NaN."""
    w = torch.tensor([1.0, -1.0], dtype=D)
    x, b = torch.tensor([[10.0, 9.0]], dtype=D), torch.zeros(1, 2, dtype=D)
    result = attribute("deeplift_reveal_cancel", lambda x: (x @ w + 1).sqrt(), x, b)
    slope = (math.sqrt(2) - 1) / 1
    torch.testing.assert_close(result.player_scores, torch.tensor([[10 * slope, -9 * slope]], dtype=D))


def test_folding_two_dense_layers_makes_them_one_group():
    model = seeded(lambda: nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 1)))
    one = nn.Linear(4, 3).to(D)
    one.weight.data = model[1].weight.data @ model[0].weight.data
    one.bias.data = model[1].weight.data @ model[0].bias.data + model[1].bias.data
    product = nn.Sequential(one, *model[2:]).eval()
    x = draw(3, 4)
    merged = attribute("deeplift_reveal_cancel", model, x, merge=True).player_scores
    torch.testing.assert_close(
        merged, attribute("deeplift_reveal_cancel", product, x).player_scores, rtol=1e-11, atol=1e-13
    )
    assert not torch.allclose(merged, attribute("deeplift_reveal_cancel", model, x).player_scores)


def test_a_rule_of_ones_own_counts_as_one_variable():
    model, x = networks(2), draw(3, 5)

    def secant(site, m):
        return m * (site.y - site.y0) / (site.x[0] - site.b[0])

    result = attribute("deeplift_reveal_cancel", model, x, draw(1, 5), rules={"tanh": secant})
    assert (result.gap.abs() < 1e-13 * result.player_scores.abs().sum(1)).all()


def test_convolutions_pools_and_batch_norm_are_complete():
    model, x = convolutional(*POOLS["k3 s2 padded ceil"]), draw(2, 2, 13, 13)
    for bookkeeping in ("parts", "variables"):
        for merge in (False, True):
            result = attribute(
                "deeplift_reveal_cancel", model, x, target=1, bookkeeping=bookkeeping, merge=merge
            )
            assert (result.gap.abs() < 1e-12 * result.player_scores.abs().sum(1)).all()
            assert result.diagnostics["bookkeeping"] == bookkeeping


def test_an_unknown_bookkeeping_is_refused():
    with pytest.raises(OptionError, match="expected 'parts' or 'variables'"):
        attribute("deeplift_reveal_cancel", networks(1), draw(1, 5), bookkeeping="groups")


def he(network):
    """He's initialisation keeps the size of the values from layer to layer; that of the parts grows."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
    return network


def deep(activation):
    """Eight convolutions, three overlapping or plain max-pools, a head of two layers."""
    layers, widths = [], [3, 8, 8, 16, 16, 24, 24, 24, 24]
    for i, (before, after) in enumerate(zip(widths, widths[1:], strict=False)):
        layers += [nn.Conv2d(before, after, 3, padding=1), activation()]
        if i in (1, 3, 5):
            layers.append(nn.MaxPool2d(3, 2, 1) if i == 3 else nn.MaxPool2d(2))
    head = [nn.Flatten(), nn.Linear(24 * 9, 32), activation(), nn.Linear(32, 2)]
    return seeded(lambda: he(nn.Sequential(*layers, *head)))


@pytest.mark.parametrize("bookkeeping", ["parts", "variables"])
@pytest.mark.parametrize(
    ("activation", "max_rule"),
    [(nn.ReLU, "shapley"), (nn.ReLU, "winners"), (nn.GELU, "shapley"), (nn.Softplus, "path")],
)
def test_deep_networks_are_complete(activation, max_rule, bookkeeping):
    """To rounding, although the parts are 1e6 times the scores and more: nothing that large is subtracted."""
    model, x = deep(activation), draw(2, 3, 24, 24)
    for b in (None, draw(1, 3, 24, 24, seed=2)):
        result = attribute(
            "deeplift_reveal_cancel", model, x, b, target=0, bookkeeping=bookkeeping, max_rule=max_rule
        )
        assert (result.gap.abs() <= 1e-13 * result.scores.abs().flatten(1).sum(1)).all()
        assert (result.diagnostics["parts_over_scores"] > 1e6) == (bookkeeping == "parts")
        assert "incomplete" not in result.diagnostics


@pytest.mark.parametrize("bookkeeping", ["parts", "variables"])
def test_single_precision_is_complete_and_agrees_with_double(bookkeeping):
    """To some hundred eps of float32; without a warning."""
    model, x = deep(nn.ReLU), draw(2, 3, 24, 24)
    double = attribute("deeplift_reveal_cancel", model, x, target=0, bookkeeping=bookkeeping).scores
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        single = attribute(
            "deeplift_reveal_cancel", model.float(), x.float(), target=0, bookkeeping=bookkeeping
        )
    assert (single.gap.abs() <= 1e-5 * single.scores.abs().flatten(1).sum(1)).all()
    assert (single.scores - double).abs().max() <= 1e-4 * double.abs().max()


def literal(layers, x, b, unit, bookkeeping):
    """The two parts and their two multipliers as the definition has them; an effect of 0 takes their mean."""
    matrices = [mpmath.matrix(w.tolist()) for w, _ in layers]
    n = len(x)
    plus = [max(mpmath.mpf(a) - mpmath.mpf(c), 0) for a, c in zip(x, b, strict=True)]
    minus = [min(mpmath.mpf(a) - mpmath.mpf(c), 0) for a, c in zip(x, b, strict=True)]
    start, units = (plus, minus), []
    at_b = [mpmath.mpf(c) for c in b]
    for depth, (w, (_, bias)) in enumerate(zip(matrices, layers, strict=True)):
        z0 = [sum(w[j, i] * at_b[i] for i in range(w.cols)) + bias[j].item() for j in range(w.rows)]
        pairs = [
            [sum(max(w[j, i] * part[i], 0) for part in (plus, minus) for i in range(w.cols)),
             sum(min(w[j, i] * part[i], 0) for part in (plus, minus) for i in range(w.cols))]
            for j in range(w.rows)
        ]  # fmt: skip
        if depth == len(matrices) - 1:
            break
        plus, minus, slopes, labels = [], [], [], []
        for c, (up, down) in zip(z0, pairs, strict=True):
            h_up = (unit(c + up) - unit(c) + unit(c + up + down) - unit(c + down)) / 2
            h_down = (unit(c + down) - unit(c) + unit(c + up + down) - unit(c + up)) / 2
            empty = mpmath.mpf((c > 0) + (c + up + down > 0)) / 2  # only a value that stays at 0 meets it
            slopes.append((h_up / up if up else empty, h_down / down if down else empty))
            if bookkeeping == "variables":
                h_up, h_down = unit(c + up + down) - unit(c), mpmath.mpf(0)  # not their sum: 0 is 0
                labels.append((mpmath.sign(h_up), mpmath.sign(h_up)))
            else:
                labels.append((mpmath.sign(h_up), mpmath.sign(h_down)))
            plus.append(max(h_up, 0) + max(h_down, 0))
            minus.append(min(h_up, 0) + min(h_down, 0))
        units.append((slopes, labels))
        at_b = [unit(c) for c in z0]
    m_plus = m_minus = [mpmath.mpf(1)]
    for depth in reversed(range(len(matrices))):
        w = matrices[depth]
        if depth < len(units):
            slopes, labels = units[depth]
            pick = [[p if label > 0 else q if label < 0 else (p + q) / 2 for label in pair]
                    for pair, p, q in zip(labels, m_plus, m_minus, strict=True)]  # fmt: skip
            m_plus = [q[0] * m[0] for q, m in zip(slopes, pick, strict=True)]
            m_minus = [q[1] * m[1] for q, m in zip(slopes, pick, strict=True)]
        kept = [(m_plus[j], m_minus[j]) for j in range(w.rows)]
        m_plus, m_minus = (
            [sum(w[j, i] * kept[j][side if w[j, i] > 0 else 1 - side] for j in range(w.rows))
             for i in range(w.cols)]
            for side in (0, 1)
        )  # fmt: skip
    return [float(m_plus[i] * start[0][i] + m_minus[i] * start[1][i]) for i in range(n)]


def softplus(z):
    return mpmath.log1p(mpmath.exp(-abs(z))) + max(z, 0)


@pytest.mark.parametrize("bookkeeping", ["parts", "variables"])
@pytest.mark.parametrize(
    ("module", "unit"),
    [(nn.ReLU, lambda z: max(z, mpmath.mpf(0))), (nn.Softplus, softplus), (nn.Tanh, mpmath.tanh)],
)
def test_deep_scores_are_those_of_the_definition_in_sixty_digits(module, unit, bookkeeping):
    """Twelve layers: the parts of the output are 1e4 (ReLU) times the scores."""

    def build():
        layers = []
        for _ in range(12):
            layers += [nn.Linear(10, 10), module()]
        return he(nn.Sequential(*layers, nn.Linear(10, 1)))

    model, x, b = seeded(build), draw(1, 10), draw(1, 10, seed=6)
    layers = [(m.weight.detach(), m.bias.detach()) for m in model if isinstance(m, nn.Linear)]
    with mpmath.workdps(60):
        expected = torch.tensor(literal(layers, x[0].tolist(), b[0].tolist(), unit, bookkeeping), dtype=D)
    got = attribute("deeplift_reveal_cancel", model, x, b, bookkeeping=bookkeeping)
    # midpoints of chords shorter than eps^(1/3) leave 1e-11
    torch.testing.assert_close(
        got.player_scores[0], expected, rtol=0, atol=1e-10 * float(expected.abs().sum())
    )


def test_parts_beyond_the_dtype_are_refused_by_name():
    """Each layer multiplies A by 1e4 and cancels Δ: 1e40 is no float32, but a float64."""

    class Cancelling(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(10))
            for layer in self.layers:
                layer.weight.data = torch.tensor([[1e4, -1e4], [1e4, -1e4]])
                layer.bias.data = torch.tensor([1.0, 1.0])

        def forward(self, x):
            for layer in self.layers:
                x = layer(x).relu()
            return x.sum(1)

    x, b = torch.tensor([[1.0, 0.9]]), torch.zeros(1, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # f(x) − f(b) is 0
        with pytest.raises(
            NonFiniteError, match=r"outgrow torch.float32 at .*layers\.\d.*bookkeeping='variables'"
        ):
            attribute("deeplift_reveal_cancel", Cancelling(), x, b)
        result = attribute("deeplift_reveal_cancel", Cancelling().double(), x.double(), b.double())
    assert result.scores.isfinite().all()
