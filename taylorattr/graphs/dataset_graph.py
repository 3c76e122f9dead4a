"""The graph of a data set: every edge's mean over inputs, how often it is there, how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np

from taylorattr.errors import OptionError, PlayerError, require_repetitions
from taylorattr.graphs.graph_source import GraphSource, pair_table_of
from taylorattr.graphs.pair_table import PairTable, check_finite
from taylorattr.graphs.selection import Selection

BLOCK_ENTRIES = 1 << 19
"""Drawn counts, or resampled means, held at a time: 4 MiB of float64."""


def tables_of(
    effects: GraphSource | Sequence[GraphSource], index: str | None, of_truncated: bool = False
) -> list[PairTable]:
    """Return the pair tables of one result or several, which must have the same players, kind and frame.

    Raises:
        OptionError: If there are none, or kinds or frames differ.
        PlayerError: If players differ.
    """
    results = list(effects) if isinstance(effects, Sequence) else [effects]
    tables = [pair_table_of(result, index, of_truncated=of_truncated) for result in results]
    if not sum(table.batch for table in tables):
        raise OptionError("a graph of a data set needs at least one input, and none was given")
    for table in tables:
        check_finite(table, range(table.batch))
    for table in tables[1:]:
        if table.names != tables[0].names:
            raise PlayerError(
                f"results have different players: {tables[0].names[:4]}… and {table.names[:4]}…"
            )
        if (table.kind, table.frame) != (tables[0].kind, tables[0].frame):
            raise OptionError(
                f"results differ: {tables[0].kind} in frame {tables[0].frame} and {table.kind} in frame "
                f"{table.frame}; compute them alike"
            )
    return tables


def entries(tables: Sequence[PairTable]) -> np.ndarray:
    """Return every input's graph as one row: n independent effects, then strengths i < j, shape (B, P)."""
    rows, columns = np.triu_indices(tables[0].n, 1)
    return np.concatenate([np.hstack([t.independent, t.strengths[:, rows, columns]]) for t in tables])


def _shares(tables: Sequence[PairTable], totals: np.ndarray) -> np.ndarray:
    """Return the part of Σ|J| over all inputs that each node and each edge shows, in the order of entries."""
    rows, columns = np.triu_indices(tables[0].n, 1)
    parts = [np.hstack([t.alone, t.covered[:, rows, columns]]).sum(0) for t in tables]
    return np.sum(parts, axis=0) / (totals.sum() or 1.0)


def dataset_graph(
    effects: GraphSource | Sequence[GraphSource],
    *,
    index: str | None = None,
    present: float = 0.01,
    top: int | None = None,
    threshold: float | None = None,
    min_share: float | None = None,
    level: float = 0.95,
    n_bootstrap: int = 1000,
    seed: int = 0,
    of_truncated: bool = False,
) -> nx.Graph:
    """Return the mean interaction graph of many inputs, with how far each edge can be trusted.

    Args:
        effects: One result with many examples, or a list of results with the same players.
        index: What an edge is; see :func:`~taylorattr.graphs.interaction_graph.interaction_graph`.
        present: An edge is there for an input if |strength| > present · Σ|J| of that input.
        top: Show at most this many edges, by |mean strength|; threshold and min_share likewise.
        threshold: Show edges with |mean strength| ≥ threshold.
        min_share: Show the fewest that have this share of the sum of all |mean strength|.
        level: Level of the bootstrap intervals (percentiles, inputs drawn with replacement).
        n_bootstrap: Number of resamples.
        seed: Of the resamples.
        of_truncated: Allow an index of a table that lacks coalitions or orders.

    Returns:
        A ``networkx.Graph``. Edge: ``strength`` (mean over inputs), ``low`` and ``high`` (its interval),
        ``deviation`` (standard deviation over inputs, 0 for one), ``size`` (mean |strength|), ``frequency``
        (share of inputs where it is there), ``frequency_low``, ``frequency_high``, ``stability`` = |Σ sign|/B
        (1: the same sign everywhere), ``stability_low``, ``stability_high`` (near 0 too high, as of every
        absolute value), ``sign``, ``weight``, ``kind``, ``share`` of Σ|J| over all inputs. Node:
        ``independent`` with the same. Graph: ``inputs``, ``level``, ``present``, ``kind``,
        ``frame``, mean ``delta``, ``shown_share`` of Σ|J|, ``edges_left_out``,
        ``left_out_size``, ``reach``.

    Raises:
        OptionError: An option is out of range, there is no input, or results differ in kind or frame.
        PlayerError: Results have different players.
        NonFiniteError: An effect is not finite.
        BudgetError: More than 20,000 edges, and neither top, threshold nor min_share is given.
    """
    selection = Selection(top, threshold, min_share)
    require_repetitions("n_bootstrap", n_bootstrap)
    if not 0 < level < 1 or not present >= 0:
        raise OptionError(
            f"level={level}, present={present}; expected a level between 0 and 1, and a share from 0 on"
        )
    tables = tables_of(effects, index, of_truncated)
    first, n = tables[0], tables[0].n
    every = entries(tables)
    means = every.mean(0)
    # intervals are computed for the chosen edges only: there may be thousands of others
    edges = np.abs(means[n:])
    # a mean of strengths is uncertain by at most the mean of their bounds
    rounding = float(np.mean(np.concatenate([t.rounding for t in tables])))
    chosen = selection.of(edges, "edges", rounding)
    drawn = np.concatenate([np.arange(n), n + chosen])  # all nodes, then the chosen edges
    rows = every[:, drawn]
    totals = np.concatenate([table.total for table in tables])
    columns = _columns(rows, np.abs(rows) > present * totals[:, None], level, n_bootstrap, seed)
    columns["share"] = _shares(tables, totals)[drawn]
    graph = nx.Graph(kind=first.kind, inputs=len(rows), level=level, present=present, reach=first.reach)
    for player, name in enumerate(first.names):
        facts = {key: float(values[player]) for key, values in columns.items()}
        graph.add_node(name, name=name, player=player, independent=facts.pop("strength"), **facts)
    one, other = np.triu_indices(n, 1)
    for column, pair in enumerate(chosen, start=n):
        facts = {key: float(values[column]) for key, values in columns.items()}
        sign, weight = int(np.sign(facts["strength"])), abs(facts["strength"])
        ends = first.names[one[pair]], first.names[other[pair]]
        graph.add_edge(*ends, **facts, sign=sign, weight=weight, kind=first.kind)
    graph.graph["shown_share"] = float(columns["share"].sum()) if totals.any() else 1.0
    graph.graph["edges_left_out"] = int((edges > 0).sum()) - len(chosen)
    graph.graph["left_out_size"] = float(np.delete(edges, chosen).sum())
    if first.frame is not None:
        graph.graph["frame"] = first.frame
    deltas = [table.delta for table in tables if table.delta is not None]
    if deltas:
        graph.graph["delta"] = float(np.concatenate(deltas).mean())
    return graph


