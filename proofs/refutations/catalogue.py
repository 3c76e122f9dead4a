"""All refutations, in the order of the methods."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proofs.refutations import (
    deep_taylor_first_layer_leaks,
    gradients,
    lime_leaks,
    lrp_epsilon_drops_effects,
    networks,
    occlusion,
    prediction_difference_in_log_odds,
    references_in_one_frame,
    relevance,
)
from proofs.refutations.refutation import Refutation

ALL: tuple[Refutation, ...] = (
    *gradients.GRADIENT_X_INPUT,
    *gradients.SMOOTH_GRAD,
    *gradients.QUADRATURE,
    references_in_one_frame.REFUTATION,
    *gradients.GRAD_CAM,
    *occlusion.OCCLUSION_1,
    *occlusion.OCCLUSION_PATCH,
    *occlusion.PREDICTION_DIFFERENCE,
    prediction_difference_in_log_odds.REFUTATION,
    lime_leaks.REFUTATION,
    *relevance.LRP_EPSILON,
    lrp_epsilon_drops_effects.REFUTATION,
    *relevance.LRP_ALPHA_BETA,
    *relevance.DEEP_TAYLOR,
    deep_taylor_first_layer_leaks.REFUTATION,
    relevance.ZERO_OUTPUT,
    networks.LRP_ALPHA_BETA,
    networks.REVEAL_CANCEL,
)

REFUTATIONS: Mapping[str, Refutation] = MappingProxyType({entry.name: entry for entry in ALL})
