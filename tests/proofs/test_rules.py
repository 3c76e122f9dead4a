"""The ratios that are proved are those the package allocates with: compared exactly, term by term."""

from collections.abc import Callable
from fractions import Fraction as F

import numpy as np
import pytest
import sympy as sp

from proofs import (
    banzhaf_interaction,
    deep_taylor,
    deeplift_reveal_cancel,
    expected_gradients,
    grad_cam,
    gradient_x_input,
    integrated_gradients,
    integrated_hessians,
    lime,
    lrp_alpha_beta,
    lrp_epsilon,
    occlusion_1,
    occlusion_patch,
    paths,
    prediction_difference,
    quadrature,
    semivalues,
    shapley,
    smooth_grad,
    straight_paths,
)
from proofs.catalogue import THEOREMS
from proofs.smooth import support, up_to
from taylorattr.allocation.rule import RULES

N, ORDER = 4, 4
KAPPAS = up_to(N, ORDER)
PLAYERS = range(N)

U = (F(2), F(3, 2), F(-1, 3), F(-5, 4))  # two that push the unit up, two that pull it down
C = F(3, 4)
P, Q = U[0] + U[1], U[2] + U[3]
Z = P + Q + C
EPSILON = F(1, 8)
D = Z + EPSILON * (1 if Z > 0 else -1)
SIGMA, DELTA = (F(1, 2), F(1, 3), F(2), F(1)), (F(2), F(-1), F(3), F(1, 2))
ALPHA, BETA = F(2), F(1)
WEIGHTS, INPUT = (F(1), F(-2), F(3), F(1, 2)), (F(1, 2), F(1), F(3, 2), F(-1))
LOW, HIGH = (F(-2),) * N, (F(3),) * N
NODES, MASSES = (F(1, 4), F(3, 4)), (F(1, 3), F(2, 3))
ACTIVATIONS = ((F(2), F(3)), (F(-1), F(5)))
SILENT = ((F(2), F(0)), (F(-1), F(0)))  # behind a ReLU cells are 0
WINDOWS = ((1, 1, 0, 0), (0, 1, 1, 0), (0, 0, 1, 1))
PATCH = (0, 0, 1, 1)
MOMENTS = tuple(F(1, 2 + k) for k in range(ORDER))
POWERS = (F(1), F(2), F(1, 2), F(3))
KERNEL = (F(5), F(2), F(1), F(3), F(4))
SEMI = (F(1, 3), F(1, 5), F(1, 7), F(2))


def exact(value) -> sp.Rational:
    return sp.Rational(value.numerator, value.denominator) if isinstance(value, F) else sp.sympify(value)


def rationals(values) -> list[sp.Rational]:
    return [exact(v) for v in values]


def first(values, i):
    """Return the values with that of player i in front."""
    return [values[i], *(v for j, v in enumerate(values) if j != i)]


def by_exponent(share: Callable) -> Callable:
    return lambda kappa, i: share(kappa[i], sum(kappa))


def by_coalition(share: Callable) -> Callable:
    return lambda kappa, i: share(i + 1, support(kappa))


def by_size(share: Callable) -> Callable:
    return lambda kappa, i: share(len(support(kappa))) * int(kappa[i] > 0)


def group(i):
    """Return the members of i's group, its sum, and the factor of LRP-αβ."""
    return (range(2), P, ALPHA) if i < 2 else (range(2, 4), Q, -BETA)


def alpha_beta(kappa, i):
    members, total, factor = group(i)
    order = sum(kappa[j] for j in members)
    return lrp_alpha_beta.share(kappa[i], order, exact(U[i]), exact(total), exact(factor))


def z_plus(kappa, i):
    if i >= 2:
        return sp.Integer(0)
    return deep_taylor.share(kappa[i], kappa[0] + kappa[1], exact(U[i]), exact(P))


def reveal(kappa, i):
    own, other = sum(kappa[:2]), sum(kappa[2:])
    return deeplift_reveal_cancel.share(kappa[i], *((own, other) if i < 2 else (other, own)))


def window_of(i, windows):
    return frozenset(j + 1 for j in PLAYERS if windows[j] == windows[i])


def windows_around(i):
    return [frozenset(j + 1 for j in PLAYERS if w[j]) for w in WINDOWS if w[i]]


def overlapping(c: Callable) -> Callable:
    def share(kappa, i):
        around = windows_around(i)
        return occlusion_patch.overlap(support(kappa), around, [c(w, around) for w in around])

    return share


