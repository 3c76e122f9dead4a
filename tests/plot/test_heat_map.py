"""The picture holds the scores: of pixels summed over channels, of patches whole."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

import taylorattr as ta
from taylorattr.analysis.players import Players
from taylorattr.errors import NonFiniteError, OptionError, ShapeError
from taylorattr.plot import heat_map
from taylorattr.plot.style import colour


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


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(float)


@pytest.mark.parametrize("background", ["grey", None])
def test_the_colour_of_a_pixel_stands_on_the_colour_bar_beside_its_score(background):
    """Looked up where the bar shows the grey of that pixel: light on the right, dark on the left."""
    weight = torch.tensor([0.0, 0.25, 0.5, -0.25, 1.0, -0.75], dtype=torch.float64)
    row = torch.tensor([1.0, 1.0, 3.0, 3.0, 1.0, 3.0], dtype=torch.float64)
    x = row.expand(1, 6, 6).clone()
    result = ta.attribute("gradient_x_input", lambda z: (z * weight).sum((1, 2)), x)
    figure, ax = heat_map(result, x, background=background)
    drawn = pixels(figure)
    (bar,) = (other for other in figure.axes if other is not ax)
    for column, score in enumerate((row * weight).tolist()):
        across = 0.1 if row[column] == 1.0 else 0.9  # within the bar's outline
        seen, shown = (
            drawn[int(len(drawn) - 1 - y), int(x)]
            for x, y in (
                ax.transData.transform((column + 0.2, 0.2)),
                bar.transData.transform((across, float(np.clip(score, -2.2, 2.2)))),
            )
        )
        assert np.abs(seen - shown).max() <= 14  # a tenth of the greys, 0.45·255, and one of 256 colours


def test_a_colour_under_the_image_keeps_hue_and_saturation():
    x, result = scored((1, 12, 12))
    figure, ax = heat_map(result, x)
    heat, (shadow, layer) = np.asarray(ax.images[-1].get_array()), ax.images
    bare = layer.to_rgba(heat)[..., :3]
    light = 1.0 - np.asarray(shadow.get_array())[..., 3]
    assert light.min() == pytest.approx(0.55) and light.max() == pytest.approx(1.0)
    drawn = pixels(figure)  # places the axes, too
    spots = ax.transData.transform([(c + 0.1, r + 0.1) for r in range(12) for c in range(12)]).astype(int)
    seen = np.array([drawn[len(drawn) - 1 - y, x] for x, y in spots]).reshape(12, 12, 3) / 255
    assert seen == pytest.approx(bare * light[..., None], abs=2 / 255)


@pytest.fixture(scope="module")
def patches():
    x = torch.rand(1, 1, 4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    players = Players.grid(x, (2, 3))

    def model(z):
        sums = z.reshape(-1, 2, 2, 3, 2).sum((2, 4)).reshape(-1, 6)
        return sums[:, 0] * sums[:, 4] - 2 * sums[:, 1] * sums[:, 2] + 3 * sums[:, 5]

    return x, players, ta.harsanyi(model, x, players=players, max_order=2)


def lines(ax):
    return {p.get_gid(): p for p in ax.patches if (p.get_gid() or "").startswith("pair:")}


def test_the_graph_of_patches_stands_on_the_image(patches):
    x, players, effects = patches
    for source in (effects, ta.interaction_graph(effects)):
        _, ax = heat_map(source, x, players=players)
        alone = effects.order_values(1)[0].numpy()
        assert np.asarray(ax.images[-1].get_array())[::2, ::2].ravel() == pytest.approx(alone)
        drawn = lines(ax)
        assert set(drawn) == {"pair:0:4", "pair:1:2"}
        vertices = drawn["pair:0:4"].get_path().vertices  # from the middle of patch 0 to that of patch 4
        assert vertices[[0, 2]].tolist() == [[0.5, 0.5], [2.5, 2.5]]
        signs = {gid: to_rgb(line.get_edgecolor()) for gid, line in drawn.items()}
        assert signs == {"pair:0:4": to_rgb(colour(1)), "pair:1:2": to_rgb(colour(-1))}
    _, ax = heat_map(effects, x, players=players, k=1)
    left = float(effects.values[0].abs()[7:].sort().values[-2])
    assert ax.get_xlabel().startswith("lines: the 1 strongest of 2 pairs")
    assert ax.get_xlabel().endswith(f"the others Σ|·| {left:.3g}")


def test_pairs_stand_on_an_attribution_of_the_same_patches(patches):
    x, players, effects = patches
    scores = ta.attribute("gradient_x_input", lambda z: z.flatten(1).sum(1), x, players=players)
    _, ax = heat_map(scores, x, players=players, pairs=effects)
    assert len(lines(ax)) == 2 and "gradient_x_input" in ax.get_title()
    with pytest.raises(OptionError, match="between patches"):
        heat_map(scores, x, pairs=effects)
    with pytest.raises(OptionError, match="give inputs and the players"):
        heat_map(effects)
    with pytest.raises(OptionError, match="hypergraph"):
        heat_map(ta.interaction_hypergraph(effects), x, players=players)
