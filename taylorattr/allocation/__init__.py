"""Each attribution method as ratios over effects; importing this package fills `RULES`."""

from __future__ import annotations

# the rules register themselves when imported, in the order in which they are listed
# isort: off
from taylorattr.allocation import gradient_x_input  # noqa: F401
from taylorattr.allocation import smooth_grad  # noqa: F401
from taylorattr.allocation import integrated_gradients  # noqa: F401
from taylorattr.allocation import expected_gradients  # noqa: F401
from taylorattr.allocation import grad_cam  # noqa: F401
from taylorattr.allocation import occlusion_1  # noqa: F401
from taylorattr.allocation import occlusion_patch  # noqa: F401
from taylorattr.allocation import prediction_difference  # noqa: F401
from taylorattr.allocation import shapley  # noqa: F401
from taylorattr.allocation import lrp_epsilon  # noqa: F401
from taylorattr.allocation import lrp_alpha_beta  # noqa: F401
from taylorattr.allocation import deep_taylor  # noqa: F401
from taylorattr.allocation import deeplift_rescale  # noqa: F401
from taylorattr.allocation import deeplift_reveal_cancel  # noqa: F401
from taylorattr.allocation import deep_shap  # noqa: F401
from taylorattr.allocation.extra import semivalues  # noqa: F401
from taylorattr.allocation.extra import straight_paths  # noqa: F401
from taylorattr.allocation.extra import power_paths  # noqa: F401
from taylorattr.allocation.extra import lime  # noqa: F401
from taylorattr.allocation.extra import taylor_poda  # noqa: F401
from taylorattr.allocation.extra import integrated_hessians  # noqa: F401
from taylorattr.allocation.extra import archipelago  # noqa: F401
from taylorattr.allocation.extra import interaction_indices  # noqa: F401

# isort: on
from taylorattr.allocation.allocate import allocate
from taylorattr.allocation.layerwise.chain import layerwise
from taylorattr.allocation.layerwise.formal import FormalAllocation, formal_allocation
from taylorattr.allocation.layerwise.result import LayerRecord, Layerwise
from taylorattr.allocation.rule import RULES, AllocationRule

__all__ = [
    "RULES",
    "AllocationRule",
    "FormalAllocation",
    "LayerRecord",
    "Layerwise",
    "allocate",
    "formal_allocation",
    "layerwise",
]
