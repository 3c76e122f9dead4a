import math

import pytest
import torch
from torch import nn

from taylorattr.errors import OptionError
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
