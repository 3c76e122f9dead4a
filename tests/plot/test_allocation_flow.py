"""Bands are shares of effects and add up to Σ|w·I|; blocks say what is over-counted and dropped."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.errors import NonFiniteError, OptionError
from taylorattr.maths.subsets import Coalitions
from taylorattr.plot import allocation_flow
from taylorattr.plot.labels import number
from tests.plot import results


def bands(ax):
    """Height of every band at its two ends, by (row, column), summed."""
    found = {}
    for patch in ax.patches:
        if (patch.get_gid() or "").startswith("flow:"):
            row, column = map(int, patch.get_gid().split(":")[1:])
            y = patch.get_path().vertices[:, 1]
            near, far = y[7] - y[0], y[4] - y[3]
            assert near == pytest.approx(far)
            found[row, column] = found.get((row, column), 0.0) + near
    return found


def blocks(ax, kind):
    return sum(patch.get_height() for patch in ax.patches if patch.get_gid() == kind)


def rows(ax):
    return [t.get_text() for t in ax.texts if t.get_gid() == "effect name"]


def smaller(ax):
    """How many times smaller than it is the row of all others is drawn, as its name says."""
    written = re.search(r"at 1/(\d+)", rows(ax)[-1])
    return int(written[1]) if written else 1


def audited(seed=0, n=4, change=lambda table, members: table):
    """What an audit holds, made up: each effect shared equally, then changed."""
    coalitions = Coalitions(n)
    members = (coalitions.masks[:, None] >> np.arange(n)) & 1
    effects = torch.randn(1, 1 << n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    shares = effects[0].numpy()[:, None] * members / np.maximum(members.sum(1), 1)[:, None]
    table = change(shares, members)
    return SimpleNamespace(
        method="made up",
        names=results.names(n),
        effects=effects,
        allocation=torch.from_numpy(table.T.copy())[None],
        coalitions=coalitions,
    )


@pytest.mark.parametrize("rule", ["integrated_gradients", "gradient_x_input"])
@pytest.mark.parametrize(("n", "order", "k", "players"), [(3, 3, 50, 9), (5, 3, 7, 3), (60, 2, 12, 12)])
def test_the_bands_of_terms_add_up_to_every_share(rule, n, order, k, players):
    source = results.reformulation(rule, results.taylor(n, order))
    _, ax = allocation_flow(source, k=k, players=players, level="term")
    given, sizes = source.matrix().abs().sum(1), source.effects[0].values[0].abs()
    drawn = torch.ones_like(sizes)
    drawn[torch.maximum(given, sizes).argsort(descending=True)[k:]] = 1 / smaller(ax)
    assert sum(bands(ax).values()) == pytest.approx(float((drawn * given).sum()))
    held = blocks(ax, "handed") + blocks(ax, "beyond")
    assert held == pytest.approx(float((drawn * given).sum()))
    assert blocks(ax, "player") == pytest.approx(float((drawn * given).sum()))
    assert blocks(ax, "handed") + blocks(ax, "dropped") == pytest.approx(float((drawn * sizes).sum()))


def test_the_largest_stand_first_and_the_others_are_one_row_that_leaves_them_room():
    effects = results.harsanyi(10)
    _, ax = allocation_flow(results.reformulation("shapley", effects), k=12)
    values = effects.values[0, 1:].abs()
    order = values.argsort(descending=True)
    heights = {row: sum(h for (r, _), h in bands(ax).items() if r == row) for row in range(13)}
    assert [heights[row] for row in range(12)] == pytest.approx(values[order][:12].tolist())
    rest = order[12:]
    assert heights[12] == pytest.approx(float(values[rest].sum()) / smaller(ax))
    assert smaller(ax) > 1 and heights[12] <= 1.3 * heights[0] * (1 + 1e-9)
    total = number(float(effects.values[0, 1:][rest].sum()))
    assert rows(ax)[-1].startswith("1,011 other effects")
    (choice,) = (t.get_text() for t in ax.texts if t.get_gid() == "choice")
    share = float(values[order][:12].sum() / values.sum())
    assert choice == (
        f"shown: the 12 effects of largest size or shares, {share:.0%} of Σ|effects|; the others sum to "
        f"{total}, Σ|·| {number(float(values[rest].sum()), sign=False)}"
    )
    assert len(set(rows(ax))) == 13


def test_a_coalitions_band_is_the_sum_over_its_terms():
    source = results.reformulation("integrated_gradients", results.taylor(3, 3))
    _, ax = allocation_flow(source, k=50)
    places = torch.from_numpy(source.effects[0].supports)
    sums = torch.zeros(8, 3, dtype=torch.float64).index_add_(0, places, source.matrix())
    assert sorted(bands(ax).values()) == pytest.approx(sorted(sums[sums != 0].abs().tolist()))


def test_over_counting_is_hatched_and_named():
    source = results.reformulation("gradient_x_input", results.taylor(3, 2))
    _, ax = allocation_flow(source, level="term", k=50)
    second = float(source.effects[0].order_values(2).abs().sum())
    assert blocks(ax, "beyond") == pytest.approx(second)  # |κ| = 2 is counted twice
    assert [t.get_text() for t in ax.texts if t.get_gid() == "note"] == ["×2"] * 6
    assert any("over-counted" in t.get_text() and "hands out" in t.get_text() for t in ax.texts)


def test_dropped_effects_are_hollow():
    def drop(table, members):
        return table * (members.sum(1) < 2)[:, None]

    source = audited(change=drop)
    _, ax = allocation_flow(source, k=20)
    pairs = source.coalitions.sizes >= 2
    assert blocks(ax, "dropped") == pytest.approx(float(source.effects[0].abs().numpy()[pairs].sum()))
    assert [t.get_text() for t in ax.texts if t.get_gid() == "note"].count("dropped") == pairs.sum()


def test_leaks_are_hatched_bands():
    def leak(table, members):
        return np.where(members == 1, table, 0.5)

    source = audited(change=leak)
    _, ax = allocation_flow(source, k=20)
    hatched = [p for p in ax.patches if (p.get_gid() or "").startswith("flow:") and p.get_hatch()]
    outside = int((((source.coalitions.masks[:, None] >> np.arange(4)) & 1) == 0).sum())
    assert len(hatched) == outside  # ∅ hands to everybody, and everybody is outside it
    assert any(t.get_text() == "∅ (no effect)" for t in ax.texts)


def test_two_methods_stand_on_the_same_effects():
    effects = results.taylor(4, 2)
    one = results.reformulation("integrated_gradients", effects)
    two = results.reformulation("gradient_x_input", effects)
    _, ax = allocation_flow(one, two, k=4)
    both = sum(float(s.matrix().abs().sum()) for s in (one, two))
    # terms of one support may cancel where κ = 2e_i and e_i differ in sign, and then bands hold less
    assert 0.3 * both / smaller(ax) < sum(bands(ax).values()) <= both * (1 + 1e-12)
    assert len([t for t in ax.texts if t.get_gid() == "effect name"]) == 5


def test_a_real_audit_beside_a_reformulation():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).double().eval()
    x = torch.tensor([[1.0, -0.5, 0.7]], dtype=torch.float64)
    measured = ta.audit("occlusion_1", model, x)
    written = ta.reformulate("occlusion_1", model, x)
    _, ax = allocation_flow(measured, written, k=20)
    found = bands(ax)
    total = float(written.matrix().abs().sum())
    assert sum(found.values()) == pytest.approx(2 * total, rel=1e-9)  # rounding of 2³ model outputs


def test_no_effects_and_no_shares():
    source = results.reformulation("integrated_gradients", results.taylor(3, 2, zero=True))
    _, ax = allocation_flow(source)
    assert [t.get_text() for t in ax.texts] == ["every effect and every share is 0"]


def test_bad_input():
    source = results.reformulation("integrated_gradients", results.taylor(4, 2))
    with pytest.raises(OptionError, match="differ in their players"):
        allocation_flow(source, results.reformulation("integrated_gradients", results.taylor(3, 2)))
    with pytest.raises(OptionError, match="level='all'"):
        allocation_flow(source, level="all")
    with pytest.raises(OptionError, match="level='term'"):
        allocation_flow(audited(), level="term")
    with pytest.raises(OptionError, match="reference=1"):
        allocation_flow(source, reference=1)
    with pytest.raises(NonFiniteError):
        allocation_flow(audited(change=lambda table, members: table * np.nan))
    layered = SimpleNamespace(method="lrp")
    with pytest.raises(OptionError, match="ta.reformulate or ta.audit"):
        allocation_flow(layered)


def test_a_back_propagation_method_has_no_flow_of_the_whole_network():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1)).double().eval()
    source = ta.reformulate("lrp_epsilon", model, torch.ones(1, 2, dtype=torch.float64))
    with pytest.raises(OptionError, match="ratio at each unit"):
        allocation_flow(source)
