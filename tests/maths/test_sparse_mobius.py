"""Effects on closed families are those of the whole table."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.maths.mobius import mobius
from taylorattr.maths.sparse_mobius import cliques, closed, closed_mobius, family, presence, subsets_of
from taylorattr.maths.subsets import to_mask
from tests.strategies import games


def rows_of(whole):
    return [tuple(map(int, row)) for rows in whole for row in rows]


@given(games(min_players=1, max_players=5), st.data())
def test_effects_of_a_closed_family_are_those_of_the_table(v, data):
    n = len(v).bit_length() - 1
    chosen = data.draw(st.lists(st.sets(st.integers(0, n - 1)), min_size=1, max_size=4))
    whole = closed(family(tuple(sorted(s)) for s in chosen))
    assert set(rows_of(whole)) == {t for s in chosen for t in subsets_of(tuple(sorted(s)))}
    weights = 1 << np.arange(n)
    values = [v[presence(rows, n) @ weights] for rows in whole]
    effects = closed_mobius(whole, values)
    table = mobius(v)
    for rows, part in zip(whole, effects, strict=True):
        assert [table[to_mask(row)] for row in rows] == part.tolist()


@given(st.integers(1, 7), st.integers(1, 4), st.data())
def test_cliques_are_the_coalitions_whose_pairs_all_meet(n, order, data):
    pairs = list(itertools.combinations(range(n), 2))
    edges = data.draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    meets = np.eye(n, dtype=bool)
    for i, j in edges:
        meets[i, j] = meets[j, i] = True
    expected = {
        s
        for size in range(order + 1)
        for s in itertools.combinations(range(n), size)
        if set(itertools.combinations(s, 2)) <= edges
    }
    whole = cliques(meets, order, len(expected))
    assert set(rows_of(whole)) == expected
    assert cliques(meets, order, len(expected) - 1) is None
