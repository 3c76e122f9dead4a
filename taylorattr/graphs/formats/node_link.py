"""JSON in node-link form, read by ``networkx.node_link_graph`` and D3."""

from __future__ import annotations

import json
from typing import Any

import networkx as nx

from taylorattr.errors import FormatError
from taylorattr.files import parse_json, parsing
from taylorattr.graphs.formats.flat import as_tuples, checked, require_simple


def dumps(graph: nx.Graph) -> str:
    """Return the graph as JSON: ``graph``, ``nodes`` with their ``id``, ``edges`` with source and target.

    Raises:
        FormatError: If the graph is directed, or an attribute cannot be written or has a reserved name.
    """
    require_simple(graph)
    nodes = [{**_free(values, "id"), "id": checked(node)} for node, values in graph.nodes(data=True)]
    edges = [
        {**_free(values, "source", "target"), "source": checked(one), "target": checked(other)}
        for one, other, values in graph.edges(data=True)
    ]
    data = {"directed": False, "multigraph": False, "graph": checked(dict(graph.graph))}
    return json.dumps(data | {"nodes": nodes, "edges": edges}, indent=1)


def _free(values: dict[str, Any], *reserved: str) -> dict[str, Any]:
    """Return attributes ready for JSON, none of which has a name that the form needs for itself.

    Raises:
        FormatError: If one has, or cannot be written.
    """
    clashing = [name for name in reserved if name in values]
    if clashing:
        raise FormatError(f"an attribute is called {clashing[0]!r}, a word of the format; rename it")
    return checked(dict(values))


def loads(text: str) -> nx.Graph:
    """Return the graph written by :func:`dumps`; lists come back as tuples.

    Raises:
        FormatError: If the text is not JSON in node-link form.
    """
    with parsing("a node-link graph"):
        data = as_tuples(parse_json(text))
        graph = nx.Graph()
        # not as arguments: those of some names mean edges, or a library to import
        graph.graph.update(data["graph"])
        for node in data["nodes"]:
            graph.add_node(node["id"])
            graph.nodes[node["id"]].update({k: v for k, v in node.items() if k != "id"})
        for edge in data["edges"]:
            ends = edge["source"], edge["target"]
            if not all(end in graph for end in ends):
                raise FormatError(f"an edge joins {ends}, which are not both nodes")
            graph.add_edge(*ends)
            graph.edges[ends].update({k: v for k, v in edge.items() if k not in ("source", "target")})
        return graph
