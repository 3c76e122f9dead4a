"""The list of largest effects that explains a share is the shortest there is."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.errors import NonFiniteError, OptionError
from taylorattr.graphs import sparse_concepts
from taylorattr.toys import three_effects

from .tables import effect_tables, harsanyi_of

X = torch.tensor([[1.0, 2.0]], dtype=torch.float64)


@given(effect_tables(max_players=3), st.sampled_from([0.25, 0.5, 0.75, 1.0]))
def test_no_smaller_set_holds_that_share_of_the_sizes(effects, share):
    sizes = effects.values[0, 1:].abs().tolist()
    found = sparse_concepts(effects, share, of="size")
    wanted = share * sum(sizes)
    assert sum(abs(e.value) for e in found.effects) >= wanted
    count = len(found.effects)
    assert count == 0 or all(sum(c) < wanted for c in itertools.combinations(sizes, count - 1)) or not wanted


@given(effect_tables(), st.sampled_from([0.5, 0.8, 1.0]))
def test_the_sum_stays_near_delta_from_there_on(effects, share):
    delta = effects.delta.item()
    assume(delta)
    found = sparse_concepts(effects, share)
    values = effects.values[0, 1:].numpy()
    ordered = values[np.argsort(-np.abs(values), kind="stable")]
    sums = np.cumsum(ordered)
    room = (1 - share) * abs(delta) + 1e-9  # whole numbers: a sum that is off is off by more
    count = next(k for k in range(1, len(sums) + 1) if (np.abs(sums[k - 1 :] - delta) <= room).all())
    assert found.explained == sums[count - 1]
    assert found.share_of_delta == pytest.approx(found.explained / delta)
    assert len(found.effects) + found.left_out == (values != 0).sum()


def test_taylor_effects_by_hand():
    found = sparse_concepts(ta.decompose(three_effects(), X, order=3), 0.8)
    assert [e.name for e in found.effects] == ["x0 × x1²", "x1²"]
    assert "2 effects explain 84.2% of delta 19" in repr(found)


def test_bad_input():
    effects = harsanyi_of([0, 1, 1, -2])
    with pytest.raises(OptionError, match="of='size'"):
        sparse_concepts(effects)
    with pytest.raises(OptionError, match="above 0"):
        sparse_concepts(effects, 0.0)
    with pytest.raises(OptionError, match="examples 0 … 0"):
        sparse_concepts(effects, example=1)
    with pytest.raises(NonFiniteError):
        sparse_concepts(harsanyi_of([0, float("inf")]))
    with pytest.raises(OptionError, match="add up to 7, and delta is 19"):
        sparse_concepts(ta.harsanyi(three_effects(), X, max_order=1))
