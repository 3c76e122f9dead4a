import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.allocation.interpret import Interpreter
from taylorattr.allocation.symbols import (
    STANDARD,
    Bernoulli,
    Indicator,
    Moment,
    i,
    indexed,
    j,
    kappa,
    m,
    n,
    q,
    s,
)
from taylorattr.errors import OptionError, ShapeError
from taylorattr.maths.interaction_indices import bernoulli

F = Fraction
KAPPAS = st.lists(st.integers(0, 4), min_size=3, max_size=3).filter(any).map(tuple)
X, DELTA = [F(1, 2), F(-3), F(2)], [F(1), F(-3, 2), F(2)]
SIGMA = [F(1, 2), F(1), F(3)]
W = [[1, 1, 0], [0, 1, 1]]
CONTEXTS = {
    "gradient_x_input/plain_x": {"x": X, "Delta": DELTA},
    "smooth_grad": {"sigma": SIGMA, "Delta": DELTA},
    "smooth_grad/input": {"sigma": SIGMA, "Delta": DELTA},
    "smooth_grad/coefficients": {"sigma": SIGMA, "Delta": DELTA},
    "integrated_gradients/quadrature": {"alpha": [F(1, 4), F(3, 4)], "omega": [F(1, 3), F(2, 3)]},
    "occlusion_patch": {"patch": [0, 0, 1]},
    "occlusion_patch/shared": {"patch": [0, 0, 1]},
    "occlusion_patch/windows": {"W": W},
    "occlusion_patch/windows_shared": {"W": W},
    "occlusion_patch/windows_weighted": {"W": W, "c": [[F(1, 3), 2, 0], [0, -1, F(1, 5)]]},
    "semivalue": {"p": [F(1, 2), F(1, 3), F(1, 7)]},
    "semivalue/weighted_shap": {"omega": [F(3), F(1), F(1, 2)]},
    "measure": {"M": [F(1), F(1, 2), F(2, 5), *[F(1, k) for k in range(4, 14)]]},
    "measure/beta": {"a": F(1, 2), "b": F(2)},
    "power_path": {"p": [F(1), F(2), F(1, 3)]},
}


