"""Index tables: exact, against enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from taylorattr.autodiff.polynomial import ring
from taylorattr.maths import multi_index

SIZES = [(1, 5), (2, 4), (3, 3), (4, 2), (6, 3)]


@pytest.mark.parametrize(("n", "d"), SIZES)
def test_rank_is_the_position_in_the_package_order(n, d):
    players = multi_index.monomials(n, d)
    assert (ring.rank(players, n) == np.arange(len(players))).all()


@pytest.mark.parametrize(("n", "a", "b"), [(1, 2, 3), (2, 0, 2), (3, 1, 1), (3, 2, 2), (4, 1, 3), (5, 2, 1)])
def test_products_land_where_exponents_add(n, a, b):
    table = ring.product_table(n, a, b)
    for i, j in itertools.product(range(table.shape[0]), range(table.shape[1])):
        total = multi_index.exponents(n, a)[i] + multi_index.exponents(n, b)[j]
        assert (multi_index.exponents(n, a + b)[table[i, j]] == total).all()


def test_large_tables_are_built_in_pieces():
    table = ring.product_table(40, 2, 2)
    assert table.shape == (820, 820)
    assert (table == table.T).all()
    assert len(np.unique(table)) == math.comb(43, 4)


@pytest.mark.parametrize(("n", "d"), SIZES)
def test_multinomials_sum_to_powers_of_n(n, d):
    assert ring.multinomials(n, d).sum() == n**d


@pytest.mark.parametrize(("n", "d"), SIZES)
def test_power_tables_build_multinomials(n, d):
    row = np.ones(1)
    for degree in range(1, d + 1):
        first, rest, factor = (t.numpy() for t in ring.power_tables(n, degree, torch.device("cpu")))
        assert (multi_index.monomials(n, degree)[:, 0] == first).all()
        row = row[rest] * factor
    assert row == pytest.approx(ring.multinomials(n, d), rel=1e-15)
