"""The interactive graph of one example: what is where, computed here, so that every page draws the same.

Players stand where ``ta.plot.network`` puts them, pairs are its edges, and effects of three and more players
are marks inside the circle, moved apart as in ``ta.plot.hypergraph``.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import networkx as nx
import numpy as np

from taylorattr.effects.effects import InteractionIndex, TaylorEffects
from taylorattr.effects.integrated_hessians import IntegratedHessians
from taylorattr.graphs.circle import circle_positions
from taylorattr.graphs.hypergraph import interaction_hypergraph
from taylorattr.graphs.interaction_graph import interaction_graph
from taylorattr.graphs.others import OTHERS, with_others
from taylorattr.graphs.selection import LIMIT
from taylorattr.graphs.spread import spread
from taylorattr.html.numbers import count
from taylorattr.html.source import Source
from taylorattr.plot.labels import clean, shortened
from taylorattr.plot.ring import LONGEST, UPRIGHT, areas

PLAYERS = 60
"""Most players drawn; the others are one node, as in the matplotlib picture."""

STRONG = 40
"""Marks that have the circle for themselves; the many weaker ones share it behind them."""

SCALE = 1.6
"""Units of the page's drawing per point of the picture."""

RADIUS = 290.0
"""Of the circle, in units of the page's drawing."""


def graph_view(source: Source, example: int, most: int, seed: int = 0) -> dict[str, Any]:
    """Return what the page's script draws of one example.

    Args:
        source: Effects, all finite.
        example: Which example.
        most: Most effects of two and more players drawn, the strongest.
        seed: Of the order on the circle, as in ``ta.plot.network``.

    Returns:
        ``players``: ``id``, ``x``, ``y`` (downwards), ``angle`` of the label (None: upright), ``label``,
        ``name``, ``size`` (diameter), ``value``, ``facts``. ``effects``, strongest first: ``members`` (places
        among the players), ``names``, ``order``, ``value``, ``size`` (|value|, of several pairs together
        Σ|·|), ``share`` of Σ|effects|, ``x`` and ``y`` from three players on. ``largest``, ``orders``,
        ``total`` Σ|effects|, ``left`` (``count``, ``sum``, ``size`` of what is not drawn), ``kind``.
    """
    graph = interaction_graph(source.effects, example=example, top=LIMIT)
    players = with_others(graph, PLAYERS)
    places = circle_positions(players, seed)
    ids = {node: place for place, node in enumerate(players)}
    values = _values(source, example)
    total = float(np.abs(values).sum())
    found = [*_pairs(graph, players, ids), *_coalitions(source, example, most, ids)]
    found.sort(key=lambda effect: -abs(effect["value"]))
    drawn = found[:most]
    for effect in drawn:
        effect["share"] = effect["size"] / total if total else 0.0
    _put_marks(drawn, ids, places)
    several = values[_sizes(source) >= 2]
    counted = sum(effect["count"] for effect in drawn)
    return {
        "players": _players(players, places),
        "effects": drawn,
        "largest": max((abs(effect["value"]) for effect in drawn), default=0.0),
        "orders": max((effect["order"] for effect in drawn), default=1),
        "total": total,
        "left": {
            "count": int((several != 0).sum()) - counted,
            "sum": float(several.sum()) - sum(effect["value"] for effect in drawn),
            "size": max(0.0, float(np.abs(several).sum()) - sum(effect["size"] for effect in drawn)),
        },
        "kind": _kind(source),
        "radius": RADIUS,
    }


def _values(source: Source, example: int) -> np.ndarray:
    """Return the effects of all coalitions, each once, ∅ left out."""
    effects = source.effects
    if isinstance(effects, IntegratedHessians):
        matrix = effects.values[example].double().cpu().numpy()
        rows, columns = np.triu_indices(len(matrix))
        return np.where(rows == columns, 1.0, 2.0) * (matrix[rows, columns] + matrix[columns, rows]) / 2
    table = effects.interactions if isinstance(effects, TaylorEffects) else effects
    return table.values[example, 1:].double().cpu().numpy()


