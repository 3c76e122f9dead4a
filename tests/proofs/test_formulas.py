"""The formulas of the package, as sympy expressions, go through the proofs in place of those stated there."""

from collections.abc import Callable
from functools import cache

import pytest
import sympy as sp

from proofs.catalogue import THEOREMS
from proofs.theorem import ProofError, check
from taylorattr.allocation.lrp_alpha_beta import DOWN, UP, P, kappa_minus, kappa_plus
from taylorattr.allocation.lrp_epsilon import u
from taylorattr.allocation.rule import RULES
from taylorattr.allocation.symbols import i, kappa, m, s


def real(names: str):
    return sp.symbols(names, real=True)


def filled(name: str, *, constant: bool = False, **letters) -> Callable[..., sp.Expr]:
    """Return the formula of a rule, its letters filled in from arguments in the order they are named."""
    formula = RULES[name].constant if constant else RULES[name].symbolic

    @cache
    def claim(*values):
        pairs = dict(zip(letters.values(), map(sp.sympify, values), strict=True))
        return formula.subs(pairs, simultaneous=True).doit()

    return claim


def of_exponents(name: str) -> Callable[..., sp.Expr]:
    return filled(name, k=kappa[i], m=m)


def of_size(name: str) -> Callable[..., sp.Expr]:
    formula = RULES[name].symbolic
    return cache(lambda size: formula.subs(kappa[i], 1).subs(s, size))


def in_a_group(name: str, *, factor: sp.Symbol | None = None) -> Callable[..., sp.Expr]:
    """Return the formula for i ∈ N+ from κ_i, |κ+|, u_i, P and, where there is one, α."""
    formula = RULES[name].symbolic.subs({UP: 1, DOWN: 0})

    @cache
    def claim(k, order, own, total, *rest):
        values = dict(
            zip((kappa[i], kappa_plus, u[i], P), map(sp.sympify, (k, order, own, total)), strict=True)
        )
        return formula.subs(values | ({factor: rest[0]} if rest else {}), simultaneous=True)

    return claim


@cache
def revealed(k, own, other):
    rule = RULES["deeplift_reveal_cancel"]
    formula = rule.symbolic.subs({UP: 1, DOWN: 0})
    if own == 0:
        return sp.Integer(0) if k == 0 else sp.nan
    (half, share), *_ = rule.where.items()
    values = {kappa[i]: k, kappa_plus: own, kappa_minus: other}
    return formula.subs(half, share).subs(values, simultaneous=True)


FORMULAS = [
    ("gradient_x_input", {"ratio": of_exponents("gradient_x_input")}),
    ("integrated_gradients", {"ratio": of_exponents("integrated_gradients")}),
    ("expected_gradients", {"ratio": of_exponents("expected_gradients")}),
    ("shapley", {"ratio": of_size("shapley")}),
    (
        "lrp_epsilon",
        {
            "ratio": filled("lrp_epsilon", k=kappa[i], m=m, U=real("U"), d=real("d")),
            "of_the_constant": filled("lrp_epsilon", constant=True, u=u[i], d=real("d")),
        },
    ),
    ("lrp_alpha_beta", {"ratio": in_a_group("lrp_alpha_beta", factor=real("alpha"))}),
    ("deep_taylor", {"ratio": in_a_group("deep_taylor")}),
    ("deeplift_rescale", {"ratio": of_exponents("deeplift_rescale")}),
    ("deeplift_reveal_cancel", {"ratio": revealed}),
    (
        "deep_shap",
        {"ratio": of_size("deep_shap"), "by_parts": of_exponents("deep_shap/linear_activation")},
    ),
]


@pytest.mark.parametrize(("name", "claims"), FORMULAS, ids=[name for name, _ in FORMULAS])
def test_a_formula_of_the_package_is_proved(name, claims):
    assert check(THEOREMS[name].prove(**claims))


@pytest.mark.parametrize(("name", "claims"), FORMULAS, ids=[name for name, _ in FORMULAS])
def test_the_same_formula_doubled_is_refused(name, claims):
    for letter, claim in claims.items():
        doubled = {letter: lambda *values, claim=claim: 2 * claim(*values)}
        with pytest.raises(ProofError):
            check(THEOREMS[name].prove(**claims | doubled))
