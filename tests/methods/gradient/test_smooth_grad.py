"""SmoothGrad: Gaussian moments of polynomials, seeded samples, standard errors that mean something."""

import math

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr import toys
from taylorattr.errors import OptionError, PrecisionWarning
from taylorattr.methods.gradient.smooth_grad import normal_moments
from tests.methods.networks import points

TERMS = {(1, 0, 0): 2, (0, 2, 0): -1, (1, 1, 0): 3, (1, 2, 0): 1, (1, 1, 1): -2, (0, 0, 5): 1, (2, 0, 3): 1}


def float64(numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def moment(k, rho):
    """M_k(ρ) by the recurrence M_{k+1} = M_k + kρ²M_{k−1} of eq. (14)."""
    before, now = 1.0, 1.0
    for j in range(1, k):
        before, now = now, now + j * rho**2 * before
    return now


def test_moments_of_a_normal_number():
    rng = np.random.default_rng(0)
    assert normal_moments(6).tolist() == [1, 0, 1, 0, 3, 0, 15]
    draws = rng.standard_normal(200_000)
    # the sixth power has standard deviation about 100: error 100/√200000 ≈ 0.23
    np.testing.assert_allclose([np.mean(draws**k) for k in range(7)], normal_moments(6), atol=1.0)


@pytest.mark.parametrize("seed", range(5))
def test_exact_mode_has_the_ratio_of_eq_15(seed):
    x, b, sigma = (
        points(1, 3, seed=seed)[0],
        points(1, 3, seed=seed + 50)[0],
        points(1, 3, seed=seed + 90)[0].abs(),
    )
    model = toys.Polynomial(TERMS)
    result = ta.attribute("smooth_grad", model, x[None], b[None], stdev=sigma, mode="exact")
    rho = (sigma / (x - b)).tolist()
    expected = [0.0, 0.0, 0.0]
    for kappa, effect in model.effects(x.tolist(), b.tolist()).items():
        for i in range(3):
            if kappa[i]:
                ratio = kappa[i] * moment(kappa[i] - 1, rho[i])
                ratio *= math.prod(moment(kappa[j], rho[j]) for j in range(3) if j != i)
                expected[i] += ratio * float(effect)
    scale = float(result.player_scores.abs().max())
    torch.testing.assert_close(result.player_scores[0], float64(expected), rtol=0, atol=1e-11 * max(scale, 1))


def test_exact_mode_stands_where_delta_is_zero_eq_17():
    model = toys.Polynomial({(1, 2): 1})  # f = x1 x2² at (1, 0) from 0: every effect is 0, the score is σ₂²
    result = ta.attribute(
        "smooth_grad", model, float64([[1.0, 0.0]]), stdev=float64([0.3, 0.7]), mode="exact"
    )
    torch.testing.assert_close(result.player_scores, float64([[0.49, 0.0]]), rtol=0, atol=1e-15)


def test_without_noise_it_is_gradient_x_input():
    model, x = toys.Polynomial(TERMS), points(2, 3)
    plain = ta.attribute("gradient_x_input", model, x)
    for mode in ("exact", "sample"):
        smooth = ta.attribute("smooth_grad", model, x, stdev=0.0, mode=mode, n_samples=3)
        torch.testing.assert_close(smooth.player_scores, plain.player_scores, rtol=1e-12, atol=1e-13)


def test_samples_scatter_about_the_expectation_as_their_standard_errors_say():
    model, x, b = toys.Polynomial(TERMS), points(1, 3), points(1, 3, seed=8)
    exact = ta.attribute("smooth_grad", model, x, b, stdev=0.3, mode="exact").player_scores
    deviations = []
    for seed in range(40):
        found = ta.attribute("smooth_grad", model, x, b, stdev=0.3, n_samples=200, seed=seed)
        deviations.append((found.player_scores - exact) / found.standard_errors)
    spread = torch.cat(deviations).square().mean(0).sqrt()
    # 40 standard normal numbers have a root mean square of 1 ± 0.11
    assert bool(((spread > 0.6) & (spread < 1.5)).all()), spread


def test_the_seed_decides_and_nothing_else():
    model, x = toys.mlp((6, 16, 1), "gelu", dtype=torch.float64), points(5, 6)
    before = torch.get_rng_state()
    one = ta.attribute("smooth_grad", model, x, target=0, seed=3)
    again = ta.attribute("smooth_grad", model, x, target=0, seed=3, internal_batch_size=7)
    alone = ta.attribute("smooth_grad", model, x[2:3], target=0, seed=3)
    other = ta.attribute("smooth_grad", model, x, target=0, seed=4)
    assert torch.equal(before, torch.get_rng_state())
    torch.testing.assert_close(one.scores, again.scores, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(one.standard_errors, again.standard_errors, rtol=1e-6, atol=1e-12)
    torch.testing.assert_close(one.scores[2:3], alone.scores, rtol=1e-12, atol=1e-15)
    assert not torch.allclose(one.scores, other.scores)


def test_the_noise_level_is_relative_to_the_spread_of_the_example():
    model, x = toys.mlp((6, 16, 1), "gelu", dtype=torch.float64), points(1, 6)
    spread = float(x.max() - x.min())
    relative = ta.attribute("smooth_grad", model, x, target=0, noise_level=0.2)
    absolute = ta.attribute("smooth_grad", model, x, target=0, stdev=0.2 * spread)
    torch.testing.assert_close(relative.scores, absolute.scores, rtol=1e-12, atol=1e-15)


def test_a_tolerance_stops_the_sampling_or_is_said():
    model, x = toys.mlp((6, 16, 1), "gelu", dtype=torch.float64), points(2, 6)
    result = ta.attribute("smooth_grad", model, x, target=0, tol=0.02, n_samples=4096)
    assert result.diagnostics["n_samples"] < 4096
    sizes = result.player_scores.abs().sum(1, keepdim=True)
    assert float((result.standard_errors / sizes).max()) <= 0.02
    with pytest.warns(PrecisionWarning, match="raise n_samples"):
        ta.attribute("smooth_grad", model, x, target=0, tol=1e-9, n_samples=20)


def test_held_elements_get_no_noise():
    model, x = toys.Polynomial({(1, 2): 1}), float64([[1.0, 2.0]])
    players = ta.Players([[0]], ["first"], rest="fixed")
    result = ta.attribute("smooth_grad", model, x, players=players, stdev=5.0, n_samples=8)
    torch.testing.assert_close(result.player_scores, float64([[4.0]]))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"mode": "exact"}, "polynomial models: aten.gelu"),
        ({"mode": "both"}, "'sample' or 'exact'"),
        ({"n_samples": 1}, "≥ 2"),
        ({"tol": 0.0}, "positive"),
        ({"stdev": -1.0}, "negative"),
        ({"stdev": torch.ones(5)}, "does not broadcast"),
        ({"stdev": (1.0, 2.0)}, "2 standard deviations for 1 inputs"),
        ({"noise_level": -0.1}, "noise_level"),
    ],
)
def test_wrong_options_say_what_to_do(options, message):
    model = toys.mlp((3, 4, 1), "gelu", dtype=torch.float64)
    with pytest.raises(OptionError, match=message):
        ta.attribute("smooth_grad", model, points(1, 3), target=0, **options)


def test_captum_agrees_within_the_standard_errors():
    captum = pytest.importorskip("captum.attr")
    model, x = toys.mlp((4, 16, 1), "gelu", dtype=torch.float64), points(1, 4)
    tunnel = captum.NoiseTunnel(captum.InputXGradient(lambda z: model(z)[:, 0]))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = tunnel.attribute(x.clone(), nt_type="smoothgrad", nt_samples=2000, stdevs=0.2)
    # captum multiplies each gradient by its noisy input; E ξ_i ∂_i f(x + ξ) = σ² E ∂_i² f ≈ σ² ∂_i² f(x)
    ours = ta.attribute("smooth_grad", model, x, target=0, stdev=0.2, n_samples=2000, multiply_by="input")
    curvature = 0.04 * torch.diagonal(torch.func.hessian(lambda z: model(z)[0])(x[0])).detach()
    difference = theirs.detach() - ours.player_scores - curvature
    assert float(difference.abs().max()) < 8 * float(ours.standard_errors.max()) + 1e-3  # + σ⁴
