"""The mean graph is the mean of the graphs, and its intervals hold what they promise."""

import sys

import numpy as np
import pytest
from hypothesis import given
from scipy import stats

from taylorattr.errors import BudgetError, NonFiniteError, OptionError, PlayerError
from taylorattr.graphs import backbone, dataset_graph, interaction_graph
from taylorattr.graphs.dataset_graph import bootstrap_interval, resampled_means

from .tables import effect_tables, harsanyi_of

MODULE = sys.modules["taylorattr.graphs.dataset_graph"]
"""The file: the function of its name hides it in the package."""


@given(effect_tables(min_players=2, max_players=3, min_batch=2, max_batch=4))
def test_strengths_are_means_over_the_inputs(effects):
    graph = dataset_graph(effects, n_bootstrap=20, threshold=0)
    singles = [interaction_graph(effects, example=e, threshold=0) for e in range(effects.batch)]
    for name in effects.names:
        mean = np.mean([g.nodes[name]["independent"] for g in singles])
        assert graph.nodes[name]["independent"] == pytest.approx(mean, abs=1e-12)
    for one, two, edge in graph.edges(data=True):
        values = [g.get_edge_data(one, two, {"strength": 0.0})["strength"] for g in singles]
        assert edge["strength"] == pytest.approx(np.mean(values), abs=1e-12)
        assert edge["stability"] == pytest.approx(abs(np.sign(values).sum()) / len(values))
        assert edge["size"] == pytest.approx(np.mean(np.abs(values)))
        assert edge["deviation"] == pytest.approx(np.std(values, ddof=1))
        total = effects.values[:, 1:].abs().sum(1).numpy()
        assert edge["frequency"] == pytest.approx(np.mean(np.abs(values) > 0.01 * total))
        assert edge["low"] <= edge["high"]
        assert min(values) - 1e-12 <= edge["low"] and edge["high"] <= max(values) + 1e-12


def test_intervals_cover_the_mean_as_often_as_they_say():
    # 200 data sets of 40 inputs; a 90 % interval covers in 180 ± 4.2 of them, percentile intervals a little
    # less: 4 standard deviations below 0.88
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        rows = generator.normal(1.0, 1.0, size=(40, 1))
        low, high = np.quantile(resampled_means(rows, 400, seed=1), [0.05, 0.95])
        covered += low <= 1.0 <= high
    assert 157 <= covered <= 196


def test_intervals_are_percentiles_of_the_resampled_columns():
    rows = np.random.default_rng(2).normal(0.3, 1.0, size=(9, 8))
    effects = harsanyi_of(rows)
    graph = dataset_graph(effects, n_bootstrap=200, seed=5, level=0.8)
    pair = rows[:, 3]
    there = np.abs(pair) > 0.01 * np.abs(rows[:, 1:]).sum(1)
    edge = graph.edges["p0", "p1"]
    for what, column in (("", pair), ("frequency_", there), ("stability_", np.sign(pair))):
        means = resampled_means(column[:, None], 200, seed=5)[:, 0]
        expected = np.quantile(np.abs(means) if what == "stability_" else means, [0.1, 0.9])
        assert [edge[what + "low"], edge[what + "high"]] == pytest.approx(expected)
    assert edge["stability_low"] <= edge["stability"] <= edge["stability_high"]


def test_intervals_are_the_peers_up_to_the_draws():
    rows = np.random.default_rng(4).exponential(size=(25, 3))
    own = bootstrap_interval(rows, 0.9, 20_000, seed=1)
    peer = stats.bootstrap(
        (rows,), np.mean, axis=0, confidence_level=0.9, n_resamples=20_000, method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval  # fmt: skip
    # a 5 % quantile of 20,000 draws has a standard error of about 0.015 of the spread s/√B = 0.2
    assert np.allclose(own, peer, rtol=0, atol=0.015)


def test_an_interval_does_not_depend_on_the_columns_beside_it(monkeypatch):
    rows = np.random.default_rng(3).normal(size=(5, 40))
    whole = bootstrap_interval(rows, 0.9, 50, seed=1)
    monkeypatch.setattr(MODULE, "BLOCK_ENTRIES", 350)  # seven columns at a time
    assert np.allclose(whole, bootstrap_interval(rows, 0.9, 50, seed=1), rtol=1e-12, atol=0)
    assert np.ptp(np.array(whole)[0]) > 0


def test_too_many_edges_are_refused_before_anything_is_resampled(monkeypatch):
    n = 220  # 24,090 pairs
    monkeypatch.setattr(MODULE, "resampled_means", None)
    effects = harsanyi_of(np.ones((2, 1 + n + n * (n - 1) // 2)), [f"p{i}" for i in range(n)], max_order=2)
    with pytest.raises(BudgetError, match="24090 edges"):
        dataset_graph(effects)


def test_several_results_are_one_data_set():
    one, two = harsanyi_of([[0, 1, 2, 3]]), harsanyi_of([[0, 3, 2, 5]])
    graph = dataset_graph([one, two])
    assert graph.edges["p0", "p1"]["strength"] == 4.0 and graph.graph["inputs"] == 2
    assert graph.graph["delta"] == 8.0
    assert dataset_graph(one).edges["p0", "p1"]["deviation"] == 0.0


@given(effect_tables(min_players=2, max_players=4, min_batch=2, max_batch=3))
def test_shares_are_those_of_all_effects_of_all_inputs(effects):
    graph = dataset_graph(effects, n_bootstrap=2, threshold=0)
    sizes = effects.values[:, 1:].abs().numpy()
    small = [len(s) <= 2 for s in effects.coalitions][1:]
    cancelled = [  # pairs whose mean is 0 have no edge
        effects.coalitions.index(pair) - 1
        for pair in effects.coalitions
        if len(pair) == 2 and not graph.has_edge(*(effects.names[i] for i in pair))
    ]
    expected = sizes[:, small].sum() - sizes[:, cancelled].sum()
    assert graph.graph["shown_share"] == pytest.approx(expected / sizes.sum() if sizes.any() else 1.0)
    assert backbone(graph).graph["shown_share"] <= graph.graph["shown_share"] + 1e-12


def test_the_seed_decides_the_intervals():
    effects = harsanyi_of(np.random.default_rng(0).normal(size=(6, 8)))
    same = [dataset_graph(effects, seed=s).edges["p0", "p1"]["low"] for s in (1, 1, 2)]
    assert same[0] == same[1] != same[2]


def test_bad_input():
    effects = harsanyi_of(np.ones((2, 4)))
    with pytest.raises(OptionError, match="at least one input"):
        dataset_graph([])
    with pytest.raises(PlayerError, match="different players"):
        dataset_graph([effects, harsanyi_of(np.ones((2, 4)), ["a", "b"])])
    with pytest.raises(OptionError, match="compute them alike"):
        dataset_graph([effects, harsanyi_of(np.ones((2, 4)), frame="input")])
    with pytest.raises(NonFiniteError, match="example 1"):
        dataset_graph(harsanyi_of([[0, 1, 2, 3], [0, 1, float("nan"), 3]]))
    with pytest.raises(OptionError, match="level=1"):
        dataset_graph(effects, level=1)
