import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import OptionError
from taylorattr.methods import attribute
from tests.autodiff.networks import cnn, mlp
from tests.autodiff.networks import points as normal
from tests.methods.occlusion.models import TWO_INPUTS, effect_sums


def colour():
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 3 * 4, 2)).double().eval()


def by_slicing(model, x, b, window, stride, target):
    """Losses of each window of a (1, C, H, W) image, with the window's place."""
    with torch.no_grad():
        full = model(x)[0, target]
        for top in range(0, x.shape[2] - window[0] + stride[0], stride[0]):
            for left in range(0, x.shape[3] - window[1] + stride[1], stride[1]):
                place = (slice(top, top + window[0]), slice(left, left + window[1]))
                point = x.clone()
                point[0, :, place[0], place[1]] = b[0, :, place[0], place[1]]
                yield place, (full - model(point)[0, target])


@pytest.mark.parametrize(
    ("window", "stride"), [((2, 2), (2, 2)), ((3, 2), (1, 2)), ((2, 3), (2, 1)), ((5, 6), (5, 6))]
)
def test_channels_go_together_and_overlaps_are_averaged_or_shared(window, stride):
    x, b = normal(1, 3, 5, 6).double(), normal(1, 3, 5, 6, seed=2).double()
    average, shared, count = (torch.zeros(3, 5, 6).double() for _ in range(3))
    for (rows, columns), loss in by_slicing(colour(), x, b, window, stride, 1):
        average[:, rows, columns] += loss
        count[:, rows, columns] += 1
        shared[:, rows, columns] += loss / shared[:, rows, columns].numel()
    options = {"target": 1, "window": window, "stride": stride}
    found = attribute("occlusion_patch", colour(), x, b, **options)
    assert (found.scores[0] - average / count).abs().max() < 1e-13
    found = attribute("occlusion_patch", colour(), x, b, overlap="shared", **options)
    assert (found.scores[0] - shared).abs().max() < 1e-13


@pytest.mark.parametrize("overlap", ["average", "shared"])
def test_row_7_and_equation_25_on_a_network(overlap):
    model, x, b = mlp(6).double(), normal(3, 6).double(), normal(1, 6, seed=2).double()
    windows = [[0, 1], [1, 2, 3], [3, 4], [5]]
    found = attribute("occlusion_patch", model, x, b, target=2, windows=windows, overlap=overlap)

    def weight(i, coalition):
        holding = [w for w in windows if i in w]
        each = [1 / len(holding) if overlap == "average" else 1 / len(w) for w in holding]
        return sum(c for c, w in zip(each, holding, strict=True) if coalition & set(w))

    effects = ta.harsanyi(model, x, b, target=2)
    assert (found.player_scores - effect_sums(effects, weight)).abs().max() < 1e-12


def test_patches_as_players_or_as_windows_are_one_thing():
    x = normal(2, 3, 5, 6).double()
    patches = ta.Players.patches(x, (2, 2))
    alone = attribute("occlusion_1", colour(), x, players=patches, target=0, per_element=False).scores
    for options in ({"players": patches}, {"window": 2}, {"windows": patches}):
        repeated = {"per_element": False} if "players" in options else {}
        found = attribute("occlusion_patch", colour(), x, target=0, **options, **repeated)
        assert torch.allclose(found.scores, alone, rtol=0, atol=1e-14)
    shared = attribute("occlusion_patch", colour(), x, target=0, window=2, overlap="shared")
    assert torch.allclose(
        shared.scores,
        attribute("occlusion_1", colour(), x, players=patches, target=0).scores,
        rtol=0,
        atol=1e-14,
    )


def test_players_larger_than_elements_are_held_whole_or_refused():
    x = normal(1, 3, 6, 6).double()
    model = nn.Sequential(nn.Flatten(), nn.Linear(108, 1)).double().eval()
    pixels = ta.Players.patches(x, (1, 1))
    by_pixel = attribute("occlusion_patch", model, x, target=0, players=pixels, window=(2, 3))
    by_element = attribute("occlusion_patch", model, x, target=0, window=(2, 3))
    assert torch.allclose(by_pixel.scores.sum(1), by_element.scores[:, 0], rtol=0, atol=1e-13)
    for bad in ({"window": (3, 3)}, {"windows": ta.Players.patches(x, (3, 3))}):
        with pytest.raises(OptionError, match="part of player|of the 12 elements"):
            attribute("occlusion_patch", model, x, target=0, players=ta.Players.patches(x, (2, 2)), **bad)


def test_defaults_are_a_quarter_of_each_side_and_said():
    found = attribute("occlusion_patch", cnn(), normal(1, 1, 6, 6), target=0)
    assert found.diagnostics["window"] == [[1, 2, 2]] and found.diagnostics["windows"] == 9
    found = attribute("occlusion_patch", mlp(9), normal(1, 9), target=0)
    assert found.diagnostics["window"] == [[3]] and found.diagnostics["stride"] == [[3]]


def test_each_input_of_a_tuple_has_its_windows():
    x = (normal(2, 3).double(), normal(2, 2, 2, seed=4).double())
    found = attribute("occlusion_patch", TWO_INPUTS, x, target=0, window=(2, (1, 2)), stride=(1, None))
    windows = [[0, 1], [1, 2], [3, 4], [5, 6]]
    listed = attribute("occlusion_patch", TWO_INPUTS, x, target=0, windows=windows)
    assert torch.equal(found.player_scores, listed.player_scores)
    with pytest.raises(OptionError, match="2 input tensors"):
        attribute("occlusion_patch", TWO_INPUTS, x, target=0, window=(2, 1, 2))


def test_players_in_no_window_get_nothing_and_are_named():
    found = attribute("occlusion_patch", mlp(4), normal(1, 4), target=0, windows=[["x0", "x2"]])
    assert found.diagnostics["in_no_window"] == ["x1", "x3"]
    assert found.player_scores[0, [1, 3]].tolist() == [0, 0] and found.player_scores[0, 0] != 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 7}, "larger than one example"),
        ({"window": 2, "stride": 3}, "never be looked at"),
        ({"window": 0}, "positive integer"),
        ({"overlap": "sum"}, "average"),
        ({"window": 2, "windows": [[0]]}, "one of the two"),
        ({"windows": []}, "at least one window"),
        ({"windows": [["nobody"]]}, "nobody"),
        ({"patch": 3}, "window=None"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        attribute("occlusion_patch", cnn(), normal(1, 1, 6, 6), target=0, **options)


@pytest.mark.parametrize("strides", [(3, 1, 1), (3, 2, 3), None])
def test_captum_occlusion_agrees(strides):
    captum = pytest.importorskip("captum.attr")
    x, b = normal(2, 3, 5, 6).double(), normal(1, 3, 5, 6, seed=2).double()
    theirs = captum.Occlusion(colour()).attribute(
        x, sliding_window_shapes=(3, 2, 3), strides=strides, baselines=b, target=1
    )
    ours = attribute(
        "occlusion_patch", colour(), x, b, target=1, window=(3, 2, 3), stride=strides or (1, 1, 1)
    )
    assert (ours.scores - theirs.detach()).abs().max() < 1e-6  # captum accumulates in float32
