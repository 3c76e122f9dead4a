"""Methods that differentiate the model as a whole."""

from taylorattr.methods.gradient import (
    expected_gradients,
    grad_cam,
    gradient_x_input,
    integrated_gradients,
    smooth_grad,
)

__all__ = ["expected_gradients", "grad_cam", "gradient_x_input", "integrated_gradients", "smooth_grad"]
