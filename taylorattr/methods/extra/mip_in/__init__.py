"""MIP-IN (arXiv 2104.06629): source signal and distractor of an input, by inverses of the layers."""

from taylorattr.methods.extra.mip_in import as_method
from taylorattr.methods.extra.mip_in.mipin import MIPIN
from taylorattr.methods.extra.mip_in.report import SourceReport

__all__ = ["MIPIN", "SourceReport", "as_method"]
