from fractions import Fraction

import numpy as np
import pytest

import taylorattr as ta
from taylorattr.allocation.extra.lime import lime
from taylorattr.errors import OptionError
from tests.allocation.confirm import off_by_one_percent
from tests.allocation.extra.games import close, relu_game

N = 5


def fitted(value, kernel, n=N):
    """Weighted least squares of v on the masks and an intercept, by numpy."""
    masks = np.array([[mask >> j & 1 for j in range(n)] for mask in range(1 << n)])
    outputs = np.array([value(tuple(np.flatnonzero(mask))) for mask in masks])
    root = np.sqrt(np.array(kernel, dtype=float)[masks.sum(1)])
    design = np.hstack([np.ones((len(masks), 1)), masks]) * root[:, None]
    return np.linalg.lstsq(design, outputs * root, rcond=None)[0][1:]


@pytest.fixture(scope="module")
def game():
    return relu_game(N)


@pytest.mark.parametrize(
    "kernel",
    [
        [1, 1, 1, 1, 1, 1],
        [0.9, 0.7, 0.4, 0.3, 0.2, 0.1],
        [0, 1, 0, 2, 0, 0],  # some sizes are never drawn
        np.exp(-(np.arange(N, -1, -1) ** 2) / 8.0),  # LIME's exponential kernel around x
    ],
)
def test_a_weighted_fit_on_a_relu_network(kernel, game):
    effects, value = game
    close(ta.allocate("lime", effects, {"pi": kernel}), fitted(value, kernel))
    close(ta.allocate(lime(kernel), effects), fitted(value, kernel))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_players(n):
    effects, value = relu_game(n, seed=2)
    kernel = [1.0, 0.5, 2.0, 0.25][: n + 1]
    close(ta.allocate(lime(kernel), effects), fitted(value, kernel, n))


def test_equal_weights_are_banzhaf_and_others_leak():
    for kappa in ((1, 0, 0, 0), (1, 0, 2, 1), (1, 1, 1, 1)):
        uniform = lime([1] * 5).ratio(kappa)
        assert list(uniform) == list(ta.RULES["semivalue/banzhaf"].ratio(kappa))
    assert list(lime([1, 2, 3, 4, 5]).ratio((3, 0, 0, 0))) == [1, 0, 0, 0]  # A_1 = 1, B_1 = 0
    assert lime([1, 2, 3, 4, 5]).ratio((1, 1, 0, 0))[3] != 0


def test_the_shapley_kernel_is_approached_as_the_ends_gain_weight():
    ends = Fraction(10**12)
    # (n−1)/(C(n, s) s (n−s)) for n = 4: s = 1: 3/(4·3) = ¼, s = 2: 3/(6·4) = ⅛, s = 3: ¼
    kernel = [ends, Fraction(1, 4), Fraction(1, 8), Fraction(1, 4), ends]
    for kappa in ((1, 1, 0, 0), (1, 1, 1, 0), (1, 1, 1, 1)):
        found, shapley = lime(kernel).ratio(kappa), ta.RULES["shapley"].ratio(kappa)
        assert max(abs(a - b) for a, b in zip(found, shapley, strict=True)) < Fraction(1, 10**10)


@pytest.mark.parametrize("kernel", [[0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 1], [-1, 1, 1, 1, 1, 1]])
def test_fits_that_are_not_determined_are_refused(kernel, game):
    with pytest.raises(
        OptionError, match="lime holds for .*lies outside: (the kernel has weight on too few|a ker)"
    ):
        ta.allocate("lime", game[0], {"pi": kernel})


def test_a_wrong_entry_is_caught(game):
    effects, value = game
    wrong = off_by_one_percent(lime([1, 2, 3, 4, 5, 6]), (1,) * N)
    with pytest.raises(AssertionError):
        close(ta.allocate(wrong, effects), fitted(value, [1, 2, 3, 4, 5, 6]))
