"""Interaction graphs: what players do alone and together, as ``networkx`` graphs to compute with.

``allocated_effects`` needs sympy, which is imported when the name is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from taylorattr.graphs.comparison import Difference, GraphComparison, compare_graphs
from taylorattr.graphs.concepts import SparseConcepts, sparse_concepts
from taylorattr.graphs.dataset_graph import dataset_graph
from taylorattr.graphs.formats.adjacency import from_adjacency, to_adjacency, to_frame
from taylorattr.graphs.formats.files import FORMATS, read_graph, write_graph
from taylorattr.graphs.hypergraph import interaction_hypergraph
from taylorattr.graphs.interaction_graph import interaction_graph
from taylorattr.graphs.structure import (
    Clique,
    backbone,
    centrality,
    communities,
    strongest_cliques,
    weighted_degree,
)

if TYPE_CHECKING:
    from taylorattr.graphs.allocated import allocated_effects


if (
    not TYPE_CHECKING
):  # to a type checker a module with __getattr__ has every name, misspelled ones among them

    def __getattr__(name: str) -> Any:
        """Import the name that needs sympy when it is first asked for."""
        if name == "allocated_effects":
            return importlib.import_module("taylorattr.graphs.allocated").allocated_effects
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "FORMATS",
    "Clique",
    "Difference",
    "GraphComparison",
    "SparseConcepts",
    "allocated_effects",
    "backbone",
    "centrality",
    "communities",
    "compare_graphs",
    "dataset_graph",
    "from_adjacency",
    "interaction_graph",
    "interaction_hypergraph",
    "read_graph",
    "sparse_concepts",
    "strongest_cliques",
    "to_adjacency",
    "to_frame",
    "weighted_degree",
    "write_graph",
]


def __dir__() -> list[str]:
    """Return the public names, not the files that define them."""
    return __all__
