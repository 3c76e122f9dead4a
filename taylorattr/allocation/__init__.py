"""Each attribution method as ratios over effects; importing this package fills `RULES`."""

from __future__ import annotations

# the rules register themselves when imported, in the order in which they are listed
# isort: off
from taylorattr.allocation import integrated_gradients  # noqa: F401
from taylorattr.allocation import smooth_grad  # noqa: F401
from taylorattr.allocation import shapley  # noqa: F401

# isort: on
from taylorattr.allocation.allocate import allocate
from taylorattr.allocation.rule import RULES, AllocationRule

__all__ = ["RULES", "AllocationRule", "allocate"]
