"""``ta.interaction_hypergraph``: players on one side, coalitions with their effects on the other."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np

from taylorattr.effects.coalition_table import HarsanyiEffects, InteractionIndex
from taylorattr.effects.symbolic import SymbolicEffects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError
from taylorattr.graphs.effect_pairs import reach_of
from taylorattr.graphs.graph_source import pair_table_of
from taylorattr.graphs.interaction_graph import add_players
from taylorattr.graphs.pair_table import check_example, check_finite
from taylorattr.graphs.selection import Selection

EFFECT_KINDS = {"baseline": "AND", "input": "OR"}
"""Frame -> what an effect of it needs: all of S present, or one of S present."""


def interaction_hypergraph(
    effects: TaylorEffects | HarsanyiEffects | InteractionIndex | SymbolicEffects,
    *,
    max_order: int | None = None,
    top: int | None = None,
    threshold: float | None = None,
    min_share: float | None = None,
    names: Sequence[str] | None = None,
    example: int = 0,
) -> nx.Graph:
    """Return the bipartite graph of players and coalitions of one example, any order.

    A coalition S with 2 ≤ |S| ≤ max_order is a node of its own, joined to its players; what a player does
    alone is at the player. In frame ``baseline`` an effect is an AND (it appears when all of S are present,
    eq. (3)), in frame ``input`` an OR (one of S is enough, eq. (8)): the node says which, and the two kinds
    are different nodes, so that ``networkx.compose`` puts both into one graph.

    Args:
        effects: Taylor effects (summed by support), Harsanyi effects, an index, or symbolic effects.
        max_order: Largest |S|; None: all there are.
        top: Show at most this many coalitions, the strongest.
        threshold: Show coalitions with |J(S)| ≥ threshold; None leaves out those that rounding explains.
        min_share: Show the fewest strongest that have this share of Σ_{|S|≥2} |J(S)|.
        names: Other names of the players.
        example: Which example of the batch.

    Returns:
        A ``networkx.Graph``. Player nodes are the names: ``bipartite`` 0 and what
        :func:`~taylorattr.graphs.interaction_graph.interaction_graph` gives a node. Coalition nodes are
        tuples ``("AND" or "OR" or the index, name, name, …)``: ``bipartite`` 1, ``name``, ``kind``,
        ``members``, ``order``, ``strength``, ``sign``, ``weight`` = |strength|, ``share`` of Σ|J|. Edges:
        ``strength``, ``weight``.
        Graph: ``kind`` ``hypergraph``, ``frame``, ``delta``, ``f_input``, ``f_baseline``, ``shown_share``,
        ``coalitions_left_out``, ``left_out_sum`` of their J, ``below_rounding``, ``reach``, ``example``.

    Raises:
        OptionError: An option is out of range.
        PlayerError: Names are not unique, or there are no players.
        NonFiniteError: An effect of that example is not finite.
        BudgetError: More than 20,000 coalitions, and neither top, threshold nor min_share is given.
    """
    selection = Selection(top, threshold, min_share)
    if max_order is not None and max_order < 1:
        raise OptionError(f"max_order={max_order}; expected at least 1")
    if isinstance(effects, SymbolicEffects):
        effects = effects.to_harsanyi_effects()
    players = pair_table_of(effects, names=names)
    check_example(example, players.batch)
    check_finite(players, [example])
    table = effects.interactions if isinstance(effects, TaylorEffects) else effects
    row = table.values[example].double().cpu().numpy()
    total = float(np.abs(row[1:]).sum())
    scale = 1 / total if total > 0 else 0.0
    graph = nx.Graph(kind="hypergraph", frame=table.frame)
    add_players(graph, players, example, bipartite=0)
    orders = table.coalitions.sizes
    eligible = np.flatnonzero((orders >= 2) & (orders <= (max_order or table.n)))
    sizes = np.abs(row[eligible])
    # a threshold is the user's word on what counts; without one, rounding must not look like an interaction
    below = _within_rounding(table, orders[eligible], sizes, example) & (threshold is None)
    chosen = eligible[selection.of(np.where(below, 0.0, sizes), "coalitions")]
    kind = table.index if isinstance(table, InteractionIndex) else EFFECT_KINDS[table.frame]
    for position in chosen.tolist():
        members = tuple(players.names[i] for i in table.coalitions[position])
        key = (kind, *members)
        value = float(row[position])
        graph.add_node(
            key,
            bipartite=1,
            name=" × ".join(members),
            kind=kind,
            members=members,
            order=len(members),
            strength=value,
            sign=int(np.sign(value)),
            weight=abs(value),
            share=abs(value) * scale,
        )
        graph.add_edges_from(((m, key) for m in members), strength=value, weight=abs(value))
    several = np.flatnonzero(orders >= 2)
    alone = float(players.alone[example].sum())
    graph.graph.update(
        delta=float(table.delta[example]),
        f_input=float(table.f_input[example]),
        f_baseline=float(table.f_baseline[example]),
        shown_share=(alone + float(np.abs(row[chosen]).sum())) * scale if total > 0 else 1.0,
        coalitions_left_out=int((row[several] != 0).sum()) - len(chosen) - int(below.sum()),
        left_out_sum=float(row[several].sum() - row[chosen].sum()),
        below_rounding=int(below.sum()),
        reach=reach_of(table),
        example=example,
    )
    return graph


def _within_rounding(
    table: HarsanyiEffects | InteractionIndex, orders: np.ndarray, sizes: np.ndarray, example: int
) -> np.ndarray:
    """Return which non-zero effects are no larger than the bound of their rounding error."""
    if not isinstance(table, HarsanyiEffects) or table.error_bound is None:
        return np.zeros(len(sizes), dtype=bool)
    return (sizes > 0) & (sizes <= table.error_bound[example].double().cpu().numpy()[orders.astype(int)])
