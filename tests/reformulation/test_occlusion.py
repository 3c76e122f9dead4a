"""More players than coalitions can be counted for."""

import pytest
import torch

import taylorattr as ta
from tests.allocation.networks import relu_network
from tests.reformulation.networks import at

N = 16


def smooth(n=N):
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(6, n, generator=generator, dtype=torch.float64) * 0.12

    class Smooth(torch.nn.Module):
        def forward(self, x):
            return torch.tanh(x @ w.T + 0.2).sum(1)

    return Smooth().eval()


@pytest.mark.parametrize("name", ["occlusion_1", "prediction_difference"])
@pytest.mark.parametrize("model", [smooth(), relu_network(N)])
def test_each_player_alone_at_the_input_is_exact(name, model):
    baselines = at(N, batch=3, seed=4) if name == "prediction_difference" else None
    found = ta.reformulate(name, model, at(N), baselines, max_players=8)
    assert found.rule == "occlusion_1/input"
    assert found.explained.all() and float(found.difference.abs().max()) <= 1e-12
    assert len(found.effects[0].coalitions) == N + 1
    assert any("n + 1 outputs are enough" in remark for remark in found.remarks)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("occlusion_1", {"frame": "baseline"}),
        ("occlusion_patch", {"window": 4, "stride": 2}),
        ("occlusion_patch", {"window": 4, "overlap": "shared"}),
        ("prediction_difference", {"frame": "baseline"}),
    ],
)
def test_terms_in_place_of_coalitions_within_the_bound(name, options):
    baselines = at(N, seed=4, scale=0.1) if name == "prediction_difference" else None
    sizes = []
    for order in (1, 3):
        found = ta.reformulate(name, smooth(), at(N), baselines, order=order, max_players=8, **options)
        assert found.explained.all(), found
        sizes.append(float(found.difference.abs().max()))
        assert float(found.allowed.max()) <= 100 * sizes[-1]
    assert sizes[-1] < 0.3 * sizes[0]


def test_shapley_values_of_many_players_say_what_is_not_known():
    found = ta.reformulate("shapley", smooth(), at(N), order=3, max_players=8)
    assert not found.explained.any()
    assert found.errors["truncation"].isnan().all()
    assert float(found.relative_difference.max()) < 1e-2
    assert "truncation not bounded" in str(found)
    assert any("group the inputs with players=" in remark for remark in found.remarks)


def test_sampled_shapley_values_within_their_standard_errors():
    model = relu_network(6)
    found = ta.reformulate("shapley", model, at(6), algorithm="permutation", samples=200)
    assert found.explained.all() and float(found.difference.abs().max()) > 1e-6


def test_windows_of_an_image_say_what_to_do():
    image = at(64).reshape(2, 1, 8, 8)
    model = torch.nn.Sequential(torch.nn.Flatten(), relu_network(64)).eval()
    found = ta.reformulate("occlusion_patch", model, image, order=1, window=4, stride=2)
    assert not found.explained.all()
    assert any("windows that do not overlap can be the players themselves" in r for r in found.remarks)
    patches = ta.Players.patches(image, (2, 4))
    exact = ta.reformulate("occlusion_1", model, image, players=patches)
    assert exact.rule == "occlusion_1" and exact.explained.all()
