"""``ta.interaction_graph``: players as nodes, what pairs of them do together as edges."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np

from taylorattr.graphs.graph_source import GraphSource, pair_table_of
from taylorattr.graphs.pair_table import PairTable, check_example, check_finite
from taylorattr.graphs.selection import Selection


def interaction_graph(
    effects: GraphSource,
    *,
    index: str | None = None,
    top: int | None = None,
    threshold: float | None = None,
    min_share: float | None = None,
    names: Sequence[str] | None = None,
    example: int = 0,
    of_truncated: bool = False,
) -> nx.Graph:
    """Return the graph of one example: what each player does alone, and what pairs do together.

    Args:
        effects: What ``decompose``, ``harsanyi``, ``.index(...)``, ``symbolic_effects``,
            ``integrated_hessians``, ``interactions``, ``hessian`` (a tensor) or ``attribute`` (no edges)
            returns.
        index: What an edge is. Of effects: ``pair`` (default) J({i,j}) alone; ``total`` Σ_{S⊇{i,j}} |J(S)|,
            whose sign is that of Σ J(S); ``k-SII``, ``STII``, ``FSII``, ``SII``, ``BII``, ``FBII`` or
            ``CHII``: all orders folded into pairs, Σ_{T⊇{i,j}} c(2, |T|) J(T), eq. (62), (77), in frame
            ``baseline``; ``hessian``, of Taylor effects, I(e_i + e_j). Other results are what they are.
        top: Show at most this many edges, the strongest.
        threshold: Show edges with |strength| ≥ threshold; None leaves out those that rounding explains.
        min_share: Show the fewest strongest edges that have this share of the sum of all |strength|.
        names: Other names of the players.
        example: Which example of the batch.
        of_truncated: Allow an index of a table that lacks coalitions or orders, taking those as zero.

    Returns:
        A ``networkx.Graph`` whose nodes are the names, in the players' order; every number in units of the
        output. Node: ``name``, ``player`` (its number), ``independent`` ψ_i with ``first_order`` and
        ``high_order`` where effects are Taylor's, ``interactions`` Σ_{S∋i,|S|≥2} J(S),
        ``interactions_size`` the same of |J(S)|, ``share`` of Σ|J|. Edge: ``strength``, ``sign``, ``weight``
        = |strength|, ``kind``, ``share``. Graph: ``kind``, ``frame``, ``delta``, ``f_input``, ``f_baseline``,
        ``shown_share`` of Σ_{S≠∅}|J(S)| (Σ of the nodes' and edges' shares), ``edges_left_out``
        and ``left_out_size`` (Σ|strength| of what is not shown),
        ``below_rounding``, ``reach`` (which effects the table holds), ``example``.

    Raises:
        OptionError: An option is out of range or does not fit the result.
        PlayerError: Names are not unique, or there are no players.
        NonFiniteError: An effect of that example is not finite.
        BudgetError: More than 20,000 edges, and neither top, threshold nor min_share is given.

    Example:
        >>> import sympy
        >>> from taylorattr.effects.symbolic import symbolic_effects
        >>> x0, x1 = sympy.symbols("x0 x1")
        >>> graph = interaction_graph(symbolic_effects(3 * x0 + x1**2 + 3 * x0 * x1**2, (x0, x1), (1, 2)))
        >>> graph.nodes["x1"]["independent"], graph.edges["x0", "x1"]["strength"], graph.graph["shown_share"]
        (4.0, 12.0, 1.0)
    """
    selection = Selection(top, threshold, min_share)
    table = pair_table_of(effects, index, names=names, of_truncated=of_truncated)
    return graph_of(table, selection, example)


def graph_of(table: PairTable, selection: Selection, example: int = 0) -> nx.Graph:
    """Return the graph of one example of a table; see :func:`interaction_graph`."""
    check_example(example, table.batch)
    check_finite(table, [example])
    total = float(table.total[example])
    scale = 1 / total if total > 0 else 0.0
    graph = nx.Graph(kind=table.kind)
    add_players(graph, table, example)
    rows, columns = np.triu_indices(table.n, 1)
    strengths = table.strengths[example, rows, columns]
    sizes = np.abs(strengths)
    rounding = float(table.rounding[example])
    chosen = selection.of(sizes, "edges", rounding)
    covered = table.covered[example, rows, columns]
    signs = table.signs[example, rows, columns]
    for pair in chosen:
        graph.add_edge(
            table.names[rows[pair]],
            table.names[columns[pair]],
            strength=float(strengths[pair]),
            sign=int(signs[pair]),
            weight=float(sizes[pair]),
            kind=table.kind,
            share=float(covered[pair]) * scale,
        )
    visible = float(table.alone[example].sum() + covered[chosen].sum())
    # what is left out as rounding is counted apart from what is left out as weak
    below = int(((sizes > 0) & (sizes <= rounding)).sum()) if selection.threshold is None else 0
    facts = {
        "frame": table.frame,
        "delta": _at(table.delta, example),
        "f_input": _at(table.f_input, example),
        "f_baseline": _at(table.f_baseline, example),
        "shown_share": visible * scale if total > 0 else 1.0,
        "edges_left_out": int((sizes > 0).sum()) - len(chosen) - below,
        "left_out_size": float(np.delete(sizes, chosen).sum()),
        "below_rounding": below,
        "reach": table.reach,
        "example": example,
    }
    graph.graph.update({key: value for key, value in facts.items() if value is not None})
    return graph


def add_players(graph: nx.Graph, table: PairTable, example: int, **more: object) -> None:
    """Add the players with what they do alone and together, and further attributes that all of them get."""
    total = float(table.total[example])
    columns = {
        "independent": table.independent,
        "first_order": table.first_order,
        "high_order": table.high_order,
        "interactions": table.interactions,
        "interactions_size": table.interactions_size,
    }
    for player, name in enumerate(table.names):
        numbers = {key: float(c[example, player]) for key, c in columns.items() if c is not None}
        share = float(table.alone[example, player]) / total if total > 0 else 0.0
        graph.add_node(name, name=name, player=player, **numbers, share=share, **more)


def _at(values: np.ndarray | None, example: int) -> float | None:
    """Return one example's number; None where the result does not know it."""
    return None if values is None else float(values[example])
