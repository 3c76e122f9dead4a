"""What every confirmation does: direct scores of a model beside the allocation of its effects."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import sympy as sp
import torch
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.allocation.allocate import blocks
from taylorattr.allocation.symbols import Indicator, kappa
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.maths.frames import other_frame_terms
from taylorattr.maths.multi_index import enumerate_up_to
from taylorattr.maths.polynomials import evaluate
from taylorattr.toys import Polynomial
from tests.strategies import points, polynomials

RELATIVE = 1e-10
"""Of Σ_κ |w_i(κ) I(κ)|: a few thousand roundings at most, far from the 1 % of a wrong ratio."""


def row(values):
    return torch.tensor([[float(v) for v in values]], dtype=torch.float64)


def table(polynomial, x, b, frame="baseline", order=None):
    """Exact effects of a polynomial {κ: c} as float64 TaylorEffects of one example."""
    terms = Polynomial(polynomial).effects(x, b)
    terms = other_frame_terms(terms) if frame == "input" else terms
    order = order or max((sum(k) for k in terms), default=1)
    values = [float(terms.get(tuple(int(e) for e in k), 0)) for k in enumerate_up_to(len(x), order)]
    f_x, f_b = (torch.tensor([float(evaluate(polynomial, at))], dtype=torch.float64) for at in (x, b))
    return TaylorEffects(
        values=torch.tensor([values], dtype=torch.float64),
        order=order,
        names=tuple(f"x{j}" for j in range(len(x))),
        frame=frame,
        delta=f_x - f_b,
        f_input=f_x,
        f_baseline=f_b,
        converged=torch.tensor([True]),
        reasons=("polynomial",),
    )


def sizes(rule, effects, context=None):
    """Σ_κ |w_i(κ) I(κ)| of every receiver: what rounding is measured against."""
    rule = ta.RULES[rule] if isinstance(rule, str) else rule
    count = len(rule.receiver_names(effects.names, context))
    total = np.zeros((effects.batch, count))
    for columns, kappas in blocks(effects, count):
        values = np.abs(effects.values[:, columns].double().numpy())
        total += values @ np.abs(rule.ratios(kappas, context, example=0))
    return total


def confirm(rule, effects, direct, context=None, relative=RELATIVE):
    """The reformulation theorem on one model: direct scores = Σ w·I."""
    allocated = ta.allocate(rule, effects, context)
    tables = effects if isinstance(effects, list) else [effects]
    scale = np.mean([sizes(rule, e, context) for e in tables], axis=0)
    difference = np.abs(allocated.player_scores.numpy() - np.asarray(direct, dtype=np.float64))
    assert (difference <= relative * np.maximum(scale, 1e-3)).all(), difference
    return allocated


def off_by_one_percent(rule, term, receiver=0):
    """The rule with one entry wrong: the share of one receiver in one term, 1 % too large."""
    rule = ta.RULES[rule] if isinstance(rule, str) else rule
    n = len(term)
    context = {"k": np.asarray(2), "Z": np.asarray(n)}
    letter = next(iter(rule.receivers.letters(n, context)))
    here = [Indicator(sp.Eq(kappa[j], power)) for j, power in enumerate(term)]
    wrong = 1 + sp.Rational(1, 100) * sp.prod(here) * Indicator(sp.Eq(letter, receiver + 1))
    return replace(rule, name=f"{rule.name}_wrong", symbolic=rule.symbolic * wrong)


def refuted(rule, effects, direct, context=None):
    """Whether :func:`confirm` notices that the rule is not the method."""
    try:
        confirm(rule, effects, direct, context)
    except AssertionError:
        return True
    return False


@st.composite
def cases(draw, min_variables=1):
    """A polynomial with integer coefficients, x and b that floats hold exactly, x_j ≠ b_j everywhere."""
    polynomial = draw(polynomials(min_variables=min_variables))
    n = len(next(iter(polynomial)))
    x = draw(points(n))
    steps = draw(st.lists(st.integers(-4, 4).filter(bool), min_size=n, max_size=n))
    return polynomial, x, tuple(v - Fraction(step, 4) for v, step in zip(x, steps, strict=True))
