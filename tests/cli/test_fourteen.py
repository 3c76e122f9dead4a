"""The table of fourteen methods on the demonstration's network."""

from dataclasses import replace

import pytest

import taylorattr as ta
from taylorattr.cli import fourteen
from taylorattr.cli.breast_cancer import study
from taylorattr.toys import mlp
from tests.reformulation.networks import at


@pytest.fixture(scope="module")
def rows():
    pytest.importorskip("sklearn")
    trained = study()
    case, references = fourteen.example(trained.cases, 49)
    players = ta.Players.columns(trained.measurements)
    return fourteen.fourteen(trained.network, case, players, references, names=trained.features)


def test_features_keep_their_names(rows):
    noisy = next(row.result.direct for row in rows if row.method == "smooth_grad")
    assert noisy.names == tuple(study().features)


def test_every_difference_is_explained(rows):
    assert [row.method for row in rows] == [name for name in ta.METHODS if name != "grad_cam"]
    assert all(row.explained for row in rows), fourteen.shown(rows)


def test_methods_without_truncation_are_their_sums(rows):
    exact = [row for row in rows if set(row.result.errors) == {"rounding"}]
    assert len(exact) == 10
    assert max(row.difference for row in exact) <= 1e-12
    assert fourteen.exact_ones_agree(rows, 1e-12)
    wrong = [replace(row, difference=1e-3) for row in rows]
    assert not fourteen.exact_ones_agree(wrong, 1e-12)


def test_truncated_ones_are_close_and_their_bounds_not_vacuous(rows):
    for row in rows:
        assert row.difference <= 0.05
        if "truncation" in row.result.errors:
            assert row.allowed <= 100 * row.difference


def test_the_table_says_what_was_shared_out(rows):
    text = fourteen.shown(rows)
    for words in (
        "1000 terms of 10 players",
        "5455 terms of 30 features",
        "all 1023 coalitions of 10",
        "explained",
    ):
        assert words in text
    unknown = [replace(row, allowed=float("nan"), explained=False) for row in rows]
    assert "unknown  NOT EXPLAINED" in fourteen.shown(unknown)


def test_a_network_with_kinks_is_not_explained_away():
    network, cases = mlp((4, 8, 1), "relu", seed=0).double(), at(4, batch=6, scale=4.0)
    case, references = fourteen.example(cases, 2)
    assert len(references) == 5 and not (references == case).all(1).any()
    players = ta.Players.elements(case)
    rows = {row.method: row for row in fourteen.fourteen(network, case, players, references)}
    assert not rows["integrated_gradients"].explained
    assert rows["shapley"].explained and rows["deeplift_rescale"].explained
