"""Claims about frames, networks and families of rules that are a little different from what is proved."""

import sympy as sp

from proofs import formal_allocation, lime, nearest_ratios, shapley_among_semivalues

one, half, third = sp.Integer(1), sp.Rational(1, 2), sp.Rational(1, 3)


def without_signs(kappa, mu):
    return sp.Mul(*(sp.binomial(k, m) for k, m in zip(kappa, mu, strict=True)))


def without_binomials(kappa, mu):
    return sp.Integer(-1) ** (sum(mu) + 1)


def first_half_only(unit, own, other):
    """The average over one order of the two parts in place of both."""
    return formal_allocation.multiplier(unit, own, sp.Integer(0))


def gradient(unit, own, other):
    """The slope at the input in place of the mean slope: Gradient × Input through the network."""
    z = sp.Symbol("z")
    return sp.diff(unit.at(z), z).subs(z, own + other)


def banzhaf_weight(t, n):
    return sp.Integer(2) ** (1 - n)


def by_ratio(w, q):
    """Normalised in place of projected."""
    return [a / sp.Add(*w) for a in w]


def unweighted(w, q):
    """The projection for q = 1."""
    return nearest_ratios.nearest(w, [one] * len(w))


def without_leak(s, n, c0, c1, g, h):
    return lime.shares(s, n, c0, c1, g, h)[0], sp.Integer(0)


def s_exchanged(s, n, c0, c1, g, h):
    """τ with n − s + 1 in place of n − s."""
    tau = c1 * (s * g + (n - s + 1) * h) / (c0 + (n - 1) * c1)
    return (g - tau) / (c0 - c1), (h - tau) / (c0 - c1)


def first_of(order, S):
    return min(S, key=order.index)


def equal_among(i, S, marks):
    return sp.Rational(1, len(S))


def squared_weight(i, S, weights):
    return weights[i] ** 2 / sp.Add(*(weights[j] ** 2 for j in S))


def equal_rows(w, q):
    """Shapley in place of the nearest row."""
    return [sp.Rational(1, len(w))] * len(w)


def half_way(w, q):
    """Half of what a row lacks."""
    return [(a + b) / 2 for a, b in zip(w, nearest_ratios.nearest(w, q), strict=True)]


FALSE_FAMILIES = [
    ("random_orders", "the first member receives", first_of),
    ("random_orders", "weights squared", {"weighted": squared_weight}),
    ("random_orders", "groups forgotten", {"grouped": equal_among}),
    ("criteria_in_both_frames", "no signs", without_signs),
    ("criteria_in_both_frames", "no binomials", without_binomials),
    ("repair_twice", "equal parts whatever the row", equal_rows),
    ("repair_twice", "half of what is lacking", half_way),
    ("symmetrised", "outsiders too", lambda i, S: sp.Rational(1, len(S) + 1)),
    ("frame_of_ratios", "no signs", without_signs),
    ("frame_of_ratios", "no binomials", without_binomials),
    ("coverage_of_effects", "an effect is handed out once", lambda r, effect: effect),
    ("coverage_of_effects", "every term once", {"sums": lambda m: one}),
    ("truncated_ratios", "one power of ρ too many", lambda rho, K: rho**-K / (rho - 1)),
    (
        "truncated_ratios",
        "a constant more, which only the limit shows",
        lambda rho, K: 1 + rho ** (1 - K) / (rho - 1),
    ),
    ("truncated_gradients", "m C(n+m−1, m), not divided by n", lambda n, m: m * sp.binomial(n + m - 1, m)),
    ("truncated_gradients", "the number of terms", lambda n, m: sp.binomial(n + m - 1, m)),
    (
        "truncated_gradients",
        "a constant more, which only the limit shows",
        {"rest": lambda r, K: 1 + r ** (K + 1) * (K + 1 - K * r) / (1 - r) ** 2},
    ),
    ("truncated_gradients", "without the factor m", {"rest": lambda r, K: r ** (K + 1) / (1 - r)}),
    ("quadrature", "κ_i/m", lambda k, m, nodes, weights: sp.sympify(k) / m),
    (
        "quadrature",
        "α^m",
        lambda k, m, nodes, weights: k * sp.Add(*(w * a**m for a, w in zip(nodes, weights, strict=True))),
    ),
    ("integrated_gradients_by_effect", "no signs", lambda s, t: one),
    ("integrated_gradients_by_effect", "(−1)^t for (−1)^{s−t}", lambda s, t: sp.Integer(-1) ** t),
    ("lrp_zero_is_gradient", "the slope, also with ε and for smooth units", lambda z, slope, value, d: slope),
    ("lrp_zero_is_gradient", "σ(z)/z, also with ε", lambda z, slope, value, d: value / z),
    ("lrp_zero_is_gradient", "z/d without the gate", lambda z, slope, value, d: z / d),
    ("one_hidden_layer", "κ_i", lambda k, m: sp.sympify(k)),
    ("one_hidden_layer", "Deep SHAP: 1", {"of_components": lambda s: one}),
    (
        "one_hidden_layer",
        "RevealCancel: κ_i/m",
        {"revealed": lambda k, own, other: sp.sympify(k) / (own + other)},
    ),
    ("formal_allocation", "one order of the parts", first_half_only),
    ("formal_allocation", "the slope at the input", gradient),
    ("cancelled_effects", "Integrated Gradients for the square too", (2 * third, third)),
    ("cancelled_effects", "halves for the layer too", {"powers": (half, half)}),
    ("banzhaf_interaction", "1/(t−s+1), which is SII", lambda s, t: one / (t - s + 1)),
    ("nearest_ratios", "normalised", by_ratio),
    ("nearest_ratios", "q left out", unweighted),
    ("mixtures", "added", lambda first, second: first + second),
    ("mixtures", "multiplied", lambda first, second: first * second),
    ("shapley_among_semivalues", "Banzhaf", banzhaf_weight),
    (
        "shapley_among_semivalues",
        "WeightedSHAP's with an uneven ω",
        lambda t, n: shapley_among_semivalues.shapley_weight(t, n) * (t + 1),
    ),
    ("straight_paths", "M_m", lambda k, m, moment: k * moment(sp.sympify(m))),
    ("straight_paths", "M_{κ_i−1}", lambda k, m, moment: k * moment(sp.sympify(k) - 1)),
    ("paths", "κ_i/m on every path", lambda i, kappa, powers: sp.sympify(kappa[i]) / sp.Add(*kappa)),
    (
        "paths",
        "p_i/Σ p",
        lambda i, kappa, powers: sp.sympify(powers[i]) / sp.Add(*powers),
    ),
    ("lime", "no leak", without_leak),
    ("lime", "τ counted with one player more", s_exchanged),
    ("taylor_poda", "ξ", lambda xi: xi),
    ("taylor_poda", "nothing withheld", lambda xi: sp.Integer(0)),
    ("archipelago", "1[S meets the pair]", lambda pair, S: sp.Integer(bool(pair & S))),
    ("archipelago", "1[S = the pair]", lambda pair, S: sp.Integer(pair == S)),
]
