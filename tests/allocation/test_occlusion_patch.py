import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.allocation.occlusion_patch import windows_of
from taylorattr.errors import ShapeError
from taylorattr.maths.windows import SlidingWindows
from taylorattr.toys import Polynomial
from tests.allocation.confirm import cases, confirm, off_by_one_percent, refuted, row, table
from tests.allocation.networks import WIDTHS, TanhNetwork, inside, relu_network, shrinks


def direct(model, x, b, windows, overlap):
    listed = [list(np.flatnonzero(window)) for window in windows]
    return ta.attribute("occlusion_patch", model, x, b, windows=listed, overlap=overlap).player_scores


@st.composite
def windowed(draw):
    """A polynomial and windows that cover its players and may overlap."""
    case = draw(cases(min_variables=2))
    n = len(case[1])
    rows = draw(st.lists(st.lists(st.booleans(), min_size=n, max_size=n).filter(any), min_size=1, max_size=3))
    windows = np.array(rows, dtype=int)
    return case, np.vstack([windows, windows.sum(0) == 0]) if (windows.sum(0) == 0).any() else windows


@settings(deadline=None, max_examples=25)
@given(windowed())
def test_polynomials_with_overlapping_windows(given_case):
    (polynomial, x, b), W = given_case
    model, effects = Polynomial(polynomial), table(polynomial, x, b)
    mean = direct(model, row(x), row(b), W, "average")
    shared = direct(model, row(x), row(b), W, "shared")
    confirm("occlusion_patch/windows", effects, mean, {"W": W})
    confirm("occlusion_patch/windows_shared", effects, shared, {"W": W})
    confirm("occlusion_patch/windows_weighted", effects, mean, {"W": W, "c": W / W.sum(0)})
    sizes = W.sum(1, keepdims=True)
    confirm("occlusion_patch/windows_weighted", effects, shared, {"W": W, "c": W / sizes})


@settings(deadline=None, max_examples=25)
@given(cases(min_variables=2), st.lists(st.integers(0, 2), min_size=3, max_size=3))
def test_polynomials_with_patches(case, numbers):
    polynomial, x, b = case
    patch = numbers[: len(x)]
    model, effects = Polynomial(polynomial), table(polynomial, x, b)
    windows = windows_of(patch)
    plain = direct(model, row(x), row(b), windows, "average")
    shared = direct(model, row(x), row(b), windows, "shared")
    confirm("occlusion_patch", effects, plain, {"patch": patch})
    confirm("occlusion_patch/shared", effects, shared, {"patch": patch})
    confirm("occlusion_patch/windows", effects, plain, {"W": windows})


@pytest.mark.parametrize("width", WIDTHS)
def test_smooth_networks_within_the_bound(width):
    network, x, W = TanhNetwork(width), inside(), np.array([[1, 1, 0], [0, 1, 1]])
    shrinks("occlusion_patch/windows", network, x, direct(network, x, None, W, "average"), {"W": W})


def test_relu_network_of_an_image_with_sliding_windows():
    network = torch.nn.Sequential(torch.nn.Flatten(), relu_network(9)).eval()
    x = torch.randn(2, 1, 3, 3, generator=torch.Generator().manual_seed(0)).double()
    W = SlidingWindows((3, 3), (2, 2), (1, 1)).members(0, 4).reshape(4, 9).astype(int)
    effects = ta.harsanyi(network, x)
    for overlap, rule in (("average", "windows"), ("shared", "windows_shared")):
        options = {"window": 2, "stride": 1, "overlap": overlap}
        scores = ta.attribute("occlusion_patch", network, x, **options).player_scores
        confirm(f"occlusion_patch/{rule}", effects, scores, {"W": W})


def test_a_player_is_given_effects_of_its_neighbours():
    # f = x₁ with the patch {1, 2}: a₂ = ψ₁
    found = ta.allocate("occlusion_patch", table({(1, 0): 1}, (5, 1), (0, 0)), {"patch": [7, 7]})
    assert found.player_scores.tolist() == [[5.0, 5.0]]


def test_windows_of_a_mask():
    mask = torch.tensor([[0, 0, 4], [4, 4, 9]])
    expected = [[1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0], [0, 0, 0, 0, 0, 1]]
    assert windows_of(mask).tolist() == expected
    with pytest.raises(ShapeError, match="holds whole numbers, one per player; this one is float64"):
        windows_of([0.5, 1.0])


def test_a_wrong_entry_is_caught():
    f, x, b = {(1, 0): 3, (0, 2): 1, (1, 2): 3}, (1, 2), (0, 0)
    scores = direct(Polynomial(f), row(x), row(b), np.eye(2, dtype=int), "average")
    assert not refuted("occlusion_patch", table(f, x, b), scores, {"patch": [0, 1]})
    wrong = off_by_one_percent("occlusion_patch", (1, 2))
    assert refuted(wrong, table(f, x, b), scores, {"patch": [0, 1]})
