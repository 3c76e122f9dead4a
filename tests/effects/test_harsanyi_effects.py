import importlib.util
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given

from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.errors import MissingExtraError, OptionError, ShapeError
from taylorattr.maths.frames import or_effects_
from taylorattr.maths.interaction_indices import interaction_index
from taylorattr.maths.mobius import mobius
from taylorattr.maths.subsets import Coalitions
from tests.strategies import games

NAMES = ("radius", "texture", "area")


def effects_of(v, frame="baseline", names=None, max_order=None, **kwargs):
    """A result from integer tables v (B, 2^n), exact in float64."""
    v = np.atleast_2d(v).astype(float)
    table = mobius(v) if frame == "baseline" else or_effects_(v.copy())
    n = table.shape[1].bit_length() - 1
    if max_order is not None:
        table = table[:, Coalitions(n, max_order).masks]
    return HarsanyiEffects(
        values=torch.from_numpy(np.ascontiguousarray(table)),
        names=names or tuple(f"x{i}" for i in range(n)),
        frame=frame,
        delta=torch.from_numpy(v[:, -1] - v[:, 0]),
        f_input=torch.from_numpy(v[:, -1].copy()),
        f_baseline=torch.from_numpy(v[:, 0].copy()),
        max_order=max_order,
        **kwargs,
    )


V = np.array([[1, 4, 5, 20, 1, 4, 6, 23], [0, 1, 0, 0, 0, 0, 0, 7]])


@given(games(min_players=1, max_players=4, batch=2))
def test_effects_add_up_to_delta_in_both_frames(v):
    for frame in ("baseline", "input"):
        effects = effects_of(v, frame)
        assert torch.equal(effects.total, effects.delta) and torch.equal(
            effects.by_order.sum(1), effects.delta
        )
        constant = effects.f_baseline if frame == "baseline" else effects.f_input
        assert torch.equal(effects[()], constant)


@given(games(min_players=1, max_players=4, batch=2))
def test_frames_convert_into_each_other(v):
    baseline, input_ = effects_of(v), effects_of(v, "input")
    assert torch.equal(baseline.in_frame("input").values, input_.values)
    assert torch.equal(input_.in_frame("baseline").values, baseline.values)
    assert input_.in_frame("input") is input_


@given(games(min_players=1, max_players=4, batch=2))
def test_an_index_does_not_depend_on_the_frame(v):
    n = v.shape[1].bit_length() - 1
    for name, order in (("SV", 1), ("Banzhaf", 1), ("SII", 2), ("k-SII", 2), ("STII", 2), ("FSII", 2)):
        k = min(order, n)
        expected = interaction_index(mobius(v.astype(float)), name, k)
        for frame in ("baseline", "input"):
            index = effects_of(v, frame).index(name, k)
            assert index.values.tolist() == expected.tolist()
            assert (index.frame, index.index, index.largest_order) == ("baseline", name, k)


def test_default_orders_of_indices():
    effects = effects_of(V)
    assert effects.index("SV").largest_order == 1 and effects.index("SII").largest_order == 2
    assert effects.index("STII", order=3).largest_order == 3
    with pytest.raises(OptionError, match="no interaction index is called 'SIV'; did you mean 'S"):
        effects.index("SIV")


def test_a_truncated_table_gives_an_index_only_if_told_to():
    effects = effects_of(V, max_order=2)
    with pytest.raises(OptionError, match=r"holds \|S\| ≤ 2 only; .* of_truncated=True"):
        effects.index("SV")
    index = effects.index("SV", of_truncated=True)
    table = mobius(V.astype(float))
    table[:, 7] = 0
    assert index.values.tolist() == interaction_index(table, "SV").tolist()
    assert index.diagnostics == {"of_truncated": True}
    taylor = effects_of(V, truncated_at=3)
    with pytest.raises(OptionError, match="holds Taylor terms of order ≤ 3 only"):
        taylor.index("SV")
    with pytest.raises(OptionError, match="sums over all supersets"):
        effects.in_frame("input")


@pytest.mark.parametrize("max_order", (None, 1, 2, 3))
def test_lookup_by_name_number_and_order(max_order):
    effects = effects_of(V, names=NAMES, max_order=max_order)
    for position, coalition in enumerate(effects.coalitions):
        named = [NAMES[i] for i in coalition]
        for players in itertools.permutations(named):
            assert torch.equal(effects[players], effects.values[:, position])
        assert effects.label(position) == (" × ".join(named) or "∅")
        assert effects.masks[position] == sum(1 << i for i in coalition)
    assert torch.equal(effects["area"], effects[2]) and torch.equal(effects[-1], effects[2])
    for k in range(4):
        expected = [i for i, c in enumerate(effects.coalitions) if len(c) == k]
        assert torch.equal(effects.order_values(k), effects.values[:, expected])
        if 1 <= k <= effects.largest_order:
            assert torch.equal(effects.by_order[:, k - 1], effects.values[:, expected].sum(1))


