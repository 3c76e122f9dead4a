"""Systems beside the fifteen methods, which share out no effects, and extensions of those methods."""

from taylorattr.methods.extra import ig_extensions
from taylorattr.methods.extra.mip_in import MIPIN, SourceReport
from taylorattr.methods.extra.prune_grad import prune
from taylorattr.methods.extra.pruning import Pruning

__all__ = ["ig_extensions", "MIPIN", "Pruning", "SourceReport", "prune"]
