"""Relevance methods: rules on the operations of a recorded program, walked backwards."""

from taylorattr.methods.relevance import (
    deep_taylor,
    deeplift_rescale,
    lrp_alpha_beta,
    lrp_epsilon,
)

__all__ = ["deep_taylor", "deeplift_rescale", "lrp_alpha_beta", "lrp_epsilon"]
