from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import comb, prod

import pytest
import torch
from hypothesis import given, settings

import taylorattr as ta
from taylorattr.toys import Polynomial
from tests.allocation.confirm import cases, confirm, off_by_one_percent, refuted, row, table
from tests.allocation.networks import WIDTHS, TanhNetwork, inside, shrinks


def direct(model, x, b=None):
    return ta.integrated_hessians(model, x, b).values.flatten(1)


# a constant polynomial is a case like any other
@pytest.mark.filterwarnings("ignore::taylorattr.errors.TaylorAttrWarning")
@settings(deadline=None, max_examples=20)
@given(cases())
def test_polynomials(case):
    polynomial, x, b = case
    scores = direct(Polynomial(polynomial), row(x), row(b))
    confirm("integrated_hessians", table(*case), scores)


@pytest.mark.parametrize("width", WIDTHS)
def test_smooth_networks_within_the_bound(width):
    network, x = TanhNetwork(width), inside()
    shrinks("integrated_hessians", network, x, direct(network, x))


def test_the_pairs_differ_from_the_input():
    # f = x₀x₁ from −1 to 0: one effect in frame b, others in frame x
    f, x, b = {(1, 1): 1}, (0, 0), (-1, -1)
    scores = direct(Polynomial(f), row(x), row(b))
    seen_from_x = replace(ta.RULES["integrated_hessians"], frame="input")
    assert refuted(seen_from_x, table(f, x, b, frame="input"), scores)


def written_from_the_input(kappa, first, second):
    """w^x of eq. (9a), in closed form with H_m = 1 + ½ + … + 1/m."""
    m, i, j = sum(kappa), kappa[first], kappa[second]
    harmonic = sum(Fraction(1, k) for k in range(1, m + 1))
    mixed = (harmonic - 1) / (m * (m - 1)) if m > 1 else 0
    return i * harmonic / m - i * (i - 1) * mixed if first == second else -i * j * mixed


@pytest.mark.parametrize("kappa", [(1, 0), (3, 0), (1, 1), (2, 1), (2, 3), (1, 2, 2)])
def test_what_the_ratio_becomes_seen_from_the_input(kappa):
    rule, n = ta.RULES["integrated_hessians"], len(kappa)
    below = [mu for mu in product(*(range(k + 1) for k in kappa)) if any(mu)]
    moved = sum(
        (-1) ** (sum(mu) + 1) * prod(map(comb, kappa, mu)) * rule.ratio(mu).reshape(n, n) for mu in below
    )
    assert [[written_from_the_input(kappa, a, b) for b in range(n)] for a in range(n)] == moved.tolist()
    assert list(moved.sum(1)) == list(ta.RULES["integrated_gradients"].ratio(kappa))


def test_rows_are_integrated_gradients():
    effects = ta.decompose(TanhNetwork(4), inside(), order=4)
    pairs = ta.allocate("integrated_hessians", effects).player_scores.reshape(-1, 3, 3)
    rows = ta.allocate("integrated_gradients", effects).player_scores
    assert torch.allclose(pairs.sum(2), rows, rtol=0, atol=1e-14)


def test_a_wrong_entry_is_caught():
    f, x, b = {(1, 0): 3, (0, 2): 1, (1, 2): 3}, (1, 2), (0, 0)
    scores = direct(Polynomial(f), row(x), row(b))
    assert not refuted("integrated_hessians", table(f, x, b), scores)
    assert refuted(off_by_one_percent("integrated_hessians", (1, 2)), table(f, x, b), scores)
