"""All theorems, in the order in which they build on one another."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proofs import (
    deep_shap,
    deep_taylor,
    deeplift_rescale,
    deeplift_reveal_cancel,
    double_path_integral,
    exact_tails,
    expected_gradients,
    faith_sii,
    frame_of_coalition_effects,
    frame_of_taylor_effects,
    grad_cam,
    gradient_x_input,
    integrated_gradients,
    integrated_hessians,
    k_sii,
    lrp_alpha_beta,
    lrp_epsilon,
    mobius_as_integral,
    mobius_inversion,
    mobius_is_taylor,
    occlusion_1,
    occlusion_patch,
    order_by_support,
    prediction_difference,
    ridge_coefficients,
    semivalues,
    series_remainder,
    shapley,
    shapley_interaction_index,
    shapley_taylor_index,
    smooth_grad,
    top_degree,
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
    # truncation
    order_by_support,
    exact_tails,
    series_remainder,
    # indices
    semivalues,
    shapley_interaction_index,
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
)

THEOREMS: Mapping[str, Theorem] = MappingProxyType(
    {module.THEOREM.name: module.THEOREM for module in MODULES}
)
