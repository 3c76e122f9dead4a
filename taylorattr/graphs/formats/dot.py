"""DOT text for Graphviz; what Graphviz does not use stands as JSON in the attribute ``taylorattr``.

networkx reads DOT only through pydot or pygraphviz, which know no types: there every attribute is a text.
"""

from __future__ import annotations

import json
import re

import networkx as nx

from taylorattr.errors import FormatError
from taylorattr.files import parse_json, parsing
from taylorattr.graphs.formats.flat import Flat, Scalar, flat, graph_of

POSITIVE, NEGATIVE = "#c0392b", "#2c6fbb"
"""Colours of signs, those of the pictures."""

WIDEST_PEN = 6.0
"""Pen width of the strongest edge, in points."""

THINNEST_PEN = 0.3
"""Pen width below which Graphviz's lines are hard to see, in points."""

STATEMENT = re.compile(r'^  (?:(graph)|n(\d+)(?: -- n(\d+))?) \[.*taylorattr="((?:[^"\\]|\\.)*)"\];$')


def dumps(graph: nx.Graph) -> str:
    """Return the graph as DOT: labels, colours by sign (red positive, blue negative), widths by strength."""
    parts = flat(graph)
    weights = [float(values.get("weight", 0.0)) for *_, values in parts.edges]
    largest = max(weights, default=0.0) or 1.0
    lines = ["graph interactions {", f"  graph [{_attribute(parts.graph)}];"]
    for position, (node, values) in enumerate(zip(graph, parts.nodes, strict=True)):
        label = str(graph.nodes[node].get("name", node))
        colour = f"color={_quoted(_colour(values.get('independent', values.get('strength', 0.0))))}"
        shape = ", shape=diamond" if values.get("bipartite") == 1 else ""
        lines.append(f"  n{position} [label={_label(label)}, {colour}{shape}, {_attribute(values)}];")
    for (one, other, values), weight in zip(parts.edges, weights, strict=True):
        colour = _quoted(_colour(values.get("sign", values.get("strength", 0.0))))
        width = max(THINNEST_PEN, WIDEST_PEN * weight / largest)
        lines.append(f"  n{one} -- n{other} [color={colour}, penwidth={width:.2f}, {_attribute(values)}];")
    return "\n".join([*lines, "}"]) + "\n"


def loads(text: str) -> nx.Graph:
    """Return the graph written by :func:`dumps`.

    Raises:
        FormatError: If the text is other DOT than taylorattr writes.
    """
    facts: dict[str, Scalar] | None = None
    nodes: list[dict[str, Scalar]] = []
    edges: list[tuple[int, int, dict[str, Scalar]]] = []
    with parsing("DOT text that can be read"):
        _, *lines, last = text.rstrip("\n").split("\n")
        if last != "}":
            raise FormatError("the text does not end with a brace on its own line; part of it is missing")
        for line in lines:
            match = STATEMENT.match(line)
            if match is None:
                raise FormatError(f"the line {line[:60]!r} was not written by taylorattr")
            values = parse_json(re.sub(r"\\(.)", r"\1", match[4]))
            if match[1]:
                facts = values
            elif match[3] is None:
                nodes.append(values)
            else:
                edges.append((int(match[2]), int(match[3]), values))
        if facts is None:
            raise FormatError("this is no DOT text written by taylorattr")
        return graph_of(Flat(facts, nodes, edges))


def _quoted(text: str) -> str:
    """Return a text in DOT's quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _label(text: str) -> str:
    """Return a label: line ends as DOT writes them, other characters Graphviz cannot show as a box."""
    printable = "".join(
        c if c == "\n" or (c.isprintable() and not "\ud800" <= c <= "\udfff") else "□" for c in text
    )
    return _quoted(printable).replace("\n", "\\n")


def _attribute(values: dict[str, Scalar]) -> str:
    """Return the attribute from which everything is read back: JSON knows types and every digit."""
    return f"taylorattr={_quoted(json.dumps(values))}"


def _colour(value: object) -> str:
    """Return the colour of a sign; what is no number counts as negative."""
    return POSITIVE if isinstance(value, int | float) and value >= 0 else NEGATIVE
