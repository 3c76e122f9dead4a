"""Systems beside the fifteen methods, which share out no effects, and extensions of those methods."""

from taylorattr.methods.extra.mip_in import MIPIN, SourceReport

__all__ = ["MIPIN", "SourceReport"]
