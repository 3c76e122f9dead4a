"""The graph of a data set: every edge's mean over inputs, how often it is there, how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np

from taylorattr.errors import OptionError, PlayerError
from taylorattr.graphs.pair_table import GraphSource, PairTable, pair_table
from taylorattr.graphs.resampling import bootstrap_means
from taylorattr.graphs.selection import Selection


def tables_of(
    effects: GraphSource | Sequence[GraphSource], index: str | None, of_truncated: bool = False
) -> list[PairTable]:
    """Return the pair tables of one result or several, which must have the same players, kind and frame.

    Raises:
        OptionError: If there are none, or kinds or frames differ.
        PlayerError: If players differ.
    """
    results = list(effects) if isinstance(effects, Sequence) else [effects]
    tables = [pair_table(result, index, of_truncated=of_truncated) for result in results]
    if not sum(table.batch for table in tables):
        raise OptionError("a graph of a data set needs at least one input, and none was given")
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
    parts = [np.hstack([t.alone, t.held[:, rows, columns]]).sum(0) for t in tables]
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
        (1: the same sign everywhere), ``sign``, ``weight``, ``kind``, ``share`` of Σ|J|
        over all inputs. Node: ``independent`` with ``low``,
        ``high``, ``deviation``, ``size``, ``stability``. Graph: ``inputs``, ``level``, ``present``, ``kind``,
        ``frame``, mean ``delta``, ``shown_share`` of Σ|J|, ``edges_left_out``,
        ``left_out_size``, ``reach``.

    Raises:
        OptionError: An option is out of range, there is no input, or results differ in kind or frame.
        PlayerError: Results have different players.
    """
    chosen = Selection(top, threshold, min_share)
    if not 0 < level < 1 or n_bootstrap < 1 or not present >= 0:
        raise OptionError(
            f"level={level}, n_bootstrap={n_bootstrap}, present={present}; expected a level between 0 and 1, "
            "at least 1 resample, and a share from 0 on"
        )
    tables = tables_of(effects, index, of_truncated)
    first, n = tables[0], tables[0].n
    rows = entries(tables)
    totals = np.concatenate([table.total for table in tables])
    there = np.abs(rows) > present * totals[:, None]
    ends = [(1 - level) / 2, (1 + level) / 2]
    resampled = bootstrap_means(np.hstack([rows, there]), n_bootstrap, seed)
    low, high = np.quantile(resampled, ends, axis=0)
    count = rows.shape[1]
    columns = {
        "strength": rows.mean(0),
        "low": low[:count],
        "high": high[:count],
        "deviation": rows.std(0, ddof=1) if len(rows) > 1 else np.zeros(count),
        "size": np.abs(rows).mean(0),
        "frequency": there.mean(0),
        "frequency_low": low[count:],
        "frequency_high": high[count:],
        "stability": np.abs(np.sign(rows).sum(0)) / len(rows),
    }
    shares = _shares(tables, totals)
    columns["share"] = shares
    graph = nx.Graph(kind=first.kind, inputs=len(rows), level=level, present=present, reach=first.reach)
    for player, name in enumerate(first.names):
        facts = {key: float(values[player]) for key, values in columns.items()}
        graph.add_node(name, name=name, player=player, independent=facts.pop("strength"), **facts)
    sizes = np.abs(columns["strength"])
    shown = chosen.of(sizes[n:], "edges", float(np.mean(np.concatenate([t.rounding for t in tables])))) + n
    one, other = np.triu_indices(n, 1)
    for place in shown:
        facts = {key: float(values[place]) for key, values in columns.items()}
        sign, weight = int(np.sign(facts["strength"])), float(sizes[place])
        pair = first.names[one[place - n]], first.names[other[place - n]]
        graph.add_edge(*pair, **facts, sign=sign, weight=weight, kind=first.kind)
    graph.graph["shown_share"] = float(shares[:n].sum() + shares[shown].sum()) if totals.any() else 1.0
    graph.graph["edges_left_out"] = int((sizes[n:] > 0).sum()) - len(shown)
    graph.graph["left_out_size"] = float(np.delete(sizes[n:], shown - n).sum())
    if first.frame is not None:
        graph.graph["frame"] = first.frame
    deltas = [table.delta for table in tables if table.delta is not None]
    if deltas:
        graph.graph["delta"] = float(np.concatenate(deltas).mean())
    return graph
