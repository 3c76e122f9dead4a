"""The table of effects lists the largest and adds the others up."""

import pytest
import torch

import taylorattr as ta
from taylorattr.html.contents import EffectSource
from taylorattr.html.effects import effect_table
from tests.plot.results import harsanyi, taylor


def source(effects):
    return EffectSource.of(effects, 0)


@pytest.mark.parametrize("effects", [taylor(4, 3), harsanyi(5)])
def test_the_table_lists_the_largest_and_adds_the_others(effects):
    table = effect_table(source(effects), 0, 10)
    values = effects.values[0].numpy()[0 if isinstance(effects, ta.TaylorEffects) else 1 :]
    assert len(table.rows) == 10
    assert [row[2] for row in table.rows] == sorted(values, key=abs, reverse=True)[:10]
    others, whole = table.foot
    assert sum(row[2] for row in table.rows) + others[2] == pytest.approx(whole[2])
    assert whole[2] == pytest.approx(values.sum())
    assert f"other {len(values) - 10}" in table.note
    assert sum(row[3] for row in table.rows) + others[3] == pytest.approx(1.0)


def test_both_entries_of_a_pair_are_one_row_of_integrated_hessians():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).eval()
    hessians = ta.integrated_hessians(model, torch.rand(1, 3))
    table = effect_table(source(hessians), 0, 100)
    assert sum(row[2] for row in table.rows) == pytest.approx(float(hessians.values.sum()), rel=1e-9)
