"""The section of the interactive graph: what is where, computed here, so that every page draws the same.

Players stand where ``ta.plot.network`` puts them, pairs are its edges, and effects of three and more players
are marks inside the circle, moved apart as in ``ta.plot.hypergraph``.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import networkx as nx
import numpy as np

from taylorattr.effects.coalition_table import InteractionIndex
from taylorattr.effects.integrated_hessians import IntegratedHessians
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import TaylorAttrError
from taylorattr.graphs.hypergraph import interaction_hypergraph
from taylorattr.graphs.interaction_graph import interaction_graph
from taylorattr.graphs.layout import circle_positions, spread
from taylorattr.graphs.others import OTHERS, with_others
from taylorattr.graphs.selection import MOST_EDGES
from taylorattr.html.contents import Contents, EffectSource
from taylorattr.html.section import Section
from taylorattr.html.still import still
from taylorattr.html.text import count
from taylorattr.plot.hypergraph import TOWARDS_CENTRE
from taylorattr.plot.labels import clean, shortened
from taylorattr.plot.ring import LONGEST_NAME, UPRIGHT_NAMES, areas

DRAWN_PLAYERS = 60
"""Most players drawn; the others are one node, as in the matplotlib picture."""

STRONG_MARKS = 40
"""Marks that are moved apart for themselves; the many weaker ones share the circle behind them.

All together they would push the strong ones far from their players.
"""

UNITS_PER_POINT = 1.6
"""Units of the page's drawing per point of the matplotlib picture, so that discs keep their areas."""

RADIUS = 290.0
"""Of the circle, in units of the page's drawing."""


def graph_section(contents: Contents) -> Section | None:
    """Return the section: one graph per result and example, drawn by the page's script."""
    if not contents.sources:
        return None
    views, refused, stills = {}, [], []
    for source in contents.sources:
        for e in contents.examples_of(source.batch):
            try:
                view = graph_view(source, e, contents.max_effects)
            except TaylorAttrError as error:  # NaN, or names that do not tell players apart
                refused.append({"source": source, "example": e, "reason": str(error)})
                continue
            key = f"{source.key}-{e}"
            views[key] = view
            label = f"{source.label}, example {e}" if contents.batch > 1 else source.label
            stills.append({"key": key, "picture": still(view), "label": label})
    drawn = [s for s in contents.sources if any(key.startswith(f"{s.key}-") for key in views)]
    return Section(
        key="graph",
        title="Interaction graph",
        content={"sources": drawn, "refused": refused, "stills": stills},
        data=views,
        short="Graph",
    )


def graph_view(source: EffectSource, example: int, most: int, seed: int = 0) -> dict[str, Any]:
    """Return what the page's script draws of one example.

    Args:
        source: Effects, all finite.
        example: Which example.
        most: Most effects of two and more players drawn, the strongest.
        seed: Of the order on the circle, as in ``ta.plot.network``.

    Returns:
        ``players``: ``x``, ``y`` (downwards), ``angle`` of the label (None: upright), ``label``, ``name``,
        ``size`` (diameter), ``value``, ``others``, ``facts``. ``effects``, strongest first: ``members``
        (numbers among the players), ``names``, ``order``, ``value``, ``size`` (|value|, of several pairs
        together Σ|·|), ``count``, ``share`` of Σ|effects|, ``x`` and ``y`` from three players on.
        ``largest``, ``orders``, ``total`` Σ|effects|, ``left`` (``count``, ``sum``, ``size`` of what is not
        drawn), ``kind``, ``radius``.
    """
    graph = interaction_graph(source.effects, example=example, top=MOST_EDGES)
    players = with_others(graph, DRAWN_PLAYERS)
    positions = circle_positions(players, seed)
    numbers = {node: number for number, node in enumerate(players)}
    values, sizes = _coalition_values(source, example)
    total = float(np.abs(values).sum())
    effects = [*_pairs(graph, players, numbers), *_coalitions(source, example, most, numbers)]
    effects.sort(key=lambda effect: -abs(effect["value"]))
    drawn = effects[:most]
    for effect in drawn:
        effect["share"] = effect["size"] / total if total else 0.0
    _place_marks(drawn, numbers, positions)
    # what is left is what there is less what is drawn: folded pairs count as often as they stand for
    several = values[sizes >= 2]
    counted = sum(effect["count"] for effect in drawn)
    return {
        "players": _player_nodes(players, positions),
        "effects": drawn,
        "largest": max((abs(effect["value"]) for effect in drawn), default=0.0),
        "orders": max((effect["order"] for effect in drawn), default=1),
        "total": total,
        "left": {
            "count": int((several != 0).sum()) - counted,
            "sum": float(several.sum()) - sum(effect["value"] for effect in drawn),
            # a difference of two sums: rounding could make it negative
            "size": max(0.0, float(np.abs(several).sum()) - sum(effect["size"] for effect in drawn)),
        },
        "kind": _kind(source),
        "radius": RADIUS,
    }


