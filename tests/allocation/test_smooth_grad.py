import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.errors import OptionError
from taylorattr.toys import Polynomial, Ridge
from tests.allocation.confirm import cases, confirm, off_by_one_percent, refuted, row, table


def direct(polynomial, x, b, sigma):
    model = Polynomial(polynomial)
    found = ta.attribute("smooth_grad", model, row(x), row(b), mode="exact", stdev=row(sigma)[0])
    return found.player_scores


@st.composite
def noisy(draw):
    case = draw(cases())
    return case, tuple(draw(st.integers(0, 8)) / 4 for _ in case[1])


@settings(deadline=None, max_examples=25)
@given(noisy())
def test_polynomials_in_both_frames(noisy_case):
    case, sigma = noisy_case
    _, x, b = case
    context = {"sigma": row(sigma), "Delta": row(x) - row(b)}
    scores = direct(*case, sigma)
    confirm("smooth_grad", table(*case), scores, context)
    confirm("smooth_grad/input", table(*case, frame="input"), scores, context)


@settings(deadline=None, max_examples=25)
@given(noisy())
def test_polynomials_through_coefficients(noisy_case):
    (polynomial, x, b), sigma = noisy_case
    context = {"sigma": row(sigma), "Delta": row(x) - row(b)}
    coefficients = table(polynomial, tuple(v + 1 for v in b), b)
    confirm("smooth_grad/coefficients", coefficients, direct(polynomial, x, b, sigma), context)


def test_coefficients_stand_where_a_player_does_not_move():
    # eq. (17): f = x₁x₂², b = 0, x = (1, 0): every effect is 0, the score of x₁ is σ₂²
    f, x, b = {(1, 2): 1}, (1, 0), (0, 0)
    context = {"sigma": [0.5, 3.0], "Delta": [1.0, 0.0]}
    found = ta.allocate("smooth_grad/coefficients", table(f, (1, 1), b), context)
    assert found.player_scores.tolist() == [[9.0, 0.0]]
    for rule in ("smooth_grad", "smooth_grad/input"):
        frame = "input" if rule.endswith("input") else "baseline"
        with pytest.raises(OptionError, match=r"Δ_2 = 0 but σ_2 ≠ 0.*use smooth_grad/coefficients"):
            ta.allocate(rule, table(f, x, b, frame, order=3), context)


def test_a_player_that_neither_moves_nor_gets_noise_is_no_obstacle():
    f, x, b = {(2, 1): 1, (1, 0): 1}, (2, 1), (0, 1)
    context = {"sigma": [0.5, 0.0], "Delta": [2.0, 0.0]}
    confirm("smooth_grad", table(f, x, b), direct(f, x, b, (0.5, 0.0)), context)


def test_entire_functions_as_the_order_grows():
    # exp(w·x) is entire of order 1, so moments of the noise do not outgrow its coefficients
    w, sigma, x = [0.5, -0.7, 0.3], [0.3, 0.2, 0.5], [1.0, 0.5, -1.0]
    model = Ridge(w)
    context = {"sigma": sigma, "Delta": x}
    mean = math.exp(sum(a * p + (a * s) ** 2 / 2 for a, p, s in zip(w, x, sigma, strict=True)))
    exact = torch.tensor([[p * a * mean for p, a in zip(x, w, strict=True)]], dtype=torch.float64)
    errors = []
    for order in (2, 4, 6, 8):
        effects = ta.decompose(model, row(x), order=order)
        scores = ta.allocate("smooth_grad", effects, context).player_scores
        errors.append(float((scores - exact).abs().max()))
    assert all(late < 0.2 * early for early, late in zip(errors, errors[1:], strict=False)), errors
    assert errors[-1] < 1e-5


def test_without_noise_it_is_gradient_times_input():
    kappas = table({(3, 2): 1}, (1, 1), (0, 0)).multi_indices
    context = {"sigma": [0, 0], "Delta": [1, 2]}
    for variant in ("", "/input"):
        smooth = ta.RULES[f"smooth_grad{variant}"].ratios(kappas, context)
        assert (smooth == ta.RULES[f"gradient_x_input{variant}"].ratios(kappas)).all()


def test_a_wrong_entry_is_caught():
    f, x, b, sigma = {(1, 0): 3, (0, 2): 1, (1, 2): 3}, (1, 2), (0, 0), (1.0, 0.5)
    context = {"sigma": sigma, "Delta": x}
    scores = direct(f, x, b, sigma)
    assert not refuted("smooth_grad", table(f, x, b), scores, context)
    assert refuted(off_by_one_percent("smooth_grad", (1, 2)), table(f, x, b), scores, context)
