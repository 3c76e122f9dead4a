"""Pictures of results: every function accepts ``ax=``, returns ``(fig, ax)`` and never shows a window."""

from taylorattr.plot.allocation_flow import allocation_flow
from taylorattr.plot.beeswarm import beeswarm
from taylorattr.plot.by_order import by_order
from taylorattr.plot.cascade import cascade
from taylorattr.plot.comparison import comparison
from taylorattr.plot.convergence import convergence
from taylorattr.plot.dependence import dependence
from taylorattr.plot.graph_comparison import graph_comparison
from taylorattr.plot.heat_map import heat_map
from taylorattr.plot.hypergraph import hypergraph
from taylorattr.plot.importance import importance
from taylorattr.plot.kept_neurons import kept_neurons
from taylorattr.plot.maps import maps
from taylorattr.plot.network import network
from taylorattr.plot.sentence import sentence
from taylorattr.plot.source_signal import source_signal
from taylorattr.plot.style import PALETTES, palette
from taylorattr.plot.top_effects import top_effects
from taylorattr.plot.upset import upset
from taylorattr.plot.waterfall import waterfall

__all__ = [
    "PALETTES",
    "allocation_flow",
    "beeswarm",
    "by_order",
    "cascade",
    "comparison",
    "convergence",
    "dependence",
    "graph_comparison",
    "heat_map",
    "hypergraph",
    "importance",
    "kept_neurons",
    "maps",
    "network",
    "palette",
    "sentence",
    "source_signal",
    "top_effects",
    "upset",
    "waterfall",
]


def __dir__() -> list[str]:
    """Return the public names, not the files that define them."""
    return __all__