def _columns(
    rows: np.ndarray, there: np.ndarray, level: float, n_bootstrap: int, seed: int
) -> dict[str, np.ndarray]:
    """Return what a data set says of every node and edge, by name, shape (P,) each.

    Args:
        rows: Effects and strengths of every input, shape (B, P).
        there: Whether each is there, shape (B, P).
        level: Level of the intervals.
        n_bootstrap: Number of resamples.
        seed: Of the resamples.
    """
    signs = np.sign(rows)
    low, high = bootstrap_interval(rows, level, n_bootstrap, seed)
    frequency_low, frequency_high = bootstrap_interval(there, level, n_bootstrap, seed)
    stability_low, stability_high = bootstrap_interval(signs, level, n_bootstrap, seed, size=True)
    return {
        "strength": rows.mean(0),
        "low": low,
        "high": high,
        "deviation": rows.std(0, ddof=1) if len(rows) > 1 else np.zeros(rows.shape[1]),
        "size": np.abs(rows).mean(0),
        "frequency": there.mean(0),
        "frequency_low": frequency_low,
        "frequency_high": frequency_high,
        "stability": np.abs(signs.sum(0)) / len(rows),
        "stability_low": stability_low,
        "stability_high": stability_high,
    }


def bootstrap_interval(
    rows: np.ndarray, level: float, count: int, seed: int, size: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentile interval of the mean of each column; the same draws serve all columns.

    ``scipy.stats.bootstrap`` gives the same intervals up to the draws, but gathers every drawn row of every
    column: for the thousands of edges here that took two to five times as long as the product of counts and
    rows below, and R·B·P numbers of memory.

    Args:
        rows: Shape (B, P).
        level: Share of the resampled means between the two ends.
        count: Number of samples R.
        seed: Of the draws.
        size: Whether the interval is that of |mean|.

    Returns:
        Lower and upper end, shape (P,) each.
    """
    width = rows.shape[1]
    ends = np.empty((2, width))
    step = max(1, BLOCK_ENTRIES // count)
    for start in range(0, width, step):  # each block of columns draws again, with the same seed
        means = resampled_means(rows[:, start : start + step], count, seed)
        means = np.abs(means) if size else means
        ends[:, start : start + step] = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ends[0], ends[1]


def resampled_means(rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return the means of ``count`` samples of B rows drawn with replacement, shape (R, P).

    Args:
        rows: Shape (B, P).
        count: Number of samples R.
        seed: Of the draws.
    """
    generator = np.random.default_rng(seed)
    batch = len(rows)
    step = max(1, BLOCK_ENTRIES // batch)
    means = []
    for start in range(0, count, step):
        # how often each row is drawn, instead of which: the mean is then one matrix product
        counts = generator.multinomial(batch, np.full(batch, 1 / batch), size=min(step, count - start))
        means.append(counts @ rows / batch)
    return np.concatenate(means)
