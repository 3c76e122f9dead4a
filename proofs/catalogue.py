"""All theorems, in the order in which they build on one another."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proofs import (
    double_path_integral,
    exact_tails,
    faith_sii,
    frame_of_coalition_effects,
    frame_of_taylor_effects,
    integrated_hessians,
    k_sii,
    mobius_as_integral,
    mobius_inversion,
    mobius_is_taylor,
    order_by_support,
    ridge_coefficients,
    semivalues,
    series_remainder,
    shapley_interaction_index,
    shapley_taylor_index,
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
)

THEOREMS: Mapping[str, Theorem] = MappingProxyType(
    {module.THEOREM.name: module.THEOREM for module in MODULES}
)
