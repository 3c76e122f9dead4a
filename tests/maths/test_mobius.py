import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.errors import ShapeError
from taylorattr.maths.mobius import (
    mobius,
    mobius_,
    superset_sum_,
    truncated_mobius_,
    truncated_zeta_,
    zeta,
)
from taylorattr.maths.subsets import Coalitions, to_mask
from tests.strategies import games


def subsets(coalition):
    sizes = range(len(coalition) + 1)
    return itertools.chain.from_iterable(itertools.combinations(coalition, s) for s in sizes)


@given(games())
def test_zeta_inverts_mobius(v):
    assert (zeta(mobius(v)) == v).all() and (mobius(zeta(v)) == v).all()


@given(games())
def test_mobius_is_the_signed_sum_over_subsets(v):
    effects = mobius(v)
    for mask, coalition in enumerate(Coalitions((len(v) - 1).bit_length())):
        expected = sum((-1) ** (len(coalition) - len(t)) * v[to_mask(t)] for t in subsets(coalition))
        assert effects[mask] == expected


@given(games(batch=3))
def test_a_batch_is_its_rows(v):
    assert (mobius(v) == np.stack([mobius(row) for row in v])).all()


@given(games())
def test_superset_sums(v):
    expected = [sum(w for other, w in enumerate(v) if other & mask == mask) for mask in range(len(v))]
    assert superset_sum_(v.copy()).tolist() == expected


@given(games(), games())
def test_mobius_is_linear(u, v):
    if len(u) == len(v):
        assert (mobius(3 * u - 2 * v) == 3 * mobius(u) - 2 * mobius(v)).all()


@given(games(min_players=1), st.randoms(use_true_random=False))
def test_permuted_players_permute_effects(v, random):
    n = (len(v) - 1).bit_length()
    order = list(range(n))
    random.shuffle(order)
    moved = [to_mask(order[i] for i in coalition) for coalition in Coalitions(n)]
    permuted = np.empty_like(v)
    permuted[moved] = v
    assert (mobius(permuted)[moved] == mobius(v)).all()


@given(games(), st.integers(0, 6), st.booleans())
def test_truncated_is_the_full_transform_restricted(v, k, floating):
    n = (len(v) - 1).bit_length()
    values = v / 7 if floating else v  # floats too: the same operations in the same order, so the same bits
    positions = Coalitions(n, k).masks
    table = values[positions]
    assert (truncated_mobius_(table, n, k) == mobius(values)[positions]).all()
    if not floating:
        assert (truncated_zeta_(table, n, k) == v[positions]).all()


def test_the_transform_works_in_place_on_a_view():
    table = np.arange(16.0)
    assert mobius_(table[8:]) is not None and table[8:].tolist() == mobius(np.arange(8.0, 16.0)).tolist()
    assert table[:8].tolist() == list(range(8))


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"2\*\*n columns; this one has 6"):
        mobius(np.zeros(6))
    with pytest.raises(ShapeError, match="7 coalitions have .* the table has 8"):
        truncated_mobius_(np.zeros(8), 3, 2)
