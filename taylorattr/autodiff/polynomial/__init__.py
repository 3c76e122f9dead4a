"""Truncated Taylor arithmetic on a captured program.

`expand` gives all coefficients up to an order, `jets` one-variable series along rays, `supported`
the operations without a rule.
"""

from taylorattr.autodiff.polynomial.engine import expand, expand_batch, jets, supported

__all__ = ["expand", "expand_batch", "jets", "supported"]