def _coalition_values(source: EffectSource, example: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the effects of all coalitions, each once and ∅ left out, and the number of players of each."""
    effects = source.effects
    if isinstance(effects, IntegratedHessians):
        matrix = effects.values[example].double().cpu().numpy()
        rows, columns = np.triu_indices(len(matrix))
        # both entries of a pair, the one of the diagonal once
        weights = np.where(rows == columns, 1.0, 2.0)
        values = weights * (matrix[rows, columns] + matrix[columns, rows]) / 2
        return values, np.where(rows == columns, 1, 2)
    table = effects.interactions if isinstance(effects, TaylorEffects) else effects
    return table.values[example, 1:].double().cpu().numpy(), np.asarray(table.coalitions.sizes)[1:]


def _kind(source: EffectSource) -> str:
    """Return what the effects are, in the word that a tooltip shows: an AND needs all of its players."""
    effects = source.effects
    if isinstance(effects, IntegratedHessians):
        return "integrated Hessian"
    if isinstance(effects, InteractionIndex):
        return effects.index
    return "AND" if effects.frame == "baseline" else "OR"


def _pairs(graph: nx.Graph, players: nx.Graph, numbers: dict[Hashable, int]) -> list[dict[str, Any]]:
    """Return the edges of the picture; pairs with a folded player are one edge, and say how many they are."""
    folded = set(graph) - set(players)
    pairs = []
    for one, other, facts in players.edges(data=True):
        together: list[str] = []
        many = 1
        if OTHERS in (one, other):
            player = other if one == OTHERS else one
            many = sum(neighbour in folded for neighbour in graph[player])
            together = [clean(str(player)), f"one of {count(many, 'other')}, added up"]
        pairs.append(
            {
                "members": sorted((numbers[one], numbers[other])),
                "names": together,
                "order": 2,
                "value": float(facts["strength"]),
                "size": float(facts.get("size", facts["weight"])),
                "count": many,
            }
        )
    return pairs


def _coalitions(
    source: EffectSource, example: int, most: int, numbers: dict[Hashable, int]
) -> list[dict[str, Any]]:
    """Return the strongest effects of three and more players; integrated Hessians know pairs only."""
    if isinstance(source.effects, IntegratedHessians):
        return []
    graph = interaction_hypergraph(source.effects, example=example, top=most)
    others = numbers.get(OTHERS, 0)
    return [
        {
            "members": sorted({numbers.get(member, others) for member in facts["members"]}),
            "names": [clean(member) for member in facts["members"]]
            if any(member not in numbers for member in facts["members"])
            else [],
            "order": facts["order"],
            "value": float(facts["strength"]),
            "size": float(facts["weight"]),
            "count": 1,
        }
        for _, facts in graph.nodes(data=True)
        if facts["bipartite"] and facts["order"] >= 3
    ]


def _place_marks(
    drawn: list[dict[str, Any]],
    numbers: dict[Hashable, int],
    positions: dict[Hashable, tuple[float, float]],
) -> None:
    """Write x and y into effects of three and more players: between their players, moved apart."""
    points = {numbers[node]: position for node, position in positions.items()}
    marks = [effect for effect in drawn if effect["order"] >= 3]
    if not marks:
        return
    middles = np.array(
        [TOWARDS_CENTRE * np.mean([points[m] for m in mark["members"]], axis=0) for mark in marks]
    )
    strong, weak = middles[:STRONG_MARKS], middles[STRONG_MARKS:]
    for mark, (x, y) in zip(marks, [*spread(strong), *spread(weak)], strict=True):
        mark["x"], mark["y"] = round(float(x) * RADIUS, 2), round(-float(y) * RADIUS, 2)


def _player_nodes(players: nx.Graph, positions: dict[Hashable, tuple[float, float]]) -> list[dict[str, Any]]:
    """Return position, size, label and tooltip of every player; the page's y points downwards."""
    alone = np.array([facts.get("independent", 0.0) for _, facts in players.nodes(data=True)])
    diameters = UNITS_PER_POINT * np.sqrt(areas(alone, float(np.abs(alone).max(initial=0.0))))
    upright = len(players) <= UPRIGHT_NAMES
    nodes = []
    for (node, facts), size in zip(players.nodes(data=True), diameters, strict=True):
        x, y = positions[node]
        name = clean(str(facts["name"])) or "(no name)"
        nodes.append(
            {
                "x": round(x * RADIUS, 3),
                "y": round(-y * RADIUS, 3),
                "angle": None if upright else round(float(-np.arctan2(y, x)), 5),
                "name": name,
                "label": name if node == OTHERS else shortened(name, LONGEST_NAME),
                "size": round(float(size), 2),
                "value": float(facts.get("independent", 0.0)),
                "others": node == OTHERS,
                "facts": _facts(facts),
            }
        )
    return nodes


def _facts(facts: dict[str, Any]) -> list[tuple[str, float, str]]:
    """Return what a player's tooltip says besides the independent effect: words, number, way to write it."""
    words = (
        ("first_order", "of it first order", "number"),
        ("high_order", "of it high order", "number"),
        ("interactions", "interactions it takes part in", "number"),
        ("interactions_size", "the same in size", "size"),
        ("share", "alone, share of Σ|effects|", "share"),
        ("size", "Σ|·| of these players alone", "size"),
        ("inside", "among themselves", "number"),
        ("inside_size", "Σ|·| among themselves", "size"),
    )
    return [(text, float(facts[key]), kind) for key, text, kind in words if key in facts]
