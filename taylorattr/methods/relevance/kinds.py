"""What each ATen operation is to a relevance rule: one table from operation to mathematical kind.

The kind may depend on which arguments depend on the inputs: a matrix product with a constant is a weighted
sum, one of two activations is a product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

from taylorattr.methods.relevance.formulas import FORMULAS
from taylorattr.methods.relevance.site import Site

Kind: TypeAlias = Literal[
    "move",  # entries rearranged, dropped, repeated or set to constants
    "sum",  # sums with non-negative weights, and differences
    "scale",  # a constant factor for each entry
    "weights",  # sums with constant weights: dense layers, convolutions
    "batch_norm",  # a constant scale and shift for each channel
    "unit",  # an elementwise function of one value
    "pair",  # an elementwise function of two values
    "product",
    "matmul",  # a matrix product of two activations
    "quotient",
    "glu",
    "softmax",
    "log_softmax",
    "logsumexp",
    "normalise",  # LayerNorm, GroupNorm, InstanceNorm, RMSNorm
    "moment",  # variance, standard deviation, 2-norm
    "maximum",
    "prod",
    "order",  # sort, topk, median: entries chosen by their rank
    "switch",  # comparisons, indices, shapes: the result carries no relevance
    "choice",  # where, masked_fill with a mask that depends on the input
]


def _shared(kind: Kind, names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), kind)


def _factors(one: Kind, both: Kind) -> Callable[[Site], Kind]:
    return lambda site: "choice" if site.switches else both if len(site.operands) > 1 else one


def _matrices(*factors: str) -> Callable[[Site], Kind]:
    """A product of two matrices, perhaps added to a third argument."""
    return lambda site: "matmul" if all(site.is_operand(f) for f in factors) else "weights"


def _division(site: Site) -> Kind:
    if site.named.get("rounding_mode") is not None:
        return "unit"
    return "quotient" if site.is_operand("other") else "scale"


def _selection(site: Site) -> Kind:
    return "choice" if site.switches else "move"


def _batch_norm(site: Site) -> Kind:
    return "normalise" if site.named.get("training", False) else "batch_norm"


def _extreme(site: Site) -> Kind:
    """Against a constant, a maximum is a function of one value."""
    return "maximum" if len(site.operands) > 1 else "unit"


KINDS: dict[str, Kind | Callable[[Site], Kind]] = {
    **_shared(
        "move",
        "view _unsafe_view reshape _reshape_alias squeeze unsqueeze permute transpose t expand select slice "
        "gather index_select cat stack flip roll repeat repeat_interleave constant_pad_nd select_scatter "
        "slice_scatter split split_with_sizes unbind as_strided diagonal tril triu pixel_shuffle movedim "
        "pixel_unshuffle channel_shuffle unfold im2col "
        "unsafe_split unsafe_chunk unsafe_split_with_sizes take take_along_dim alias detach clone contiguous "
        "reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d chunk "
        "replication_pad3d upsample_nearest1d upsample_nearest2d upsample_nearest3d flatten unflatten diag "
        "diag_embed diagonal_scatter swapaxes swapdims numpy_T mT narrow tile rot90 fliplr flipud scatter "
        "masked_select slice_copy view_copy expand_copy permute_copy transpose_copy t_copy squeeze_copy "
        "unsqueeze_copy select_copy embedding _conj resolve_conj resolve_neg positive lift_fresh "
        "lift_fresh_copy detach_copy alias_copy copy broadcast_to expand_as concat diagonal_copy split_copy "
        "split_with_sizes_copy unbind_copy unfold_copy narrow_copy as_strided_scatter index_copy index_fill "
        "masked_scatter _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d "
        "max_unpool2d max_unpool3d",
    ),
    **_shared(
        "sum",
        "add sub rsub sum mean cumsum avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d col2im "
        "_adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool2d adaptive_avg_pool3d neg trace "
        "upsample_linear1d upsample_bilinear2d upsample_trilinear3d scatter_add index_add "
        "_upsample_bilinear2d_aa",
    ),
    **_shared("weights", "convolution"),
    **_shared(
        "unit",
        "exp exp2 expm1 log log1p log2 log10 logit sin cos tan sinh cosh tanh asin acos atan asinh acosh "
        "atanh sqrt rsqrt reciprocal square sigmoid log_sigmoid_forward silu mish erf erfc special_ndtr gelu "
        "special_expit special_erf special_erfc special_expm1 softplus elu celu selu relu relu6 leaky_relu "
        "_prelu_kernel abs clamp clamp_min clamp_max hardtanh hardsigmoid hardswish softshrink hardshrink "
        "threshold sign sgn floor ceil round trunc frac nan_to_num pow float_power special_log_softmax "
        "remainder fmod lgamma digamma special_i0 sinc atan2 hypot xlogy special_xlog1py copysign "
        "floor_divide heaviside smooth_l1_loss huber_loss log_sigmoid rad2deg erfinv special_erfinv "
        "special_entr special_log_ndtr special_i0e special_i1 special_i1e special_erfcx polygamma",
    ),
    **_shared("softmax", "_softmax _safe_softmax"),
    **_shared("log_softmax", "_log_softmax"),
    **_shared("logsumexp", "logsumexp"),
    **_shared(
        "normalise",
        "native_layer_norm native_group_norm _fused_rms_norm _batch_norm_with_update_functional",
    ),
    **_shared("moment", "var std linalg_vector_norm"),
    **_shared(
        "maximum",
        "max min amax amin max_pool2d_with_indices max_pool3d_with_indices adaptive_max_pool2d "
        "adaptive_max_pool3d",
    ),
    **_shared("prod", "prod"),
    **_shared("order", "sort topk median kthvalue nanmedian mode"),
    **_shared("glu", "glu"),
    **_shared(
        "switch",
        "all any argmax argmin argsort bitwise_and bitwise_not bitwise_or bitwise_xor bucketize "
        "count_nonzero eq equal ge gt isclose isfinite isinf isnan isneginf isposinf le logical_and "
        "logical_not logical_or logical_xor lt ne nonzero searchsorted signbit empty_like full_like "
        "new_empty new_full new_ones new_zeros ones_like zeros_like",
    ),
    **dict.fromkeys(("maximum", "minimum", "fmax", "fmin"), _extreme),
    **dict.fromkeys(("where", "masked_fill", "_to_copy", "index", "index_put"), _selection),
    "mul": _factors("scale", "product"),
    "div": _division,
    "mm": _matrices("self", "mat2"),
    "addmm": _matrices("mat1", "mat2"),
    "bmm": _matrices("self", "mat2"),
    "baddbmm": _matrices("batch1", "batch2"),
    "mv": _matrices("self", "vec"),
    "addmv": _matrices("mat", "vec"),
    "dot": _matrices("self", "tensor"),
    "linear": _matrices("input", "weight"),
    "native_batch_norm": _batch_norm,
    "_native_batch_norm_legit": _batch_norm,
    "_native_batch_norm_legit_no_training": "batch_norm",
}
"""Operation (all overloads) -> kind, or how the kind is read off its arguments."""


def kind_of(site: Site) -> Kind | None:
    """Return the kind of an operation, None for one that no table knows.

    Args:
        site: The operation.

    Returns:
        Its kind.
    """
    found = KINDS.get(site.name)
    kind = found(site) if callable(found) else found
    if kind == "unit" and site.switches:
        return None
    if kind == "unit" and len(site.operands) != 1:
        return "pair" if len(site.operands) == 2 else None
    if kind == "move" and site.switches:
        return "choice"
    if site.name == "max" and len(site.operands) > 1:
        return "maximum"
    return kind


REFUSED: dict[str, str] = {
    "histc": "a histogram is a step function of every entry at once; count with sums of sigmoids",
}
"""Operations refused on purpose -> why, and what to do."""


def known_operations() -> Iterable[str]:
    """Names of the operations in the table, of those written out by a formula and of those refused."""
    return {*KINDS, *FORMULAS, *REFUSED}
