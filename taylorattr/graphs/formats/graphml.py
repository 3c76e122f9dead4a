"""GraphML, read by yEd, Gephi, Cytoscape and igraph."""

from __future__ import annotations

import networkx as nx
from networkx.readwrite.graphml import GraphMLWriter

from taylorattr.errors import FormatError
from taylorattr.files import parsing
from taylorattr.graphs.formats.flat import Flat, flat, graph_of

READER_ATTRIBUTES = ("node_default", "edge_default")
"""What networkx adds to the attributes of a graph it reads."""


def dumps(graph: nx.Graph) -> str:
    """Return the graph as GraphML; nodes are numbered, and their names an attribute.

    Raises:
        FormatError: If the graph is directed, or an attribute cannot be written or has a reserved name.
    """
    parts = flat(graph)
    reserved = [name for name in READER_ATTRIBUTES if name in parts.graph]
    if reserved:
        raise FormatError(
            f"an attribute of the graph is called {reserved[0]!r}, a word of the format; rename it"
        )
    numbered = nx.Graph()
    numbered.graph.update(parts.graph)
    for position, attributes in enumerate(parts.nodes):
        numbered.add_node(f"n{position}")
        numbered.nodes[f"n{position}"].update(attributes)
    for one, other, attributes in parts.edges:
        numbered.add_edge(f"n{one}", f"n{other}")
        numbered.edges[f"n{one}", f"n{other}"].update(attributes)
    writer = GraphMLWriter(encoding="utf-8", prettyprint=True)
    writer.add_graph_element(numbered)
    return str(writer)


def loads(text: str) -> nx.Graph:
    """Return the graph written by :func:`dumps`.

    Raises:
        FormatError: If the text is no GraphML with one undirected graph.
    """
    with parsing("GraphML that can be read"):
        return _parsed(nx.parse_graphml(text))


def _parsed(numbered: nx.Graph) -> nx.Graph:
    """Return the graph of what networkx read.

    Raises:
        FormatError: If it has directions or parallel edges.
    """
    if numbered.is_directed() or numbered.is_multigraph():
        raise FormatError("this GraphML holds a directed graph or parallel edges, not an interaction graph")
    number_of = {node: i for i, node in enumerate(numbered)}
    attributes = {name: value for name, value in numbered.graph.items() if name not in READER_ATTRIBUTES}
    nodes = [dict(values) for _, values in numbered.nodes(data=True)]
    edges = [(number_of[a], number_of[b], dict(values)) for a, b, values in numbered.edges(data=True)]
    return graph_of(Flat(attributes, nodes, edges))
