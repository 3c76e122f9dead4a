"""Ratios that are a little different from those of the fifteen methods: (theorem, what is wrong, claim)."""

import sympy as sp

from proofs import deep_shap, deep_taylor, grad_cam, lrp_alpha_beta, occlusion_patch, smooth_grad

one, half = sp.Integer(1), sp.Rational(1, 2)


def unchanged(k, m):
    return sp.sympify(k) / m


def squared_noise(kappa, rho):
    """ρ in place of ρ²."""
    return smooth_grad.share(kappa, [sp.sqrt(r) for r in rho])


def _without_cells_at_zero(kappa, A, p):
    """0 for every term that holds a cell at 0."""
    cells = [(e, a) for es, row in zip(kappa, A, strict=True) for e, a in zip(es, row, strict=True)]
    if any(e and a == 0 for e, a in cells):
        return sp.Integer(0)
    return grad_cam.share_of_coefficients(kappa, A, p)


FALSE_RATIOS = [
    ("gradient_x_input", "κ_i/m", unchanged),
    ("gradient_x_input", "1[κ_i > 0]", lambda k, m: sp.Integer(k != 0)),
    ("gradient_x_input", "frame input: every pure term", {"from_the_input": lambda k, m: sp.Integer(k == m)}),
    ("gradient_x_input", "frame input: κ_i", {"from_the_input": lambda k, m: sp.sympify(k)}),
    ("gradient_x_input", "times x: κ_i", {"times_input": lambda k, x, delta: sp.sympify(k)}),
    ("integrated_gradients", "κ_i", lambda k, m: sp.sympify(k)),
    ("integrated_gradients", "κ_i/(m+1)", lambda k, m: sp.sympify(k) / (m + 1)),
    ("smooth_grad", "M_κ for M_{κ−1}", lambda k, r: k[0] * smooth_grad.moment(k[0], r[0])),
    (
        "smooth_grad",
        "the others without noise",
        lambda k, r: k[0] * smooth_grad.moment(max(k[0] - 1, 0), r[0]),
    ),
    ("smooth_grad", "ρ for ρ²", squared_noise),
    ("smooth_grad", "no noise, which is Gradient × Input", lambda k, r: sp.Integer(k[0])),
    (
        "smooth_grad",
        "frame input: no noise",
        {"from_the_input": lambda k, r: sp.Integer(k[0] == sum(k) == 1)},
    ),
    (
        "smooth_grad",
        "frame input: halved",
        {"from_the_input": lambda k, r: smooth_grad.share_from_the_input(k, r) / 2 ** (sum(k) // 2)},
    ),
    (
        "smooth_grad",
        "coefficients: σ without noise in the others",
        {"of_coefficients": lambda k, d, sigma: smooth_grad.share_of_coefficients(k, d, [sigma[0], 0])},
    ),
    ("expected_gradients", "κ_i", lambda k, m: sp.sympify(k)),
    ("expected_gradients", "1[κ_i > 0]/2", lambda k, m: half * sp.Integer(k != 0)),
    ("expected_gradients", "the weight 1 at the mean", {"at_the_mean": lambda tau, delta: one}),
    ("expected_gradients", "1 + τ²/Δ²", {"at_the_mean": lambda tau, delta: 1 + tau**2 / delta**2}),
    (
        "grad_cam",
        "the first channel only",
        lambda kappa, A, p: sp.sympify(kappa[0][p]),
    ),
    (
        "grad_cam",
        "a mean over positions",
        lambda kappa, A, p: sp.Add(*(e for row in kappa for e in row)) / len(A[0]),
    ),
    ("grad_cam", "any head: that of pooled features", {"of_any_head": grad_cam.share}),
    (
        "grad_cam",
        "any head: a sum over positions",
        {"of_any_head": lambda kappa, A, p: len(A[0]) * grad_cam.share_of_any_head(kappa, A, p)},
    ),
    ("grad_cam", "cells at 0: ignored", {"of_coefficients": _without_cells_at_zero}),
    (
        "grad_cam",
        "frame of the input: all orders",
        {"from_the_input": lambda kappa, A, p: grad_cam.spread(kappa, A, grad_cam.moved(A), p)},
    ),
    ("occlusion_1", "1/|S|, which is Shapley", lambda i, S: sp.Rational(i in S, len(S))),
    ("occlusion_1", "1[S = {i}]", lambda i, S: sp.Integer({i} == S)),
    ("occlusion_1", "frame input: 1[i ∈ S]", {"from_the_input": lambda i, S: sp.Integer(i in S)}),
    ("occlusion_patch", "1[S ⊆ W]", lambda S, W: sp.Integer(S <= W)),
    ("occlusion_patch", "|S∩W|", lambda S, W: sp.Integer(len(S & W))),
    ("occlusion_patch", "shared: |S∩W|/|W|", {"shared": lambda S, W: sp.Rational(len(S & W), len(W))}),
    ("occlusion_patch", "shared: not divided", {"shared": occlusion_patch.share}),
    (
        "occlusion_patch",
        "overlapping: as if S met every window",
        {"overlap": lambda S, windows, c: sp.Add(*c)},
    ),
    ("prediction_difference", "1[S = {i}]", lambda i, S: sp.Integer({i} == S)),
    ("prediction_difference", "1/|S|", lambda i, S: sp.Rational(i in S, len(S))),
    ("shapley", "1", lambda s: one),
    ("shapley", "2^{1−s}, which is Banzhaf", lambda s: sp.Integer(2) ** (1 - s)),
    ("lrp_epsilon", "κ_i/m", lambda k, m, U, d: sp.sympify(k) / m),
    ("lrp_epsilon", "(U/d) κ_i", lambda k, m, U, d: U / d * k),
    ("lrp_epsilon", "the constant is nobody's", {"of_the_constant": lambda u, d: sp.Integer(0)}),
    ("lrp_epsilon", "frame input: 1", {"from_the_input": lambda value, slope, d: one}),
    ("lrp_epsilon", "frame input: no slope", {"from_the_input": lambda value, slope, d: value / d}),
    (
        "lrp_alpha_beta",
        "nothing leaks",
        lambda k, order, u, total, factor: sp.Integer(0) if order == 0 else factor * k / order,
    ),
    ("lrp_alpha_beta", "u_i/P throughout", lambda k, order, u, total, factor: factor * u / total),
    (
        "lrp_alpha_beta",
        "α forgotten",
        lambda k, order, u, total, factor: lrp_alpha_beta.share(k, order, u, total, one),
    ),
    ("lrp_alpha_beta", "the bias makes no difference", {"with_bias": lambda weight, total, bias: weight}),
    (
        "lrp_alpha_beta",
        "the bias subtracted",
        {"with_bias": lambda weight, total, bias: weight * total / (total - bias)},
    ),
    ("deep_taylor", "z⁺: nothing leaks", lambda k, order, u, P: sp.Integer(0) if order == 0 else k / order),
    ("deep_taylor", "z⁺: α = 2", lambda k, order, u, P: 2 * deep_taylor.share(k, order, u, P)),
    ("deep_taylor", "w²: |w|", {"by_squares": lambda i, w: sp.Abs(w[i]) / sp.Add(*map(sp.Abs, w))}),
    (
        "deep_taylor",
        "z^B: the bounds exchanged",
        {"in_a_box": lambda i, x, w, low, high: deep_taylor.share_in_a_box(i, x, w, high, low)},
    ),
    ("deep_taylor", "z⁺: the bias makes no difference", {"with_bias": lambda weight, P, bias: weight}),
    ("deeplift_rescale", "κ_i", lambda k, m: sp.sympify(k)),
    ("deeplift_rescale", "1[κ_i > 0]/2", lambda k, m: half * sp.Integer(k != 0)),
    ("deeplift_reveal_cancel", "κ_i/m", lambda k, own, other: sp.sympify(k) / (own + other)),
    (
        "deeplift_reveal_cancel",
        "mixed terms whole",
        lambda k, own, other: sp.Integer(0) if own == 0 else sp.sympify(k) / own,
    ),
    ("deep_shap", "1/2", lambda s: half),
    ("deep_shap", "1", lambda s: one),
    ("deep_shap", "by parts: 1[κ_i > 0]/2", {"by_parts": lambda k, m: half * sp.Integer(k != 0)}),
    ("deep_shap", "max pooling: the largest takes all", {"pooled": lambda a: [a[0], *[0] * (len(a) - 1)]}),
    (
        "deep_shap",
        "max pooling: not divided",
        {"pooled": lambda a: [(i + 1) * share for i, share in enumerate(deep_shap.increments(a))]},
    ),
]
