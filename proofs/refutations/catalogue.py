"""All refutations, in the order of the methods."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proofs.refutations import (
    deep_taylor_first_layer_leaks,
    deep_taylor_leaks,
    deep_taylor_with_a_bias,
    deep_taylor_without_positive_inputs,
    grad_cam_cancels,
    grad_cam_drops_effects,
    grad_cam_is_not_complete,
    grad_cam_leaks,
    grad_cam_loses_mixed_signs,
    grad_cam_rectified,
    gradient_x_input_cancels,
    gradient_x_input_drops_effects,
    gradient_x_input_is_not_complete,
    lime_leaks,
    lrp_alpha_beta_in_a_network,
    lrp_alpha_beta_leaks,
    lrp_alpha_beta_with_a_bias,
    lrp_alpha_beta_with_an_empty_group,
    lrp_epsilon_drops_effects,
    lrp_epsilon_is_not_complete,
    lrp_epsilon_with_a_bias,
    lrp_epsilon_without_net_input,
    occlusion_1_drops_effects,
    occlusion_1_is_not_complete,
    occlusion_patch_drops_effects,
    occlusion_patch_is_not_complete,
    occlusion_patch_leaks,
    prediction_difference_drops_effects,
    prediction_difference_in_log_odds,
    prediction_difference_is_not_complete,
    quadrature_cancels,
    quadrature_drops_effects,
    quadrature_is_not_complete,
    references_in_one_frame,
    relevance_of_a_zero_output,
    reveal_cancel_in_a_network,
    smooth_grad_cancels,
    smooth_grad_drops_effects,
    smooth_grad_is_not_complete,
    smooth_grad_without_a_ratio,
)
from proofs.refutations.refutation import Refutation

MODULES = (
    # gradients
    gradient_x_input_is_not_complete,
    gradient_x_input_cancels,
    gradient_x_input_drops_effects,
    smooth_grad_is_not_complete,
    smooth_grad_cancels,
    smooth_grad_drops_effects,
    smooth_grad_without_a_ratio,
    quadrature_is_not_complete,
    quadrature_cancels,
    quadrature_drops_effects,
    references_in_one_frame,
    grad_cam_is_not_complete,
    grad_cam_cancels,
    grad_cam_drops_effects,
    grad_cam_leaks,
    grad_cam_loses_mixed_signs,
    grad_cam_rectified,
    # occlusion
    occlusion_1_is_not_complete,
    occlusion_1_drops_effects,
    occlusion_patch_leaks,
    occlusion_patch_is_not_complete,
    occlusion_patch_drops_effects,
    prediction_difference_is_not_complete,
    prediction_difference_drops_effects,
    prediction_difference_in_log_odds,
    lime_leaks,
    # relevance, one unit
    lrp_epsilon_is_not_complete,
    lrp_epsilon_with_a_bias,
    lrp_epsilon_without_net_input,
    lrp_epsilon_drops_effects,
    lrp_alpha_beta_leaks,
    lrp_alpha_beta_with_an_empty_group,
    lrp_alpha_beta_with_a_bias,
    deep_taylor_leaks,
    deep_taylor_without_positive_inputs,
    deep_taylor_with_a_bias,
    deep_taylor_first_layer_leaks,
    relevance_of_a_zero_output,
    # networks
    lrp_alpha_beta_in_a_network,
    reveal_cancel_in_a_network,
)

REFUTATIONS: Mapping[str, Refutation] = MappingProxyType(
    {module.REFUTATION.name: module.REFUTATION for module in MODULES}
)
