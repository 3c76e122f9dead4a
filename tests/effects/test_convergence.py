"""When a series is trusted, ray by ray."""

import warnings

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.effects.convergence import (
    Kinks,
    ended,
    falling,
    judge,
    players_alone,
    random_coalitions,
    reason,
)
from taylorattr.errors import DivergenceWarning, ZeroDifferenceWarning

NONE = Kinks(path=0, per_player=[0, 0], at_expansion=0, escapes=False)


def geometric(rho, order=14):
    """1/(1 − s/ρ): radius ρ, value 1/(1 − 1/ρ) at s = 1."""
    return rho ** -np.arange(order + 1.0), 1.0 / (1.0 - 1.0 / rho)


@pytest.mark.parametrize(("rho", "passed"), [(3.0, True), (1.3, True), (1.05, False), (-0.5, False)])
def test_a_ray_passes_when_its_radius_reaches_beyond_the_input(rho, passed):
    ray = judge(0b11, *geometric(rho), torch.float64)
    assert ray.passed is passed
    assert ray.radius == pytest.approx(abs(rho), rel=1e-6)


def test_a_series_that_converges_to_another_value_fails():
    coefficients, end = geometric(3.0)
    ray = judge(0b11, coefficients, end + 0.01, torch.float64)
    assert not ray.passed
    said = reason([ray], [1.0], NONE, ("a", "b"))
    assert "converges to another value" in said


def test_a_polynomial_must_give_the_value_to_rounding():
    coefficients = np.array([1.0, 2.0, 3.0] + [0.0] * 12)
    assert judge(1, coefficients, 6.0, torch.float64).passed
    assert not judge(1, coefficients, 6.0 + 1e-6, torch.float64).passed


def test_a_constant_ray_passes_and_nan_does_not():
    assert judge(1, np.array([5.0] + [0.0] * 14), 5.0, torch.float64).passed
    assert not judge(1, np.full(15, np.nan), 1.0, torch.float64).passed


def cancelled(growth, order=14, seed=0):
    """c_0 + 2.1 s, and behind it rounding that grows by the factor of the parts that cancelled."""
    noise = (
        np.random.default_rng(seed).standard_normal(order + 1) * 2.0**-53 * growth ** np.arange(order + 1.0)
    )
    noise[:2] = 1.0, 2.1
    return noise


@pytest.mark.parametrize("growth", [0.5, 1.5, 2.0])
def test_rounding_that_grows_behind_a_cancellation_is_no_singularity(growth):
    ray = judge(0b11, cancelled(growth), 3.1, torch.float64)
    assert ray.passed
    assert ray.radius == np.inf
    assert abs(ray.remainder) < 1e-9


@pytest.mark.parametrize("strength", [1e-3, 1e-6, 1e-9, 1e-12])
def test_a_weak_pole_before_the_end_is_caught_behind_a_strong_linear_part(strength):
    """1 + 2.1 s + strength/(1 + 4 s²): the even coefficients grow by 4."""
    powers = np.arange(15)
    pole = np.where(powers % 2 == 0, strength * (-4.0) ** (powers // 2), 0.0)
    coefficients = pole + np.array([1.0, 2.1] + [0.0] * 13)
    assert not judge(0b11, coefficients, 3.1 + strength / 5, torch.float64).passed


def test_rounding_that_swallowed_half_of_the_digits_is_not_passed():
    assert not judge(0b11, cancelled(6.0), 3.1, torch.float64).passed


def test_a_sum_that_only_passes_by_the_value_does_not_count_as_having_reached_it():
    """S_1 … S_3 are the value, the fourth is not."""
    coefficients = np.array([1.0, 2.1, 0.0, 0.0, 1e-6] + [(-2.0) ** m * 1e-6 for m in range(10)])
    assert not judge(0b11, coefficients, 3.1, torch.float64).passed


@pytest.mark.parametrize(
    "function",
    [lambda z: z[:, :1].logsumexp(1), lambda z: z.softmax(1).sum(1) + z[:, 0], lambda z: z.softmax(1).sum(1)],
)
@pytest.mark.parametrize("size", [1.0, 3.0])
def test_functions_that_are_linear_up_to_cancellation_are_said_to_converge(function, size):
    x = size * torch.tensor([[0.7, -1.3, 0.4, 1.1]], dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ZeroDifferenceWarning)
        warnings.simplefilter("error", DivergenceWarning)
        found = ta.decompose(function, x, order=3, with_tails=False)
    assert bool(found.converged[0])


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [([1.0], True), ([1, 0.5], True), ([1, 2], False), ([1, 0, 0.5], True), ([1, 0, 2], False)],
)
def test_falling(sizes, expected):
    assert falling(sizes) is expected


def test_rays_are_each_player_and_seeded_coalitions():
    assert players_alone(np.ones(6)) == [0, 1, 2, 3, 4, 5]
    masks = random_coalitions(6, seed=1)
    assert len(masks) == len(set(masks))
    assert all(2 <= mask.bit_count() <= 5 for mask in masks)
    assert masks == random_coalitions(6, seed=1) != random_coalitions(6, seed=2)


def test_of_many_players_those_with_the_largest_effects_are_probed_alone():
    effects = np.zeros(100)
    effects[[5, 90]] = [-3.0, 2.0]
    alone = players_alone(effects)
    assert len(alone) == 64
    assert {5, 90} <= set(alone)


@pytest.mark.parametrize(
    ("kinks", "words"),
    [
        (None, "could not be captured"),
        (Kinks(3, [1, 0], 0, False), "at least 3 kinks"),
        (Kinks(0, [0, 2], 0, False), "at least 2 kinks"),
        (Kinks(0, [0, 0], 4, False), "4 gates lie exactly on their kink"),
        (Kinks(0, [0, 0], 0, True), "branches on values"),
    ],
)
def test_what_lies_between_is_said_first(kinks, words):
    ray = judge(0b11, *geometric(3.0), torch.float64)
    assert words in reason([ray], [1.0, 0.1], kinks, ("a", "b"))
    assert reason([ray], [1.0, 0.1], NONE, ("a", "b")) == ""


def test_a_failing_ray_is_named():
    ray = judge(0b10, *geometric(0.5), torch.float64)
    assert reason([ray], [1.0], NONE, ("a", "b")) == (
        "along the ray of b the estimated radius of convergence is 0.50, below 1.1"
    )


@pytest.mark.parametrize("leading", [1.0, 1e6])
def test_rounding_is_measured_by_where_the_ray_starts_as_well(leading):
    """1 − t² and nothing of order one ends at 0: what is left beside it is rounding of the 1."""
    rounding = np.finfo(np.float64).eps * np.array([3.0, -5.0, 4.0, -6.0, 5.0])
    series = leading * np.array([1.0, 0.0, -1.0, *rounding])
    assert ended(series, 0.0, torch.float64)
    real = leading * np.array([1.0, 0.0, -1.0, *(1e6 * rounding)])
    assert not ended(real, 0.0, torch.float64)


def test_effects_that_still_grow_are_said_though_every_ray_passes():
    ray = judge(0b11, *geometric(3.0), torch.float64)
    assert reason([ray], [1.0, 0.5, 2.0], NONE, ("a", "b")) == (
        "the effects of order 3 are still larger in sum than those of the orders before"
    )
    polynomial = judge(0b11, np.array([1.0, 0.0, 2.0, *[0.0] * 8]), 3.0, torch.float64)
    assert reason([polynomial], [1.0, 0.5, 2.0], NONE, ("a", "b")) == ""