def cells(share: Callable, activations=ACTIVATIONS) -> Callable:
    """κ as [channel][position]; the receivers are the two positions."""
    maps = [rationals(row) for row in activations]
    return lambda kappa, p: share([kappa[:2], kappa[2:]], maps, p)


def fitted(kappa, i):
    s = len(support(kappa))
    inside, outside = lime.shares(s, N, *lime.covariances(N, s, tuple(rationals(KERNEL))))
    return inside if kappa[i] else outside


UNIT = {"u": U}
CELLS = {"c": np.arange(4).reshape(2, 2)}
RULE = {
    "gradient_x_input": ({}, by_exponent(gradient_x_input.share)),
    "gradient_x_input/input": ({}, by_exponent(gradient_x_input.share_from_the_input)),
    "gradient_x_input/plain_x": (
        {"x": INPUT, "Delta": DELTA},
        lambda k, i: gradient_x_input.share_of_the_input(sp.Integer(k[i]), exact(INPUT[i]), exact(DELTA[i])),
    ),
    "smooth_grad": (
        {"sigma": SIGMA, "Delta": DELTA},
        lambda k, i: smooth_grad.share(
            first(k, i), first([exact(a / b) for a, b in zip(SIGMA, DELTA, strict=True)], i)
        ),
    ),
    "smooth_grad/input": (
        {"sigma": SIGMA, "Delta": DELTA},
        lambda k, i: smooth_grad.share_from_the_input(
            first(k, i), first([exact(a / b) for a, b in zip(SIGMA, DELTA, strict=True)], i)
        ),
    ),
    "smooth_grad/coefficients": (
        {"sigma": SIGMA, "Delta": DELTA},
        lambda k, i: smooth_grad.share_of_coefficients(
            first(k, i), first(rationals(DELTA), i), first(rationals(SIGMA), i)
        ),
    ),
    "integrated_gradients": ({}, by_exponent(integrated_gradients.share)),
    "integrated_gradients/quadrature": (
        {"alpha": NODES, "omega": MASSES},
        by_exponent(lambda k, m: quadrature.share(k, m, rationals(NODES), rationals(MASSES))),
    ),
    "expected_gradients": ({}, by_exponent(expected_gradients.share)),
    "grad_cam": (CELLS, cells(grad_cam.share)),
    "grad_cam/general": (CELLS | {"A": ACTIVATIONS}, cells(grad_cam.share_of_any_head)),
    "grad_cam/coefficients": (CELLS | {"A": SILENT}, cells(grad_cam.share_of_coefficients, SILENT)),
    "grad_cam/input": (CELLS | {"A": SILENT}, cells(grad_cam.share_from_the_input, SILENT)),
    "occlusion_1": ({}, by_coalition(occlusion_1.share)),
    "occlusion_1/input": ({}, by_coalition(occlusion_1.share_from_the_input)),
    "occlusion_patch": (
        {"patch": PATCH},
        lambda k, i: occlusion_patch.share(support(k), window_of(i, PATCH)),
    ),
    "occlusion_patch/shared": (
        {"patch": PATCH},
        lambda k, i: occlusion_patch.shared(support(k), window_of(i, PATCH)),
    ),
    "occlusion_patch/windows": (
        {"W": WINDOWS},
        overlapping(lambda w, around: sp.Rational(1, len(around))),
    ),
    "occlusion_patch/windows_shared": (
        {"W": WINDOWS},
        overlapping(lambda w, around: sp.Rational(1, len(w))),
    ),
    "occlusion_patch/windows_weighted": (
        {"W": WINDOWS, "c": [[F(1, 2 + q + 3 * j) * w[j] for j in PLAYERS] for q, w in enumerate(WINDOWS)]},
        lambda k, i: occlusion_patch.overlap(
            support(k),
            windows_around(i),
            [sp.Rational(1, 2 + q + 3 * i) for q, w in enumerate(WINDOWS) if w[i]],
        ),
    ),
    "prediction_difference": ({}, by_coalition(prediction_difference.share)),
    "shapley": ({}, by_size(shapley.share)),
    "lrp_epsilon": (
        UNIT | {"c": C, "epsilon": EPSILON},
        by_exponent(lambda k, m: lrp_epsilon.share(k, m, exact(P + Q), exact(D))),
    ),
    "lrp_epsilon/relu": (
        UNIT | {"c": C, "epsilon": EPSILON},
        by_exponent(
            lambda k, m: (
                lrp_epsilon.share_from_the_input(exact(Z), sp.Integer(1), exact(D)) * int(k == m == 1)
            )
        ),
    ),
    "lrp_epsilon/input_frame": (
        UNIT | {"c": C, "epsilon": EPSILON, "y": F(7, 3), "slope": F(2, 5)},
        by_exponent(
            lambda k, m: (
                lrp_epsilon.share_from_the_input(exact(F(7, 3)), exact(F(2, 5)), exact(D)) * int(k == m == 1)
            )
        ),
    ),
    "lrp_epsilon/bias_free": (
        {},
        by_exponent(lambda k, m: lrp_epsilon.share(k, m, sp.Integer(1), sp.Integer(1))),
    ),
    "lrp_alpha_beta": (UNIT | {"alpha": ALPHA, "beta": BETA}, alpha_beta),
    "lrp_alpha_beta/bias": (
        UNIT | {"alpha": ALPHA, "beta": BETA, "c": C},
        lambda k, i: lrp_alpha_beta.biased(alpha_beta(k, i), exact(group(i)[1]), exact(C * (i < 2))),
    ),
    "deep_taylor": (UNIT, z_plus),
    "deep_taylor/bias": (UNIT | {"c": C}, lambda k, i: deep_taylor.biased(z_plus(k, i), exact(P), exact(C))),
    "deep_taylor/w2": ({"w": WEIGHTS}, lambda k, i: deep_taylor.share_by_squares(i, rationals(WEIGHTS))),
    "deep_taylor/z_B": (
        {"w": WEIGHTS, "x": INPUT, "low": LOW, "high": HIGH},
        lambda k, i: deep_taylor.share_in_a_box(i, *map(rationals, (INPUT, WEIGHTS, LOW, HIGH))),
    ),
    "deeplift_rescale": ({}, by_exponent(integrated_gradients.share)),
    "deeplift_reveal_cancel": (UNIT, reveal),
    "deep_shap": ({}, by_size(shapley.share)),
    "deep_shap/linear_activation": ({}, by_exponent(integrated_gradients.share)),
    "semivalue": ({"p": SEMI}, by_size(lambda s: semivalues.share(s, N, rationals(SEMI)))),
    "measure": (
        {"M": MOMENTS},
        by_exponent(lambda k, m: straight_paths.share(k, m, lambda power: exact(MOMENTS[int(power)]))),
    ),
    "power_path": ({"p": POWERS}, lambda k, i: paths.share(i, k, rationals(POWERS))),
    "lime": ({"pi": KERNEL}, fitted),
    "integrated_hessians": (
        {},
        lambda k, pair: integrated_hessians.share(k[pair // N], k[pair % N], sum(k)),
    ),
    "banzhaf_interaction": (
        {"k": 1},
        by_size(lambda s: banzhaf_interaction.claimed(1, s)),
    ),
}


@pytest.mark.parametrize("name", RULE)
def test_the_package_allocates_with_what_is_proved(name):
    context, proved = RULE[name]
    table = RULES[name].exact_ratios(np.asarray(KAPPAS), context)
    for kappa, row in zip(KAPPAS, table, strict=True):
        for receiver, ratio in enumerate(row):
            assert exact(F(ratio)) == proved(kappa, receiver), (kappa, receiver)


@pytest.mark.parametrize(
    ("name", "context", "proved"),
    [
        (
            "lrp_epsilon",
            UNIT | {"c": C, "epsilon": EPSILON},
            lambda i: lrp_epsilon.share_of_the_constant(exact(U[i]), exact(D)),
        ),
        ("lrp_alpha_beta", UNIT | {"alpha": ALPHA, "beta": BETA}, lambda i: alpha_beta((0,) * N, i)),
        (
            "lrp_alpha_beta/bias",
            UNIT | {"alpha": ALPHA, "beta": BETA, "c": C},
            lambda i: lrp_alpha_beta.biased(alpha_beta((0,) * N, i), exact(group(i)[1]), exact(C * (i < 2))),
        ),
        ("deep_taylor", UNIT, lambda i: z_plus((0,) * N, i)),
        (
            "deep_taylor/bias",
            UNIT | {"c": C},
            lambda i: deep_taylor.biased(z_plus((0,) * N, i), exact(P), exact(C)),
        ),
    ],
)
def test_the_constant_is_shared_as_proved(name, context, proved):
    shares = RULES[name].constant_shares(N, context, exact=True)
    assert [exact(F(share)) for share in shares] == [proved(i) for i in PLAYERS]


def test_the_theorem_a_rule_names_exists():
    assert {name: RULES[name].proof for name in RULES if RULES[name].proof not in THEOREMS} == {}


def test_every_row_of_the_fifteen_is_compared():
    rows = {name for name in RULES if not RULES[name].extra and RULES[name].kind != "none"}
    assert rows <= set(RULE)
