"""All theorems, in the order in which they build on one another."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proofs import (
    archipelago,
    banzhaf_interaction,
    cancelled_effects,
    coverage_of_effects,
    deep_shap,
    deep_taylor,
    deeplift_rescale,
    deeplift_reveal_cancel,
    double_path_integral,
    exact_tails,
    expected_gradients,
    faith_sii,
    formal_allocation,
    frame_of_coalition_effects,
    frame_of_ratios,
    frame_of_taylor_effects,
    grad_cam,
    gradient_x_input,
    integrated_gradients,
    integrated_gradients_by_effect,
    integrated_hessians,
    k_sii,
    lime,
    lrp_alpha_beta,
    lrp_epsilon,
    lrp_zero_is_gradient,
    mixtures,
    mobius_as_integral,
    mobius_inversion,
    mobius_is_taylor,
    nearest_ratios,
    occlusion_1,
    occlusion_patch,
    one_hidden_layer,
    order_by_support,
    paths,
    prediction_difference,
    quadrature,
    ridge_coefficients,
    semivalues,
    series_remainder,
    shapley,
    shapley_among_semivalues,
    shapley_interaction_index,
    shapley_taylor_index,
    smooth_grad,
    straight_paths,
    taylor_poda,
    top_degree,
    truncated_gradients,
    truncated_ratios,
)
from proofs.theorem import Theorem

MODULES = (
    # effects
    mobius_inversion,
    mobius_is_taylor,
    mobius_as_integral,
    ridge_coefficients,
    # frames
    frame_of_taylor_effects,
    frame_of_coalition_effects,
    frame_of_ratios,
    coverage_of_effects,
    # truncation
    order_by_support,
    exact_tails,
    series_remainder,
    truncated_ratios,
    truncated_gradients,
    # indices
    semivalues,
    shapley_interaction_index,
    banzhaf_interaction,
    shapley_taylor_index,
    k_sii,
    faith_sii,
    # derivatives along the path and of compositions
    integrated_hessians,
    double_path_integral,
    top_degree,
    # the ratios of the fifteen methods
    gradient_x_input,
    integrated_gradients,
    smooth_grad,
    expected_gradients,
    grad_cam,
    occlusion_1,
    occlusion_patch,
    prediction_difference,
    shapley,
    lrp_epsilon,
    lrp_alpha_beta,
    deep_taylor,
    deeplift_rescale,
    deeplift_reveal_cancel,
    deep_shap,
    # what else holds for averages of gradients
    quadrature,
    integrated_gradients_by_effect,
    # from the layer to the network
    lrp_zero_is_gradient,
    one_hidden_layer,
    formal_allocation,
    cancelled_effects,
    # families of rules, and how to repair them
    nearest_ratios,
    mixtures,
    shapley_among_semivalues,
    straight_paths,
    paths,
    lime,
    taylor_poda,
    archipelago,
)

THEOREMS: Mapping[str, Theorem] = MappingProxyType(
    {module.THEOREM.name: module.THEOREM for module in MODULES}
)
