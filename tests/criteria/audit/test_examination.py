"""Two deficits, with N and with 4N nodes, and what they point to."""

from types import SimpleNamespace

import numpy as np
import pytest

from taylorattr.criteria.audit import examination
from taylorattr.criteria.audit.examination import Examination, cause_of


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


def test_repeats_are_made_while_their_tables_fit_into_memory(monkeypatch):
    monkeypatch.setattr(examination, "MOST_BYTES_OF_REPEATS", 1000)
    table = SimpleNamespace(v=np.zeros(4), a=np.zeros(10))  # two of them hold 160 bytes
    asked = SimpleNamespace(tables=[table, table], bounds=[SimpleNamespace(row_by_row=False)])
    assert Examination.can_repeat(asked, 6) and not Examination.can_repeat(asked, 7)