def _sizes(source: Source) -> np.ndarray:
    """Return the number of players of each of these."""
    effects = source.effects
    if isinstance(effects, IntegratedHessians):
        rows, columns = np.triu_indices(len(effects.names))
        return np.where(rows == columns, 1, 2)
    table = effects.interactions if isinstance(effects, TaylorEffects) else effects
    return np.asarray(table.coalitions.sizes)[1:]


def _kind(source: Source) -> str:
    effects = source.effects
    if isinstance(effects, IntegratedHessians):
        return "integrated Hessian"
    if isinstance(effects, InteractionIndex):
        return effects.index
    return "AND" if effects.frame == "baseline" else "OR"


def _pairs(graph: nx.Graph, players: nx.Graph, ids: dict[Hashable, int]) -> list[dict[str, Any]]:
    """Return the edges of the picture; pairs with a folded player are one edge, and say how many they are."""
    folded = set(graph) - set(players)
    found = []
    for one, other, facts in players.edges(data=True):
        together: list[str] = []
        many = 1
        if OTHERS in (one, other):
            kept = other if one == OTHERS else one
            many = sum(neighbour in folded for neighbour in graph[kept])
            together = [clean(str(kept)), f"one of {count(many, 'other')}, added up"]
        found.append(
            {
                "members": sorted((ids[one], ids[other])),
                "names": together,
                "order": 2,
                "value": float(facts["strength"]),
                "size": float(facts.get("size", facts["weight"])),
                "count": many,
            }
        )
    return found


def _coalitions(source: Source, example: int, most: int, ids: dict[Hashable, int]) -> list[dict[str, Any]]:
    """Return the strongest effects of three and more players."""
    if isinstance(source.effects, IntegratedHessians):
        return []
    graph = interaction_hypergraph(source.effects, example=example, top=most)
    others = ids.get(OTHERS, 0)
    return [
        {
            "members": sorted({ids.get(member, others) for member in facts["members"]}),
            "names": [clean(member) for member in facts["members"]]
            if any(member not in ids for member in facts["members"])
            else [],
            "order": facts["order"],
            "value": float(facts["strength"]),
            "size": float(facts["weight"]),
            "count": 1,
        }
        for _, facts in graph.nodes(data=True)
        if facts["bipartite"] and facts["order"] >= 3
    ]


def _put_marks(
    drawn: list[dict[str, Any]], ids: dict[Hashable, int], places: dict[Hashable, tuple[float, float]]
) -> None:
    points = {ids[node]: place for node, place in places.items()}
    marks = [effect for effect in drawn if effect["order"] >= 3]
    if not marks:
        return
    middles = np.array([0.85 * np.mean([points[m] for m in mark["members"]], axis=0) for mark in marks])
    strong, weak = middles[:STRONG], middles[STRONG:]
    for mark, (x, y) in zip(marks, [*spread(strong), *spread(weak)], strict=True):
        mark["x"], mark["y"] = round(float(x) * RADIUS, 2), round(-float(y) * RADIUS, 2)


def _players(players: nx.Graph, places: dict[Hashable, tuple[float, float]]) -> list[dict[str, Any]]:
    alone = np.array([facts.get("independent", 0.0) for _, facts in players.nodes(data=True)])
    diameters = SCALE * np.sqrt(areas(alone, float(np.abs(alone).max(initial=0.0))))
    upright = len(players) <= UPRIGHT
    shown = []
    for (node, facts), size in zip(players.nodes(data=True), diameters, strict=True):
        x, y = places[node]
        name = clean(str(facts["name"])) or "(no name)"
        shown.append(
            {
                "x": round(x * RADIUS, 3),
                "y": round(-y * RADIUS, 3),
                "angle": None if upright else round(float(-np.arctan2(y, x)), 5),
                "name": name,
                "label": name if node == OTHERS else shortened(name, LONGEST),
                "size": round(float(size), 2),
                "value": float(facts.get("independent", 0.0)),
                "others": node == OTHERS,
                "facts": _facts(facts),
            }
        )
    return shown


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
