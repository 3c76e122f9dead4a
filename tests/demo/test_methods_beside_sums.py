"""The table of fourteen methods on the demonstration's network."""

from dataclasses import replace

import pytest

import taylorattr as ta
from taylorattr.demo.breast_cancer import study
from taylorattr.demo.methods_beside_sums import (
    case_and_references,
    exact_ones_agree,
    methods_beside_sums,
    table_text,
)
from taylorattr.toys import mlp
from tests.reformulation.networks import at


@pytest.fixture(scope="module")
def rows():
    pytest.importorskip("sklearn")
    trained = study()
    case, references = case_and_references(trained.cases, 49)
    players = ta.Players.columns(trained.measurements)
    return methods_beside_sums(trained.network, case, players, references, names=trained.features)


def test_features_keep_their_names(rows):
    noisy = next(row.reformulation.direct for row in rows if row.method == "smooth_grad")
    assert noisy.names == tuple(study().features)


def test_every_difference_is_explained(rows):
    assert [row.method for row in rows] == [name for name in ta.METHODS if name != "grad_cam"]
    assert all(row.explained for row in rows), table_text(rows)


def test_methods_without_truncation_are_their_sums(rows):
    exact = [row for row in rows if set(row.reformulation.errors) == {"rounding"}]
    assert len(exact) == 10
    assert max(row.difference for row in exact) <= 1e-12
    assert exact_ones_agree(rows, 1e-12)
    wrong = [replace(row, difference=1e-3) for row in rows]
    assert not exact_ones_agree(wrong, 1e-12)


def test_truncated_ones_are_close_and_their_bounds_not_vacuous(rows):
    for row in rows:
        assert row.difference <= 0.05
        if "truncation" in row.reformulation.errors:
            assert row.allowed <= 100 * row.difference


def test_the_table_says_what_was_shared_out(rows):
    text = table_text(rows)
    for words in (
        "1000 terms of 10 players",
        "5455 terms of 30 features",
        "all 1023 coalitions of 10",
        "explained",
    ):
        assert words in text
    unknown = [replace(row, allowed=float("nan"), explained=False) for row in rows]
    assert "unknown  NOT EXPLAINED" in table_text(unknown)


def test_a_network_with_kinks_is_not_explained_away():
    network, cases = mlp((4, 8, 1), "relu", seed=0).double(), at(4, batch=6, scale=4.0)
    case, references = case_and_references(cases, 2)
    assert len(references) == 5 and not (references == case).all(1).any()
    players = ta.Players.elements(case)
    rows = {row.method: row for row in methods_beside_sums(network, case, players, references)}
    assert not rows["integrated_gradients"].explained
    assert rows["shapley"].explained and rows["deeplift_rescale"].explained
