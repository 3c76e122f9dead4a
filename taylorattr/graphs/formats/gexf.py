"""GEXF 1.3, Gephi's own format; attributes of the graph stand as JSON in its description.

networkx writes GEXF, too, but has no place for attributes of the graph, takes names such as ``weight`` and
``label`` for its own, and makes every weight a float: what it wrote would not be read back as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from xml.etree import ElementTree as ET

import networkx as nx

from taylorattr.errors import FormatError
from taylorattr.files import parse_json, parsing
from taylorattr.graphs.formats.flat import Flat, Scalar, flat, graph_of

NAMESPACE = "http://gexf.net/1.3"
TYPE_NAMES = {str: "string", bool: "boolean", int: "long", float: "double"}
READERS = {"string": str, "boolean": lambda text: text == "true", "long": int, "double": float}


def dumps(graph: nx.Graph) -> str:
    """Return the graph as GEXF; edges carry ``weight`` where Gephi looks for it."""
    parts = flat(graph)
    root = ET.Element("gexf", xmlns=NAMESPACE, version="1.3")
    meta = ET.SubElement(root, "meta")
    ET.SubElement(meta, "creator").text = "taylorattr"
    ET.SubElement(meta, "description").text = json.dumps(parts.graph)
    body = ET.SubElement(root, "graph", defaultedgetype="undirected", mode="static")
    of_nodes = _declared(body, "node", parts.nodes)
    of_edges = _declared(body, "edge", (attributes for *_, attributes in parts.edges))
    nodes = ET.SubElement(body, "nodes")
    for position, attributes in enumerate(parts.nodes):
        label = str(attributes.get("name", position))
        node = ET.SubElement(nodes, "node", id=f"n{position}", label=label)
        _put(node, attributes, of_nodes)
    edges = ET.SubElement(body, "edges")
    for position, (one, other, attributes) in enumerate(parts.edges):
        weight = {"weight": repr(attributes["weight"])} if "weight" in attributes else {}
        edge = ET.SubElement(
            edges, "edge", {"id": f"e{position}", "source": f"n{one}", "target": f"n{other}", **weight}
        )
        _put(edge, attributes, of_edges)
    ET.indent(root)
    return "<?xml version='1.0' encoding='utf-8'?>\n" + ET.tostring(root, encoding="unicode")


def _declared(
    body: ET.Element, what: str, rows: Iterable[Mapping[str, Scalar]]
) -> dict[tuple[str, str], str]:
    """Declare the attributes of all rows and return (name, type) -> number; a name may have several types."""
    numbers: dict[tuple[str, str], str] = {}
    declared = ET.SubElement(body, "attributes", {"class": what, "mode": "static"})
    for row in rows:
        for name, value in row.items():
            key = name, TYPE_NAMES[type(value)]
            if key not in numbers:
                numbers[key] = str(len(numbers))
                ET.SubElement(declared, "attribute", id=numbers[key], title=name, type=key[1])
    return numbers


def _put(element: ET.Element, attributes: Mapping[str, Scalar], numbers: dict[tuple[str, str], str]) -> None:
    """Write the attributes of one node or edge; floats as Python does, which are read back exactly."""
    values = ET.SubElement(element, "attvalues")
    for name, value in attributes.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        ET.SubElement(values, "attvalue", {"for": numbers[name, TYPE_NAMES[type(value)]], "value": text})


def loads(text: str) -> nx.Graph:
    """Return the graph written by :func:`dumps`.

    Raises:
        FormatError: If the text is not GEXF written by taylorattr.
    """
    with parsing("GEXF that can be read"):
        return _parsed(ET.fromstring(text.encode()))


def _parsed(root: ET.Element) -> nx.Graph:
    """Return the graph of a document that :func:`dumps` wrote.

    Raises:
        FormatError: If another program wrote it, whose types and escapes are its own.
    """
    if root.findtext(f"{{{NAMESPACE}}}meta/{{{NAMESPACE}}}creator") != "taylorattr":
        raise FormatError("this GEXF was not written by taylorattr; read it with networkx.read_gexf")
    facts = parse_json(root.findtext(f"{{{NAMESPACE}}}meta/{{{NAMESPACE}}}description") or "{}")
    kinds = {
        (group.get("class"), entry.attrib["id"]): (entry.attrib["title"], READERS[entry.attrib["type"]])
        for group in root.iter(f"{{{NAMESPACE}}}attributes")
        for entry in group
    }
    nodes = list(root.iter(f"{{{NAMESPACE}}}node"))
    number_of = {node.attrib["id"]: i for i, node in enumerate(nodes)}
    edges = [
        (number_of[e.attrib["source"]], number_of[e.attrib["target"]], _values(e, "edge", kinds))
        for e in root.iter(f"{{{NAMESPACE}}}edge")
    ]
    return graph_of(Flat(facts, [_values(node, "node", kinds) for node in nodes], edges))


def _values(element: ET.Element, what: str, kinds: Mapping) -> dict[str, Scalar]:
    """Return the attributes of one node or edge, each in the type it was declared with."""
    values = {}
    for entry in element.iter(f"{{{NAMESPACE}}}attvalue"):
        name, read = kinds[what, entry.attrib["for"]]
        values[name] = read(entry.attrib["value"])
    return values
