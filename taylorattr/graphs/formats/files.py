"""Write a graph to a file and read it back; the suffix says how."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import networkx as nx

from taylorattr.atomic import replacing
from taylorattr.errors import OptionError, require_instance
from taylorattr.files import read_text, reading
from taylorattr.graphs.formats import dot, gexf, graphml, node_link


class Format(NamedTuple):
    """How a graph is written and read."""

    dumps: Callable[[nx.Graph], str]
    loads: Callable[[str], nx.Graph]


FORMATS: Mapping[str, Format] = {
    ".graphml": Format(graphml.dumps, graphml.loads),
    ".gexf": Format(gexf.dumps, gexf.loads),
    ".json": Format(node_link.dumps, node_link.loads),
    ".dot": Format(dot.dumps, dot.loads),
}
"""Suffix -> format; each reads back exactly what it wrote, whatever characters names hold."""


def _format(path: Path) -> Format:
    if path.suffix not in FORMATS:
        raise OptionError(f"{path} has the suffix {path.suffix!r}; graphs are kept as {', '.join(FORMATS)}")
    return FORMATS[path.suffix]


def write_graph(graph: nx.Graph, path: str | os.PathLike[str]) -> Path:
    """Write a graph: ``.graphml``, ``.gexf``, ``.json`` (node-link) or ``.dot``.

    The file is written under a temporary name and renamed, so a failure leaves an older file as it was.

    Returns:
        The path.

    Raises:
        OptionError: If the suffix is none of these.
        FormatError: If the graph is directed or an attribute cannot be written.
    """
    path = Path(path)
    # the whole text before any file is opened: a graph that cannot be written leaves none
    payload = _format(path).dumps(graph).encode()
    with replacing(path) as file:
        file.write(payload)
    return path


def read_graph(path: str | os.PathLike[str]) -> nx.Graph:
    """Return the graph written by :func:`write_graph`, to the last bit of every number.

    Raises:
        OptionError: If the suffix is unknown.
        FileError: If the file is damaged or was written by another program.
        FileNotFoundError: If there is no such file.
    """
    require_instance("path", path, (str, os.PathLike), "the path of a file")
    path = Path(path)
    kind = _format(path)
    with reading(path, "a graph"):
        return kind.loads(read_text(path))
