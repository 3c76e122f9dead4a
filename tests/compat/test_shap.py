import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.compat.shap import explanation
from taylorattr.errors import OptionError
from tests.autodiff.networks import mlp
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
