"""A constant that eats the digits of the output is told with the scores."""

import warnings

import pytest
import torch

import taylorattr as ta
from taylorattr.errors import PrecisionWarning
from taylorattr.toys import mlp

NETWORK = mlp((3, 8, 1), "tanh")
X = torch.tensor([[0.3, -0.4, 0.2]])


def scores(constant, **options):
    rule = ta.design.weighted_shapley([1, 2, 3], name="test_rounded")
    return rule(lambda z: NETWORK(z) + constant, X, **options)


def test_single_precision_far_from_zero_is_warned_of_and_measured():
    with pytest.warns(PrecisionWarning, match="use dtype=torch.float64, or leave a constant out"):
        rough = scores(1e5)
    fine = scores(1e5, dtype=torch.float64)
    off = float((rough.player_scores - fine.player_scores).abs().max() / fine.player_scores.abs().sum())
    (said,) = rough.diagnostics["error"]["relative"]
    assert 1e-3 < off <= 2 * said  # each score is a mean of differences of two rounded outputs


def test_nothing_is_said_where_the_digits_are_there():
    with warnings.catch_warnings():
        warnings.simplefilter("error", PrecisionWarning)
        assert scores(0.0).diagnostics["error"]["relative"][0] < 1e-5
        assert scores(1e5, dtype=torch.float64).diagnostics["error"]["relative"][0] < 1e-9


def test_measured_parts_are_warned_of_too():
    rule = ta.design.repair("gradient_x_input", name="test_projected")
    with pytest.warns(PrecisionWarning, match="parts of gradient_x_input: outputs of 1e.05 are rounded"):
        said = rule(lambda z: NETWORK(z) + 1e5, X).diagnostics
    assert said["way"] == "measured" and said["rounding"][0] > 1e-2