def normal_moment(k, mean, deviation):
    """E(μ + σZ)^k by the binomial theorem and the even moments (2r−1)!!."""
    odd = [math.prod(range(1, 2 * r, 2)) for r in range(k // 2 + 1)]
    return sum(
        math.comb(k, 2 * r) * odd[r] * deviation ** (2 * r) * mean ** (k - 2 * r) for r in range(k // 2 + 1)
    )


def smooth(k, c, i, mean, deviation):
    if not k[i]:
        return 0
    below = [p - (j == i) for j, p in enumerate(k)]
    return k[i] * math.prod(normal_moment(p, mean(j), deviation(j)) for j, p in enumerate(below))


def met(k, window):
    return any(p and w for p, w in zip(k, window, strict=True))


def size(k):
    return sum(p > 0 for p in k)


REFERENCE = {
    "gradient_x_input": lambda k, c, i: k[i],
    "gradient_x_input/input": lambda k, c, i: sum(k) == k[i] == 1,
    "gradient_x_input/plain_x": lambda k, c, i: k[i] * c["x"][i] / c["Delta"][i],
    "smooth_grad": lambda k, c, i: smooth(k, c, i, lambda j: 1, lambda j: c["sigma"][j] / c["Delta"][j]),
    "smooth_grad/input": lambda k, c, i: smooth(
        k, c, i, lambda j: 0, lambda j: c["sigma"][j] / c["Delta"][j]
    ),
    "smooth_grad/coefficients": lambda k, c, i: (
        c["Delta"][i] * smooth(k, c, i, lambda j: c["Delta"][j], lambda j: c["sigma"][j])
    ),
    "integrated_gradients": lambda k, c, i: F(k[i], sum(k)),
    "integrated_gradients/quadrature": lambda k, c, i: (
        k[i] * sum(w * a ** (sum(k) - 1) for a, w in zip(c["alpha"], c["omega"], strict=True))
    ),
    "expected_gradients": lambda k, c, i: F(k[i], sum(k)),
    "occlusion_1": lambda k, c, i: k[i] > 0,
    "occlusion_1/input": lambda k, c, i: k[i] > 0 and size(k) == 1,
    "occlusion_patch": lambda k, c, i: met(k, [v == c["patch"][i] for v in c["patch"]]),
    "occlusion_patch/shared": lambda k, c, i: F(
        met(k, [v == c["patch"][i] for v in c["patch"]]), c["patch"].count(c["patch"][i])
    ),
    "occlusion_patch/windows": lambda k, c, i: F(
        sum(met(k, w) for w in c["W"] if w[i]), sum(w[i] for w in c["W"])
    ),
    "occlusion_patch/windows_shared": lambda k, c, i: sum(F(met(k, w), sum(w)) for w in c["W"] if w[i]),
    "occlusion_patch/windows_weighted": lambda k, c, i: sum(
        c["c"][v][i] * met(k, w) for v, w in enumerate(c["W"])
    ),
    "prediction_difference": lambda k, c, i: k[i] > 0,
    "shapley": lambda k, c, i: F(k[i] > 0, size(k)),
    "semivalue": lambda k, c, i: (
        (k[i] > 0) * sum(math.comb(3 - size(k), t - size(k) + 1) * c["p"][t] for t in range(size(k) - 1, 3))
    ),
    "semivalue/banzhaf": lambda k, c, i: F(k[i] > 0, 2 ** (size(k) - 1)),
    "semivalue/weighted_shap": lambda k, c, i: (
        (k[i] > 0)
        * sum(
            math.comb(3 - size(k), t - size(k) + 1) * c["omega"][t] / (3 * math.comb(2, t))
            for t in range(size(k) - 1, 3)
        )
    ),
    "measure": lambda k, c, i: k[i] * c["M"][sum(k) - 1],
    "measure/first_order": lambda k, c, i: sum(k) == k[i] == 1,
    "measure/beta": lambda k, c, i: (
        k[i] * math.prod(((c["a"] + t) / (c["a"] + c["b"] + t) for t in range(sum(k) - 1)), start=F(1))
    ),
    "power_path": lambda k, c, i: k[i] * c["p"][i] / sum(a * b for a, b in zip(k, c["p"], strict=True)),
}
"""The same ratios again, as loops over numbers."""


@pytest.mark.parametrize("name", REFERENCE)
@settings(deadline=None, max_examples=20)
@given(k=KAPPAS)
def test_exact_and_floating_point_ratios_are_the_formula(name, k):
    rule, context = ta.RULES[name], CONTEXTS.get(name, {})
    expected = [Fraction(REFERENCE[name](k, context, i)) for i in range(3)]
    exact = rule.ratio(k, context)
    assert all(isinstance(value, Fraction) for value in exact) and list(exact) == expected
    floats = rule.ratios(np.array([k]), {key: np.array(v, dtype=float) for key, v in context.items()})
    np.testing.assert_allclose(floats[0], [float(v) for v in expected], rtol=1e-13, atol=0)


@pytest.mark.parametrize("k", range(6))
def test_a_moment_of_a_given_order_is_written_out(k):
    """E(μ + ρZ)^k by the binomial theorem, in symbols; μ is 1 unless given."""
    rho, mean = sp.symbols("rho mu", real=True)
    assert sp.expand(Moment(sp.Integer(k), rho, mean) - normal_moment(k, mean, rho)) == 0
    assert sp.expand(Moment(sp.Integer(k), rho) - normal_moment(k, sp.Integer(1), rho)) == 0


B = indexed("b")
PRODUCTS = {
    "term and receiver apart": (kappa[j] * B[j, i], lambda k, b, t, i: k[t] * b[t, i]),
    "a factor of both": (kappa[j] * kappa[i] * B[j, i], lambda k, b, t, i: k[t] * k[i] * b[t, i]),
    "only of the receiver": (B[j, i] * B[i, j], lambda k, b, t, i: b[t, i] * b[i, t]),
    "only of the term": (kappa[j] * j, lambda k, b, t, i: k[t] * (t + 1)),
    "a power of both": (2 * kappa[j] ** kappa[i], lambda k, b, t, i: 2 * k[t] ** k[i]),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_sum_of_products_is_the_sum_of_its_terms(name):
    """Whatever a factor depends on; where term and receiver come apart it is one product of matrices."""
    body, entry = PRODUCTS[name]
    kappas = np.array([[1, 2, 3], [2, 1, 1], [4, 1, 2], [1, 1, 5]])
    b = np.array([[2, -1, 3], [5, 7, -4], [1, 6, -2]])
    read = Interpreter(kappas, {"b": b}, STANDARD, {i: np.arange(3)}, exact=True)
    expected = [[sum(entry(k, b, t, at) for t in range(3)) for at in range(3)] for k in kappas]
    assert read(sp.Sum(body, (j, 1, n))).tolist() == expected


def test_every_rule_of_a_player_is_written_again_above():
    of_players = {
        name
        for name, rule in ta.RULES.items()
        if rule.receivers is ta.AllocationRule.__dataclass_fields__["receivers"].default
        and rule.scope in ("players", "coefficients")
        and name not in ("lime", "taylor_poda")  # tests of their own: fits and tables
    }
    assert of_players <= REFERENCE.keys(), of_players - REFERENCE.keys()


def unrolled(expression, players):
    """A ratio with its loops written out by sympy."""
    expression = expression.subs(STANDARD).subs(n, players)

    def write_out(node):
        (index, low, high), join = node.limits[0], sp.Add if isinstance(node, sp.Sum) else sp.Mul
        return join(*(node.function.subs(index, value) for value in range(int(low), int(high) + 1)))

    return expression.replace(lambda e: isinstance(e, sp.Sum | sp.Product), write_out)


@pytest.mark.parametrize(
    "name", ["gradient_x_input", "integrated_gradients", "shapley", "smooth_grad", "power_path"]
)
@settings(deadline=None, max_examples=10)
@given(k=KAPPAS)
def test_exact_ratios_are_what_sympy_makes_of_the_expression(name, k):
    rule, context = ta.RULES[name], CONTEXTS.get(name, {})
    written = unrolled(rule.symbolic, 3)
    values = {kappa[at + 1]: power for at, power in enumerate(k)}
    for quantity, entries in context.items():
        values |= {indexed(quantity)[at + 1]: sp.Rational(v) for at, v in enumerate(entries)}
    for player, found in enumerate(rule.ratio(k, context)):
        if name == "smooth_grad" and not k[player]:
            assert found == 0  # sympy has no moment of order −1 to multiply by 0
            continue
        by_sympy = written.subs(i, player + 1).subs(values).doit()
        assert found == Fraction(int(by_sympy.p), int(by_sympy.q))


def evaluate(expression, kappas=((1, 2),), exact=True, where=None, **values):
    kappas = np.array(kappas)
    read = Interpreter(
        kappas, {k: np.asarray(v) for k, v in values.items()}, {**STANDARD, **(where or {})},
        {i: np.arange(kappas.shape[1])}, exact,
    )  # fmt: skip
    return read(expression).tolist()


def test_a_quotient_by_zero_is_zero():
    a = indexed("a")
    assert evaluate(kappa[i] / a[i], a=[0, 2]) == [[0, 1]]
    assert evaluate(kappa[i] / a[i], a=[0.0, 2.0], exact=False) == [[0.0, 1.0]]


def test_loops_inside_loops_and_with_ends_that_differ_by_term():
    k = sp.Symbol("k", integer=True)
    assert evaluate(sp.Sum(kappa[j] * k, (k, 1, 3), (j, 1, n))) == [[18, 18]]
    # Σ_{q=1}^{κ_i} q, for κ = (1, 2) and (3, 0)
    assert evaluate(sp.Sum(q, (q, 1, kappa[i])), ((1, 2), (3, 0))) == [[1, 3], [6, 0]]
    assert evaluate(sp.Product(q, (q, 1, m)), ((1, 2), (1, 0))) == [[6, 6], [1, 1]]


def test_a_running_letter_starts_at_the_first_entry():
    a = indexed("a")
    from_zero, from_one = sp.Sum(q * a[q], (q, 0, 2)), sp.Sum(q * a[q], (q, 1, 3))
    assert evaluate(from_zero, a=[5, 7, 11]) == [[29, 29]] and evaluate(from_one, a=[5, 7, 11]) == [[52, 52]]
    assert evaluate(a[m - 1], ((1, 2), (1, 0)), a=[5, 7, 11]) == [[11, 11], [5, 5]]


def test_abbreviations_inside_a_loop_are_read_anew_in_every_turn():
    a, rho = indexed("a"), sp.Symbol("rho")
    assert evaluate(sp.Sum(rho, (j, 1, n)), where={rho: a[j] ** 2}, a=[2, 3]) == [[13, 13]]


def test_conditions_extremes_and_whole_functions():
    step = sp.Piecewise((sp.Max(kappa[i], 2), sp.And(kappa[i] > 0, s > 1)), (sp.Min(m, 7), True))
    assert evaluate(step, ((1, 3), (0, 9))) == [[2, 3], [7, 7]]
    both = sp.factorial(kappa[i]) * sp.binomial(m, kappa[i])
    assert evaluate(both, ((4, 2),)) == [[24 * 15, 2 * 15]]
    assert evaluate(sp.binomial(s - 2, m) + sp.factorial(s - 2), ((1, 0),)) == [[0, 0]]
    assert evaluate(sp.sign(kappa[i] - 2) * sp.Abs(kappa[i] - 5)) == [[-4, 0]]
    not_first = Indicator(sp.Not(sp.Eq(i, 1))) + Indicator(sp.Or(sp.Eq(i, 1), kappa[i] > 9))
    assert evaluate(not_first) == [[1, 1]]


def test_bernoulli_numbers_and_moments_in_both_arithmetics():
    powers = ((0, 1), (2, 4))
    expected = [[bernoulli(p) for p in row] for row in powers]
    assert evaluate(Bernoulli(kappa[i]), powers) == expected
    assert evaluate(Bernoulli(kappa[i]), powers, exact=False) == [[float(b) for b in row] for row in expected]
    a = indexed("a")
    moments = [[normal_moment(p, 3, F(1, 2)) for p in row] for row in powers]
    assert evaluate(Moment(kappa[i], a[i], 3), powers, a=[F(1, 2), F(1, 2)]) == moments
    assert sp.expand(Moment(sp.Integer(4), sp.Symbol("r"))).coeff("r", 4) == 3
    assert Bernoulli(sp.Integer(1)) == sp.Rational(-1, 2)


def test_what_cannot_be_read_is_said():
    a = indexed("a")
    with pytest.raises(OptionError, match="may not contain sin"):
        evaluate(sp.sin(kappa[i]))
    with pytest.raises(OptionError, match="contains z, which is neither κ, m, s nor a quantity"):
        evaluate(sp.Symbol("z") + kappa[i])
    with pytest.raises(OptionError, match=r"reads a\[…\], which the context lacks"):
        evaluate(a[i])
    with pytest.raises(ShapeError, match="reads entry 2 of 'a' .counted from 0., but there are 2"):
        evaluate(a[m - 1], a=[1, 1])
    with pytest.raises(OptionError, match="as an index, which is not a whole number"):
        evaluate(a[m / 2], a=[1, 1])
    with pytest.raises(OptionError, match="not rational; use ratios"):
        evaluate(m ** sp.Rational(1, 2))
    assert evaluate(m ** sp.Rational(1, 2), exact=False) == [[math.sqrt(3)] * 2]
    with pytest.raises(OptionError, match="may not contain the condition"):
        evaluate(Indicator(sp.Contains(m, sp.S.Integers, evaluate=False)))


def test_an_empty_table_has_an_empty_result():
    for name in ("shapley", "integrated_gradients", "k_sii", "semivalue/banzhaf"):
        found = ta.RULES[name].ratios(np.zeros((0, 3), dtype=int))
        assert found.shape[0] == 0


def test_a_letter_that_runs_inside_is_what_it_was_outside():
    # m is Σ_j κ_j itself, and stands inside a sum over j
    whole = sp.Sum((m + s) ** 2 * kappa[j] ** 2 + m, (j, 1, n))
    read = Interpreter(np.array([[1, 2, 0]]), {}, STANDARD, {i: np.arange(3)}, True)
    assert list(read(whole)[0]) == [(3 + 2) ** 2 * (1 + 4) + 3 * 3] * 3
    shadowed = sp.Sum(sp.Sum(kappa[j], (j, 1, n)) * kappa[j], (j, 1, n))
    read = Interpreter(np.array([[1, 2, 0]]), {}, STANDARD, {i: np.arange(3)}, True)
    assert list(read(shadowed)[0]) == [9] * 3
