"""The picture holds the scores: of pixels summed over channels, of patches whole."""

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.analysis.players import Players
from taylorattr.errors import NonFiniteError, OptionError, ShapeError
from taylorattr.plot import heat_map


def scored(shape, players=None):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, *shape, generator=generator, dtype=torch.float64)
    weight = torch.randn(1, *shape, generator=generator, dtype=torch.float64)
    return x, ta.attribute("gradient_x_input", lambda z: (z * weight).flatten(1).sum(1), x, players=players)


@pytest.mark.parametrize("shape", [(4, 6), (1, 4, 6), (3, 4, 6), (2, 4, 6)])
@pytest.mark.parametrize("background", ["grey", "image", None])
def test_a_pixel_shows_the_sum_over_its_channels(shape, background):
    x, result = scored(shape)
    _, ax = heat_map(result, x, background=background)
    expected = result.scores[0].reshape(-1, 4, 6).sum(0).numpy()
    assert np.asarray(ax.images[-1].get_array()) == pytest.approx(expected)
    assert len(ax.images) == (1 if background is None else 2)
    low, high = ax.images[-1].get_clim()
    assert -low == high == pytest.approx(np.abs(expected).max())


def test_a_patch_shows_its_whole_score_within_its_border():
    players = Players.grid(torch.zeros(1, 3, 4, 6), (2, 3))
    x, result = scored((3, 4, 6), players)
    _, ax = heat_map(result, x, players=players)
    heat = np.asarray(ax.images[-1].get_array())
    assert heat[::2, ::2].ravel() == pytest.approx(result.player_scores[0].numpy())
    assert len(ax.texts) == 6
    borders = ax.collections[0].get_segments()
    assert len(borders) == 2 * 4 + 1 * 6  # two lines of four pixels down, one of six across


def test_what_does_not_fit_is_named():
    x, result = scored((4, 6))
    with pytest.raises(ShapeError, match="expected"):
        heat_map(result, x[:, :3])
    with pytest.raises(ShapeError, match="players that were explained"):
        heat_map(result, x, players=Players.grid(x[:, None], (2, 3)))
    with pytest.raises(OptionError, match="background"):
        heat_map(result, x, background="sepia")
    with pytest.raises(OptionError, match="which=1"):
        heat_map(result, x, which=1)
    with pytest.raises(OptionError, match="limit"):
        heat_map(result, x, limit=0.0)
    with pytest.raises(NonFiniteError, match="pixels"):
        heat_map(result, x * float("nan"))
    flat = ta.attribute("gradient_x_input", lambda z: z.sum(1), torch.ones(1, 3))
    with pytest.raises(ShapeError, match="needs images"):
        heat_map(flat)


def test_players_that_split_channels_have_no_one_score_per_pixel():
    players = Players.from_mask(torch.arange(2)[:, None, None].expand(2, 4, 6))
    _, result = scored((2, 4, 6), players)
    with pytest.raises(OptionError, match="channels"):
        heat_map(result, players=players)
