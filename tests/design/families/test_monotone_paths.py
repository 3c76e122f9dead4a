"""Paths of straight pieces: shares against integrals and known rules, scores against tables and marginals."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr import toys
from taylorattr.errors import OptionError
from taylorattr.maths.polynomials import path_shares

design = ta.design
STAIRS = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]
BENT = [[0, 0, 0], [Fraction(1, 2), 0, Fraction(1, 4)], [Fraction(1, 2), 1, Fraction(3, 4)], [1, 1, 1]]
NETWORK = toys.mlp((3, 8, 1), "tanh", dtype=torch.float64)
X = torch.tensor([[0.3, -0.4, 0.2], [0.1, 0.5, -0.3]], dtype=torch.float64)

kappas = st.tuples(*[st.integers(0, 3)] * 3).filter(any)


@given(kappas)
def test_shares_add_up_to_one_and_leak_nothing(kappa):
    shares = path_shares([[Fraction(p) for p in row] for row in BENT], kappa)
    assert sum(shares) == 1
    assert all(share == 0 for share, power in zip(shares, kappa, strict=True) if not power)


@given(kappas)
def test_shares_are_the_integral(kappa):
    t, omega = np.polynomial.legendre.leggauss(16)
    t, omega = (t + 1) / 2, omega / 2
    expected = np.zeros(3)
    table = np.array(BENT, dtype=float)
    for start, end in zip(table[:-1], table[1:], strict=True):
        s = start + t[:, None] * (end - start)
        for i in (i for i in range(3) if kappa[i]):
            lowered = np.array(kappa) - np.eye(3, dtype=int)[i]
            expected[i] += kappa[i] * (end - start)[i] * (omega @ (s**lowered).prod(axis=1))
    found = [float(v) for v in path_shares([[Fraction(p) for p in row] for row in BENT], kappa)]
    assert np.allclose(found, expected, rtol=0, atol=1e-13)  # 16 nodes are exact to degree 31


def test_two_knots_are_integrated_gradients():
    assert design.monotone_path([[0, 0, 0], [1, 1, 1]], "straight").recognised.name == "integrated_gradients"


def test_one_after_the_other_gives_the_marginal_contributions_of_the_order():
    found = design.monotone_path(STAIRS, "stairs")(NETWORK, X).player_scores
    rows = torch.tensor(STAIRS, dtype=torch.float64)[None] * X[:, None]
    values = NETWORK(rows.reshape(-1, 3)).reshape(2, 4)
    assert torch.allclose(found, values.diff(dim=1), rtol=0, atol=1e-8)


def test_scores_are_those_of_the_taylor_table():
    rule = design.monotone_path(BENT, "bent")
    by_path, by_terms = (rule(NETWORK, X, way=way, **more).player_scores for way, more in (
        ("path", {}), ("terms", {"order": 8}),
    ))  # fmt: skip
    assert torch.allclose(by_path, by_terms, rtol=0, atol=1e-6)
    assert torch.allclose(by_path.sum(1), NETWORK(X)[:, 0] - NETWORK(0 * X)[:, 0], rtol=0, atol=1e-7)


def test_its_twin_runs_from_the_input():
    rule = design.or_twin(design.monotone_path(STAIRS, "stairs"), "stairs_from_x")
    rows = X[:, None] * (1 - torch.tensor(STAIRS, dtype=torch.float64))[None]
    values = NETWORK(rows.reshape(-1, 3)).reshape(2, 4)
    assert torch.allclose(rule(NETWORK, X).player_scores, -values.diff(dim=1), rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("knots", "message"),
    [
        ([[0, 0]], "at least two rows"),
        ([[0, 0], [1]], "one number per player in each"),
        ([[0, 0.5], [1, 1]], "leads from 0 to 1"),
        ([[0, 0], [0.5, 0.5], [0.4, 0.6], [1, 1]], "player 0 moves back between knots 1 and 2"),
        ([[0, 0], [1, "one"]], "knots: 'one' is a str"),
        ([[0, 0], [float("nan"), 1], [1, 1]], "knots: nan is not finite"),
    ],
)
def test_what_is_no_monotone_path_is_refused(knots, message):
    with pytest.raises(OptionError, match=message):
        design.monotone_path(knots)