def test_unknown_players_are_named():
    effects = effects_of(V, names=NAMES)
    with pytest.raises(
        OptionError, match="no player is called 'size'; the players are radius, texture, area"
    ):
        effects["size"]
    with pytest.raises(OptionError, match="no player number 3; there are 3 players"):
        effects[0, 3]
    with pytest.raises(OptionError, match="larger max_order"):
        effects_of(V, max_order=1)[0, 1]


def test_top_is_sorted_shared_and_without_the_constant():
    effects = effects_of(V, names=NAMES)
    first, second = effects.top(3)
    # J of the first game: 1 | 3 4 | 12, 0 with area alone, 0 with radius, 1 with texture, 2 with both
    assert [(e.name, e.value, e.key) for e in first] == [
        ("radius × texture", 12.0, (0, 1)),
        ("texture", 4.0, (1,)),
        ("radius", 3.0, (0,)),
    ]
    assert first[0].share == pytest.approx(12 / 22, rel=1e-15, abs=0)
    assert len(second) == 3 and second[0].key == (0, 1, 2)
    everything = effects.top(100)
    assert all(e.value != 0 for e in everything[0])
    assert sum(e.share for e in everything[0]) == pytest.approx(1, abs=1e-15)
    assert effects_of(np.zeros((1, 4))).top() == [[]]


def test_repr_shows_names_delta_and_frame():
    text = repr(effects_of(V, "input", names=NAMES))
    assert "frame input" in text and "delta = 22" in text and "radius" in text and "all 8 coalitions" in text
    assert "|S| ≤ 2" in repr(effects_of(V, max_order=2))
    assert "Taylor terms of order ≤ 4" in repr(effects_of(V, truncated_at=4))
    assert "and 2 more" in repr(effects_of(np.repeat(V, [1, 4], axis=0), names=NAMES))
    assert "InteractionIndex k-SII" in repr(effects_of(V).index("k-SII"))


def test_parts_that_do_not_fit_are_refused():
    zero = torch.zeros(1, dtype=torch.float64)
    with pytest.raises(ShapeError, match=r"shape \(1, 5\); expected \(B, 4\)"):
        HarsanyiEffects(zero.expand(1, 5), ("a", "b"), "baseline", zero, zero, zero)
    with pytest.raises(ShapeError, match=r"delta has shape \(2,\); expected \(1,\)"):
        HarsanyiEffects(zero.expand(1, 4), ("a", "b"), "baseline", zero.expand(2), zero, zero)
    with pytest.raises(OptionError, match="frame='middle'"):
        HarsanyiEffects(zero.expand(1, 4), ("a", "b"), "middle", zero, zero, zero)
    with pytest.raises(ShapeError, match=r"error_bound has shape \(1, 2\); expected \(1, 3\)"):
        HarsanyiEffects(
            zero.expand(1, 4), ("a", "b"), "baseline", zero, zero, zero, error_bound=zero.expand(1, 2)
        )
    with pytest.raises(ShapeError, match="a full table of 63 players"):
        HarsanyiEffects(zero.expand(1, 4), tuple(map(str, range(63))), "baseline", zero, zero, zero)


shapiq_installed = importlib.util.find_spec("shapiq") is not None


@pytest.mark.skipif(not shapiq_installed, reason="shapiq is not installed")
@pytest.mark.parametrize("frame", ("baseline", "input"))
def test_to_shapiq_carries_every_effect(frame):
    effects = effects_of(V, frame)
    theirs = effects.to_shapiq(example=1)
    expected = effects.in_frame("baseline").values[1]
    assert theirs.index == "Moebius" and theirs.n_players == 3 and not theirs.estimated
    assert [theirs[c] for c in Coalitions(3)] == expected.tolist()
    index = effects_of(V[:1]).index("STII").to_shapiq()
    assert index.index == "STII" and index.max_order == 2 and index[(0, 1)] == 12 + 2 / 3
    with pytest.raises(OptionError, match="2 examples; say which"):
        effects.to_shapiq()


def test_without_shapiq_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "shapiq", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'taylorattr\[shapiq\]'"):
        effects_of(V[:1]).to_shapiq()
