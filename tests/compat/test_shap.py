import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.compat.shap import explanation
from taylorattr.errors import OptionError
from tests.autodiff.networks import cnn, mlp
from tests.autodiff.networks import points as normal

pytest.importorskip("shap")


def test_values_bases_and_names_are_the_results():
    model, x = mlp(4).double(), normal(3, 4).double()
    found = ta.attribute("shapley", model, x, target=0)
    shown = explanation(found, x)
    assert np.array_equal(shown.values, found.player_scores.numpy()) and shown.feature_names == list(
        found.names
    )
    with torch.no_grad():
        total = shown.values.sum(1) + shown.base_values
        assert np.abs(total - model(x)[:, 0].numpy()).max() < 1e-14
    assert np.array_equal(shown.data, x.numpy())


def test_effects_give_their_shapley_values():
    model, x = mlp(4).double(), normal(3, 4).double()
    effects = ta.harsanyi(model, x, target=0)
    for result in (effects, effects.index("SV")):
        shapley = ta.attribute("shapley", model, x, target=0).player_scores.numpy()
        assert np.abs(explanation(result).values - shapley).max() < 1e-13


def test_what_does_not_fit_is_refused():
    model, x = mlp(4).double(), normal(3, 4).double()
    effects = ta.harsanyi(model, x, target=0)
    with pytest.raises(OptionError, match="SII of order 2"):
        explanation(effects.index("SII"))
    with pytest.raises(OptionError, match=r"expected \(3, 4\)"):
        explanation(effects, x[:2])


def test_images_whose_pixels_are_the_players_are_data_too():
    model, x = cnn().double(), normal(2, 1, 6, 6).double()
    found = ta.attribute("deeplift_rescale", model, x, target=0)
    assert np.array_equal(explanation(found, x).data, x.reshape(2, 36).numpy())
    patches = ta.attribute("occlusion_1", model, x, target=0, players=ta.Players.patches(x, (3, 3)))
    with pytest.raises(OptionError, match=r"expected \(2, 4\)"):
        explanation(patches, x)
    with pytest.raises(OptionError, match="a str is no table"):
        explanation("scores")


@pytest.mark.filterwarnings("ignore")  # shap's and matplotlib's own
@pytest.mark.parametrize("plot", ["bar", "beeswarm", "heatmap", "violin", "waterfall", "force", "scatter"])
def test_plots_of_shap_take_it(plot):
    shap = pytest.importorskip("shap")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    model, x = mlp(4).double(), normal(20, 4).double()
    shown = explanation(ta.attribute("shapley", model, x, target=0), x)
    part = {"waterfall": shown[0], "force": shown[0], "scatter": shown[:, 0]}.get(plot, shown)
    options = {"matplotlib": True} if plot == "force" else {}
    getattr(shap.plots, plot)(part, show=False, **options)
    assert pyplot.get_fignums()
    pyplot.close("all")
