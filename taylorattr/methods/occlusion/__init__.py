"""Methods that replace inputs and look at the output."""

from taylorattr.methods.occlusion import occlusion_1, occlusion_patch, prediction_difference, shapley

__all__ = ["occlusion_1", "occlusion_patch", "prediction_difference", "shapley"]
