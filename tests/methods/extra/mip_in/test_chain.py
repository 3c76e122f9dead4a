"""The layers read off a model, and what is refused."""

import pytest
import torch
from torch import nn

from taylorattr.errors import (
    CaptureError,
    ModelError,
    OptionError,
    ShapeError,
    TrainingModeWarning,
    UnsupportedLayerError,
)
from taylorattr.methods.extra.mip_in.chain import read_chain
from tests.methods.extra.mip_in.networks import (
    Attention,
    Functional,
    Joined,
    Modules,
    Residual,
    images,
    seeded,
)


def kinds(chain) -> list[str]:
    return [layer.kind for layer in chain.layers]


def test_modules_and_functions_are_the_same_layers():
    x = images(5)
    chains = [read_chain(seeded(make), x) for make in (Modules, Functional)]
    assert kinds(chains[0]) == kinds(chains[1])
    assert kinds(chains[0]) == (
        "convolution relu max_pool convolution relu average move linear relu linear".split()
    )
    # batch normalisation belongs to the convolution before it
    assert [len(layer.nodes) for layer in chains[0].layers] == [2, 1, 1, 1, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_the_chain_computes_what_the_model_does(rows: int):
    model = seeded(Modules)
    chain, x = read_chain(model, images(3)), images(rows, seed=1)
    torch.testing.assert_close(chain.forward(chain.bottom(x)), model(x))


def test_constant_factors_belong_to_the_weights_beside_them():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.conv, self.head = nn.BatchNorm2d(1), nn.Conv2d(1, 2, 3), nn.Linear(126, 2)

        def forward(self, x):
            return self.head(torch.relu(3 * self.conv(self.norm((x - 0.5) / 0.2)) + 1).flatten(1)) / 7

    chain = read_chain(seeded(Scaled), images(3))
    assert kinds(chain) == ["convolution", "relu", "move", "linear"]
    assert [len(layer.nodes) for layer in chain.layers] == [6, 1, 1, 2]


@pytest.mark.parametrize(
    ("make", "reason", "module"),
    [
        (Residual, "a residual sum", "block"),
        (Joined, "a concatenation", "head"),
        (Attention, "attention", "head"),
    ],
)
def test_what_is_no_chain_is_refused_with_module_line_and_remedy(make, reason: str, module: str):
    with pytest.raises(UnsupportedLayerError, match=reason) as refused:
        read_chain(seeded(make), images(3))
    message = str(refused.value)
    assert "networks.py:" in message
    assert f"ta.MIPIN(model, layer='{module}'" in message
    assert ".upper(x, c)" in message


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (nn.Softmax(1), "starts from the logits"),
        (nn.Tanh(), "none of the layers whose inverse is known"),
        (nn.GELU(), "none of the layers"),
    ],
)
def test_functions_without_an_inverse_are_refused(last: nn.Module, reason: str):
    model = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(99, 3), last))
    with pytest.raises(UnsupportedLayerError, match=reason):
        read_chain(model, images(3))


def test_a_normalisation_beside_no_weights_is_refused():
    class Alone(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.head = nn.BatchNorm2d(1), nn.Linear(99, 2)

        def forward(self, x):
            return self.head(torch.relu(self.norm(x)).flatten(1))

    with pytest.raises(UnsupportedLayerError, match="'norm'.*scales or shifts"):
        read_chain(seeded(Alone), images(3))


def test_above_a_layer_what_lies_below_may_be_anything():
    model = seeded(Residual)
    chain, x = read_chain(model, images(3), "block"), images(4, seed=1)
    assert kinds(chain) == ["convolution", "relu", "average", "linear"]
    assert chain.inside == "block"
    torch.testing.assert_close(chain.forward(chain.bottom(x)), model(x))
    assert read_chain(model, images(3), model.block).inside == "block"


def test_a_module_of_several_layers_ends_where_its_last_one_does():
    model = seeded(
        lambda: nn.Sequential(nn.Sequential(nn.Flatten(), nn.Linear(99, 4), nn.ReLU()), nn.Linear(4, 2))
    )
    chain, x = read_chain(model, images(3)), images(3)
    torch.testing.assert_close(chain.forward(x, 0, chain.position_of("0")), model[0](x))
    assert read_chain(model, x, "0").position_of("0") == 0


def test_a_path_around_the_chosen_layer_is_refused():
    class Around(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.head = nn.Conv2d(1, 1, 1), nn.Linear(99, 3)

        def forward(self, x):
            return self.head((self.a(x) + x).flatten(1))

    with pytest.raises(UnsupportedLayerError, match="a path around the layer"):
        read_chain(seeded(Around), images(3), "a")


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.relu, self.a, self.b = nn.ReLU(), nn.Linear(99, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.b(self.relu(self.a(self.relu(x.flatten(1)))))


def test_a_module_used_twice_is_two_layers_and_no_bottom():
    model = seeded(Twice)
    chain = read_chain(model, images(3))
    assert [layer.name for layer in chain.layers] == ["view", "relu", "a", "relu#2", "b"]
    with pytest.raises(OptionError, match="runs 2 times"):
        chain.position_of("relu")
    with pytest.raises(OptionError, match="runs 2 times"):
        read_chain(model, images(3), "relu")
    with pytest.raises(OptionError, match="no layer 'c'; layers: relu, a, b"):
        read_chain(model, images(3), "c")


def test_a_model_that_branches_on_values_is_refused():
    def model(x):
        return x.flatten(1) @ torch.full((99, 2), 1.0 if x.sum() < 40 else 2.0).double()

    with pytest.raises(CaptureError, match="branches on values"):
        read_chain(model, torch.cat([0 * images(4), images(8)]))


def test_rows_that_meet_are_refused():
    model = seeded(
        lambda: nn.Sequential(nn.Unflatten(3, (11, 1)), nn.Linear(1, 2), nn.Flatten(), nn.Linear(198, 2))
    )
    with pytest.raises(UnsupportedLayerError, match="merges or drops the rows"):
        read_chain(model, images(3))


def test_outputs_that_are_no_logits_are_refused():
    with pytest.raises(ShapeError, match=r"\(2, 1, 9, 11\).*expected \(2, K\)"):
        read_chain(torch.relu, images(3))


def test_the_wrong_number_of_channels_is_said_by_the_models_error():
    import taylorattr as ta

    with pytest.raises(ModelError, match=r"2, 3, 9, 11"):
        ta.MIPIN(seeded(Modules)).fit(images(3, channels=3))


def test_a_model_in_training_mode_is_inverted_in_eval_behaviour():
    model = seeded(Modules)
    expected = read_chain(model, images(3)).fingerprint()
    model.train()
    with pytest.warns(TrainingModeWarning, match="eval behaviour"):
        assert read_chain(model, images(3)).fingerprint() == expected
    assert model.training


def test_the_fingerprint_tells_weights_geometry_and_what_lies_below():
    x, model = images(3), seeded(Residual)
    other = seeded(Residual)
    with torch.no_grad():
        other.stem.bias[0] += 1e-9
    prints = {
        read_chain(model, x, "block").fingerprint(),
        read_chain(other, x, "block").fingerprint(),
        read_chain(model, x, "conv").fingerprint(),
        read_chain(model, images(3, height=10), "block").fingerprint(),
    }
    assert len(prints) == 4
    assert read_chain(model, images(5, seed=3), "block").fingerprint() in prints
