from fractions import Fraction

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from taylorattr.effects.symbolic import symbolic_effects
from taylorattr.errors import BudgetError, NonFiniteError, OptionError, ShapeError
from taylorattr.maths.frames import other_frame_terms
from taylorattr.maths.polynomials import by_support, evaluate, taylor_effects
from taylorattr.maths.subsets import Coalitions
from tests.strategies import points, polynomials

X = sympy.symbols("x0:4")


def expression(p):
    return sum(c * sympy.prod(s**k for s, k in zip(X, kappa, strict=False)) for kappa, c in p.items())


def rational(value):
    return Fraction(int(value.p), int(value.q))


@st.composite
def cases(draw):
    p = draw(polynomials(max_order=3))
    n = len(next(iter(p)))
    return p, n, draw(points(n)), draw(points(n))


def test_the_hand_worked_example():
    effects = symbolic_effects(3 * X[0] + X[1] ** 2 + 3 * X[0] * X[1] ** 2, X[:2], (1, 2))
    assert effects.terms == {(1, 0): 3, (0, 2): 4, (1, 2): 12}
    assert effects.harsanyi == {(0,): 3, (1,): 4, (0, 1): 12}
    assert effects.delta == 19 and effects.exhaustive and effects.order == 3


@settings(max_examples=40)
@given(cases())
def test_polynomials_are_exact_in_both_frames(case):
    p, n, x, b = case
    expected = taylor_effects(p, x, b)
    for frame, terms in (("baseline", expected), ("input", other_frame_terms(expected))):
        effects = symbolic_effects(expression(p), X[:n], x, b, frame=frame)
        assert {k: rational(v) for k, v in effects.terms.items()} == terms
        supports = by_support(terms)
        found = {c: rational(v) for c, v in effects.harsanyi.items()}
        assert found == {c: supports.get(c, 0) for c in Coalitions(n, n) if c}
        assert rational(effects.delta) == evaluate(p, x) - evaluate(p, b)


def test_floats_are_taken_as_the_fractions_they_are():
    effects = symbolic_effects(X[0] ** 2, X[:1], (0.1,))
    assert effects.terms == {(2,): sympy.Rational(0.1) ** 2}
    assert symbolic_effects(X[0], X[:1], torch.tensor([0.5])).terms == {(1,): sympy.Rational(1, 2)}
    assert symbolic_effects(X[0], X[:1], {X[0]: Fraction(1, 3)}).terms == {(1,): sympy.Rational(1, 3)}


def test_a_function_that_is_no_polynomial():
    effects = symbolic_effects(sympy.tanh(X[0] + 2 * X[1]), X[:2], (sympy.Rational(1, 2), 1), order=3)
    # tanh z = z − z³/3: I(κ) = −(1/3) (3!/κ!) u^κ at order 3, u = (1/2, 2), eq. (5)
    half = sympy.Rational(1, 2)
    assert effects.terms == {
        (1, 0): half,
        (0, 1): 2,
        (3, 0): -(half**3) / 3,
        (2, 1): -(half**2) * 2,
        (1, 2): -half * 4,
        (0, 3): -sympy.Rational(8, 3),
    }
    assert not effects.exhaustive
    expected = sympy.tanh(sympy.Rational(5, 2)) - sympy.tanh(2) - sympy.tanh(half)
    assert sympy.simplify(effects.harsanyi[(0, 1)] - expected) == 0


def test_frame_x_of_an_analytic_function():
    # exp(u + v) at (1, 1) towards 0: I^x(κ) = (−1)^{m+1} e²/κ!, eq. (6)
    effects = symbolic_effects(sympy.exp(X[0] + X[1]), X[:2], (1, 1), order=2, frame="input")
    square = sympy.exp(2)
    assert effects.terms == {
        (1, 0): square,
        (0, 1): square,
        (2, 0): -square / 2,
        (1, 1): -square,
        (0, 2): -square / 2,
    }
    assert sympy.simplify(sum(effects.harsanyi.values()) - effects.delta) == 0


def test_kinks_have_exact_coalition_effects_and_no_terms():
    effects = symbolic_effects(sympy.Max(X[0], X[1]), X[:2], (10, 6))
    assert effects.harsanyi == {(0,): 10, (1,): 6, (0, 1): -6} and effects.terms == {}
    assert effects.order == 0 and effects.delta == 10


