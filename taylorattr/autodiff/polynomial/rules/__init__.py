"""What each ATen operation is in terms of primitive steps; importing the package registers all rules."""

from taylorattr.autodiff.polynomial.rules import (
    bilinear,
    convolution,
    elementwise,
    kinks,
    linear,
    norms,
    pairs,
    ranks,
    reductions,
    shapes,
)

__all__ = [
    "bilinear",
    "convolution",
    "elementwise",
    "kinks",
    "linear",
    "norms",
    "pairs",
    "ranks",
    "reductions",
    "shapes",
]
