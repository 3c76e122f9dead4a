"""Methods that differentiate the model as a whole."""

from taylorattr.methods.gradient import gradient_x_input, integrated_gradients

__all__ = ["gradient_x_input", "integrated_gradients"]
