r"""A graph as numbered nodes and edges with attributes of four types, the form all text formats can hold.

Texts are written so that XML, DOT and line-based tools keep them: ``\`` as ``\\``, characters they change
or forbid (controls, line ends, lone surrogates) as ``\u000a``, the empty text as ``\e``. Other values
(tuples, None, dictionaries) are JSON after ``\j``. Names without such characters stand as they are.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple, TypeAlias

import networkx as nx
import numpy as np

from taylorattr.errors import FormatError
from taylorattr.files import parse_json

Scalar: TypeAlias = str | int | float | bool

FORBIDDEN = re.compile("[\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


class Flat(NamedTuple):
    """A graph without its keys.

    Attributes:
        graph: Attributes of the graph.
        nodes: Attributes of every node, in order; ``key`` where the node is not known by its ``name``.
        edges: Positions of the two ends, and attributes.
    """

    graph: dict[str, Scalar]
    nodes: list[dict[str, Scalar]]
    edges: list[tuple[int, int, dict[str, Scalar]]]


def escaped(text: str) -> str:
    """Return the text with what formats change or forbid written out."""
    return FORBIDDEN.sub(lambda m: "\\\\" if m[0] == "\\" else f"\\u{ord(m[0]):04x}", text) or "\\e"


def unescaped(text: str) -> str:
    """Return the text that :func:`escaped` was attributes.

    Raises:
        FormatError: If no text is written that way.
    """
    if text == "\\e":
        return ""

    def original(match: re.Match[str]) -> str:
        if match[0] == "\\\\":
            return "\\"
        if len(match[0]) == 6:
            return chr(int(match[0][2:], 16))
        raise FormatError(f"{text[:40]!r} holds a backslash that taylorattr does not write")

    return re.sub(r"\\(?:\\|u[0-9a-f]{4}|)", original, text)


def encoded(value: Any) -> Scalar:
    """Return a value of an attribute as text or number.

    Raises:
        FormatError: If it is not finite, or no number, text, None, tuple, list or dictionary of these.
    """
    value = checked(value)
    if isinstance(value, str):
        return escaped(value)
    return value if isinstance(value, (bool, int, float)) else "\\j" + json.dumps(value)


def decoded(value: Scalar) -> Any:
    """Return the value that :func:`encoded` was attributes; lists come back as tuples.

    Raises:
        FormatError: If it was not written by taylorattr.
    """
    if not isinstance(value, str):
        return checked(value)
    if not value.startswith("\\j"):
        return unescaped(value)
    try:
        return as_tuples(parse_json(value[2:]))
    except ValueError as error:
        raise FormatError(f"{value[:40]!r} is no value that taylorattr writes ({error})") from error


def checked(value: Any) -> Any:
    """Return a value in Python's own types, tuples as lists, ready for JSON.

    Raises:
        FormatError: If it is not finite or of another type.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise FormatError(f"an attribute is {value}, which graph formats do not share; remove it first")
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return [checked(entry) for entry in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: checked(entry) for key, entry in value.items()}
    raise FormatError(
        f"an attribute is a {type(value).__name__}; graphs are saved with numbers, texts, None, tuples and "
        "dictionaries with text keys"
    )


def as_tuples(value: Any) -> Any:
    """Return parsed JSON with lists as tuples."""
    if isinstance(value, list):
        return tuple(map(as_tuples, value))
    return {key: as_tuples(entry) for key, entry in value.items()} if isinstance(value, dict) else value


def require_simple(graph: nx.Graph) -> None:
    """Raise FormatError if edges have directions or parallels."""
    if graph.is_directed() or graph.is_multigraph():
        raise FormatError("interaction graphs are undirected and simple; pass networkx.Graph(graph)")


def flat(graph: nx.Graph) -> Flat:
    """Return the graph as numbered nodes and edges.

    Raises:
        FormatError: If the graph is directed, or a key or attribute cannot be written.
    """
    require_simple(graph)
    number_of: dict[Hashable, int] = {node: i for i, node in enumerate(graph)}
    nodes = []
    for node, attributes in graph.nodes(data=True):
        key = {} if isinstance(node, str) and attributes.get("name") == node else {"key": node}
        nodes.append(_attributes({**attributes, **key}))
    edges = [(number_of[a], number_of[b], _attributes(facts)) for a, b, facts in graph.edges(data=True)]
    return Flat(_attributes(graph.graph), nodes, edges)


def graph_of(parts: Flat) -> nx.Graph:
    """Return the graph that :func:`flat` was attributes.

    Raises:
        FormatError: If nodes have neither a name nor a key, or two the same.
    """
    graph = nx.Graph()
    # not as arguments: those of some names mean edges, or a library to import
    graph.graph.update({unescaped(name): decoded(value) for name, value in parts.graph.items()})
    keys: list[Hashable] = []
    for attributes in parts.nodes:
        values = {unescaped(name): decoded(value) for name, value in attributes.items()}
        key = values.pop("key", values.get("name"))
        if isinstance(key, dict):
            raise FormatError("a node is a dictionary, which graphs do not know")
        if key is None or key in graph:
            raise FormatError(
                f"a node without a name, or two called {key!r}; taylorattr writes no such graph"
            )
        keys.append(key)
        graph.add_node(key)
        graph.nodes[key].update(values)
    for one, other, attributes in parts.edges:
        graph.add_edge(keys[one], keys[other])
        values = {unescaped(name): decoded(value) for name, value in attributes.items()}
        graph.edges[keys[one], keys[other]].update(values)
    return graph


def _attributes(attributes: Mapping[str, Any]) -> dict[str, Scalar]:
    return {escaped(str(name)): encoded(value) for name, value in attributes.items()}