def test_results_become_tables():
    effects = symbolic_effects(3 * X[0] + X[1] ** 2 + 3 * X[0] * X[1] ** 2 + 1, X[:2], (1, 2))
    taylor = effects.to_taylor_effects()
    assert taylor.order == 3 and taylor.names == ("x0", "x1") and taylor.converged.tolist() == [True]
    assert taylor["x0", "x1", "x1"].tolist() == [12.0] and taylor.remainder.tolist() == [0.0]
    assert taylor.interactions.values.tolist() == effects.to_harsanyi_effects().values.tolist()
    assert effects.to_harsanyi_effects().values.tolist() == [[1.0, 3.0, 4.0, 12.0]]
    second = effects.to_taylor_effects(order=2)
    assert second.remainder.tolist() == [12.0] and second.converged.tolist() == [False]
    assert effects.to_taylor_effects(order=5).order == 5  # a polynomial has no more terms: zeros
    with pytest.raises(OptionError, match="orders 1 … 2"):
        symbolic_effects(sympy.exp(X[0]), X[:1], (1,), order=2).to_taylor_effects(3)


def test_repr_lists_exact_numbers():
    text = repr(symbolic_effects(X[0] * X[1] / 3, X[:2], (1, 2)))
    assert "(1, 1): 2/3" in text and "J(x0, x1) = 2/3" in text and "frame baseline" in text


@pytest.mark.parametrize(
    ("error", "message", "call"),
    (
        (
            ShapeError,
            "inputs hold 1 numbers; expected one per symbol, 2",
            lambda: symbolic_effects(1, X[:2], (1,)),
        ),
        (ShapeError, "lack a number for x1", lambda: symbolic_effects(1, X[:2], {X[0]: 1})),
        (OptionError, "also contains x2", lambda: symbolic_effects(X[2], X[:2], (1, 1))),
        (OptionError, "symbols is empty", lambda: symbolic_effects(1, (), ())),
        (OptionError, "order=0", lambda: symbolic_effects(X[0], X[:1], (1,), order=0)),
        (OptionError, "frame='x'", lambda: symbolic_effects(X[0], X[:1], (1,), frame="x")),
        (NonFiniteError, "inputs: x0 = nan", lambda: symbolic_effects(X[0], X[:1], (float("nan"),))),
        (NonFiniteError, "move the input or the baseline", lambda: symbolic_effects(1 / X[0], X[:1], (1,))),
        (
            NonFiniteError,
            "where the series starts",
            lambda: symbolic_effects(X[0] ** 0.5, X[:1], (1,), order=1),
        ),
        (BudgetError, "17 symbols have", lambda: symbolic_effects(1, sympy.symbols("y:17"), [1] * 17)),
    ),
)
def test_what_is_wrong_is_said(error, message, call):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "kinked", ["Abs(a)", "Max(a, c)", "floor(a)", "Heaviside(a)", "Piecewise((a, a > 0), (2 * a, True))"]
)
def test_no_series_starts_on_a_kink(kinked):
    a, c = sympy.symbols("a c")
    expression = sympy.sympify(kinked, {"a": a, "c": c}) + a * c
    assert symbolic_effects(expression, (a, c), (1, 2)).harsanyi  # coalition effects need no series
    with pytest.raises(NonFiniteError, match="kink"):
        symbolic_effects(expression, (a, c), (1, 2), order=2)


def test_kinks_away_from_the_start_are_no_reason_to_refuse():
    a, c = sympy.symbols("a c")
    effects = symbolic_effects(sympy.Abs(a + 1) * c + sympy.Max(a, c + 3), (a, c), (1, 2), order=2)
    assert effects.terms == {(0, 1): 4, (1, 1): 2}
    assert symbolic_effects(a * sympy.sign(a), (a,), (1,), (-1,), order=2).terms == {(1,): -2}


def test_a_derivative_sympy_does_not_know_is_refused():
    a = sympy.Symbol("a")
    with pytest.raises(NonFiniteError, match="not a finite number"):
        symbolic_effects(sympy.zeta(a + 2), (a,), (1,), order=1)


def test_a_symbol_named_twice_is_refused():
    a = sympy.Symbol("a")
    with pytest.raises(OptionError, match="twice"):
        symbolic_effects(a, (a, a), (1, 2))
