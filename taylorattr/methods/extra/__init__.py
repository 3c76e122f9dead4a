"""Systems beside the fifteen methods, which share out no effects, and extensions of those methods."""

from taylorattr.methods.extra.mip_in import MIPIN, SourceReport
from taylorattr.methods.extra.prune_grad import prune
from taylorattr.methods.extra.pruning import Pruning

__all__ = ["MIPIN", "Pruning", "SourceReport", "prune"]
