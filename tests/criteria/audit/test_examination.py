"""Two deficits, with N and with 4N nodes, and what they point to."""

import pytest

from taylorattr.criteria.audit.examination import cause_of


@pytest.mark.parametrize(
    ("coarse", "fine", "cause"),
    [(0.04, 0.01, "numerical"), (0.04, 0.04, "structural"), (0.04, 0.03, "unclear"), (0.0, 0.0, "numerical")],
)
def test_causes(coarse, fine, cause):
    assert cause_of(32, coarse, fine, 1e-2).cause == cause


def test_nodes_that_are_needed_follow_the_rate():
    found = cause_of(32, 0.16, 0.04, 1e-2)  # falls like 1/N: four times as many again
    assert found.needed == 512 and "≥ 512 nodes" in found.sentence
    assert cause_of(32, 0.04, 0.009, 1e-2).needed == 128
    assert "defect is in the method" in cause_of(32, 0.1, 0.1, 1e-2).sentence
