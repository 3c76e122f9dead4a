"""Who is given how much of which effect: rows that add up to the scores."""

import pytest
import torch

import taylorattr as ta
from taylorattr.html.shares import LISTED_RECEIVERS, share_table
from tests.html.pages import results
from tests.plot.results import reformulation, taylor

FIRST = 5
"""Columns before the receivers: effect, order, value, counted, leaked."""


def test_a_column_adds_up_to_its_receivers_score():
    effects = taylor(4, 3)
    result = reformulation("integrated_gradients", effects)
    table = share_table(result, "k", "t", 0)
    assert [column.title for column in table.columns[FIRST:]] == list(effects.names)
    matrix = result.matrix(0)
    (foot,) = table.foot
    assert foot[FIRST:] == pytest.approx(matrix.sum(0).tolist(), abs=1e-12)
    assert foot[2] == pytest.approx(float(effects.values.sum()))
    sums = [sum(row[FIRST + i] for row in table.rows) for i in range(4)]
    assert sums == pytest.approx(foot[FIRST:], abs=1e-12), "every effect is listed"


def test_a_complete_rule_counts_every_effect_once_and_occlusion_as_often_as_it_has_players():
    effects = taylor(4, 3)
    once = share_table(reformulation("integrated_gradients", effects), "k", "t", 0)
    assert [row[3] for row in once.rows] == pytest.approx([1.0] * len(once.rows))
    often = share_table(reformulation("occlusion_1", effects), "k", "t", 0)
    for row in often.rows:
        assert row[3] == pytest.approx(len(row[0].split(" × ")))
        assert row[4] == 0


def test_many_receivers_are_folded_and_nothing_is_lost():
    effects = taylor(30, 1, labels=tuple(f"p{i}" for i in range(30)))
    result = reformulation("shapley", effects)
    table = share_table(result, "k", "t", 0)
    assert len(table.columns) == FIRST + LISTED_RECEIVERS + 1
    assert table.columns[-1].title == "6 others"
    assert sum(table.foot[0][FIRST:]) == pytest.approx(float(result.matrix(0).sum()))


def test_an_audit_shows_what_was_measured():
    report = results()["audit"]
    table = share_table(report, "k", "t", 0)
    assert table.foot[0][FIRST:] == pytest.approx(report.allocation[0].sum(1).tolist(), abs=1e-9)


def test_of_several_references_the_first_is_shown_and_said():
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)).eval()
    references = torch.rand(3, 2)
    result = ta.reformulate("expected_gradients", model, torch.rand(1, 2), references, mode="full")
    assert "the first of 3 references" in share_table(result, "k", "t", 0).note
