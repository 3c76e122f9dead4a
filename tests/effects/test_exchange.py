"""What other libraries are handed: shap's numbers on shap's own terms, frames with names."""

import itertools
import math

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.effects.exchange import pair_matrix
from taylorattr.errors import OptionError, ShapeError

NAMES = ("age", "sex", "bmi", "pressure")


def model(x):
    return x[:, 0] * x[:, 1] + torch.relu(x @ torch.tensor([1.0, -2.0, 0.5, 1.0], dtype=x.dtype))


@pytest.fixture(scope="module")
def study():
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return x, ta.harsanyi(model, x, players=ta.Players.elements(x, names=NAMES))


@pytest.mark.slow  # loading shap takes seconds
def test_values_base_data_and_names_are_those_of_shap(study):
    shap = pytest.importorskip("shap")
    x, effects = study
    own = effects.to_shap(x)
    masker = shap.maskers.Independent(np.zeros((1, 4)))
    peer = shap.explainers.Exact(lambda rows: model(torch.from_numpy(rows)).numpy(), masker)(x.numpy())
    assert own.values == pytest.approx(peer.values, abs=1e-12)
    assert own.base_values == pytest.approx(np.broadcast_to(peer.base_values, 6), abs=1e-12)
    assert (own.data == x.numpy()).all() and own.feature_names == list(NAMES)
    pairs = effects.to_shap(interactions=True)
    assert pairs.values.sum(2) == pytest.approx(peer.values, abs=1e-12)
    scores = ta.attribute("shapley", model, x, players=ta.Players.elements(x, names=NAMES))
    assert scores.to_shap(x).values == pytest.approx(peer.values, abs=1e-12)
    assert effects.index("SV").to_shap(x).values == pytest.approx(peer.values, abs=1e-12)


def test_interactions_are_shaps_by_their_definition(study):
    """Lundberg et al. 2020: φ_ij = Σ_S |S|!(n−|S|−2)!/(2(n−1)!)·∇_ij(S), φ_ii = φ_i − Σ_j φ_ij."""
    x, effects = study
    n = 4

    def v(row, members):
        return float(model(torch.where(torch.tensor([i in members for i in range(n)]), row, 0.0)[None]))

    expected = np.zeros((6, n, n))
    for e, (i, j) in itertools.product(range(6), itertools.permutations(range(n), 2)):
        others = [p for p in range(n) if p not in (i, j)]
        for size in range(n - 1):
            weight = math.factorial(size) * math.factorial(n - size - 2) / (2 * math.factorial(n - 1))
            for s in itertools.combinations(others, size):
                mixed = v(x[e], {*s, i, j}) - v(x[e], {*s, i}) - v(x[e], {*s, j}) + v(x[e], {*s})
                expected[e, i, j] += weight * mixed
    values = effects.index("SV").order_values(1)
    own = pair_matrix(values, effects.index("SII", 2).order_values(2)).numpy()
    off = ~np.eye(n, dtype=bool)
    assert own[:, off] == pytest.approx(expected[:, off], abs=1e-12)
    assert own.sum(2) == pytest.approx(values.numpy())


@pytest.mark.slow
def test_shap_draws_them(study):
    shap = pytest.importorskip("shap")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    x, effects = study
    own = effects.to_shap(x)
    for draw in (
        lambda: shap.plots.waterfall(own[0], show=False),
        lambda: shap.plots.beeswarm(own, show=False),
        lambda: shap.plots.bar(own, show=False),
        lambda: shap.plots.scatter(own[:, "age"], color=own, show=False),
        lambda: shap.summary_plot(effects.to_shap(x, interactions=True).values, x.numpy(), show=False),
    ):
        draw()
        assert pyplot.gcf().axes
        pyplot.close("all")


def test_frames_have_names(study):
    pandas = pytest.importorskip("pandas")
    x, effects = study
    frame = effects.to_frame()
    assert isinstance(frame, pandas.DataFrame) and len(frame) == 6 and frame.shape[1] == 16
    assert frame["age × sex"].to_numpy() == pytest.approx(effects["age", "sex"].numpy())
    scores = ta.attribute("occlusion_1", model, x).to_frame()
    assert list(scores.columns) == ["x0", "x1", "x2", "x3"] and len(scores) == 6


@pytest.mark.slow
def test_what_does_not_fit_is_named(study):
    pytest.importorskip("shap")
    x, effects = study
    with pytest.raises(ShapeError, match=r"\(6, 4\)"):
        effects.to_shap(x[:, :3])
    truncated = ta.harsanyi(model, x, max_order=2)
    with pytest.raises(OptionError, match="of_truncated"):
        truncated.to_shap(x)
    assert truncated.to_shap(x, of_truncated=True).values.shape == (6, 4)
