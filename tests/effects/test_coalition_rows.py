import pytest
import torch

from taylorattr.analysis.masking import coalition_bits
from taylorattr.effects.coalition_rows import CoalitionRows
from taylorattr.maths.subsets import Coalitions


@pytest.mark.parametrize("frame", ("baseline", "input"))
@pytest.mark.parametrize(("n", "max_order"), ((4, None), (5, 2), (1, None), (70, 2)))
def test_blocks_of_any_cut_are_the_coalitions_of_the_table(n, max_order, frame):
    rows = CoalitionRows(n, max_order, frame)
    everyone = set(range(n))
    expected = [set(c) if frame == "baseline" else everyone - set(c) for c in Coalitions(n, max_order)]
    assert rows.columns == len(expected)
    cuts = sorted({0, 1, rows.columns // 3, rows.columns // 2, rows.columns})
    blocks = [rows.block(a, b) for a, b in zip(cuts, cuts[1:], strict=False)]
    found = coalition_bits(torch.cat(blocks), n)
    assert [set(row.nonzero().reshape(-1).tolist()) for row in found] == expected
    some = [0, rows.columns - 1, rows.columns // 2]
    assert torch.equal(coalition_bits(rows.at(some), n), found[some])
