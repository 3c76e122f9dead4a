"""Relevance methods: rules on the operations of a recorded program, walked backwards."""

from taylorattr.methods.relevance import (
    deep_shap,
    deep_taylor,
    deeplift_rescale,
    deeplift_reveal_cancel,
    lrp_alpha_beta,
    lrp_epsilon,
)

__all__ = [
    "deep_shap",
    "deep_taylor",
    "deeplift_rescale",
    "deeplift_reveal_cancel",
    "lrp_alpha_beta",
    "lrp_epsilon",
]
