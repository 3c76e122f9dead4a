"""The table of operations: what each ATen operation is, once for every engine.

The Taylor walk, relevance, layer-wise allocation, integrals along paths, kinks and degrees look up here which
operations exist and what they are; how an engine computes with one stands with the engine, under a name that
must be in this table (`implementations`). What an engine does not take, it refuses with a reason
(`program.refusals`).

An operation is given by its packet name and stands for all its overloads; an overload that is something else
has a row of its own (``div.Tensor_mode``). Arguments go by the names in torch's schema.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

import torch
from torch import Tensor
from torch._ops import OpOverload

from taylorattr.errors import TaylorAttrError
from taylorattr.program.arguments import leaves, named
from taylorattr.program.program import Node, Ref

T = TypeVar("T")

Kind: TypeAlias = Literal[
    "move",  # entries rearranged, dropped, repeated or written over: at most one 1 in each row
    "sum",  # sums with weights ≥ 0, and differences
    "scale",  # a constant factor for each entry
    "weights",  # sums with constant weights of both signs
    "product",  # entry by entry
    "matmul",  # products of matrices
    "convolution",
    "batch_norm",  # with running statistics: a constant scale and shift for each channel
    "unit",  # an elementwise function of one value
    "pair",  # an elementwise function of two values
    "quotient",
    "glu",
    "softmax",
    "log_softmax",
    "logsumexp",
    "normalise",  # LayerNorm, GroupNorm, InstanceNorm, RMSNorm
    "moment",  # variance, standard deviation, norms
    "maximum",  # the largest or smallest of several
    "prod",  # products of the entries along a dimension
    "order",  # sort, topk, median: entries chosen by their rank
    "switch",  # comparisons, indices, fills: the result has no derivative
    "choice",  # a move, product, quotient by a mask or index that depends on the inputs; only in use
]

Pieces: TypeAlias = Literal["affine", "constant", "curved"]
"""What an operation is between its kinks."""


@dataclass(frozen=True)
class Operation:
    """One row.

    Attributes:
        name: Packet, or packet.overload.
        kind: What it is where every argument it computes with depends on the inputs.
        factors: Groups of arguments. It is affine in the arguments of one group together while those of the
            other groups are constant, so multilinear in the groups; empty where it is affine in nothing.
            Tensor arguments in no group (masks, indices, divisors) must be constant for that.
        added: Arguments in which it is affine together with any one group: what a product is added to.
        entrywise: Whether every entry of the result depends on one entry of each argument only.
        breaks: ``bend`` where it is continuous and a derivative jumps, ``jump`` where the value may, "" where
            neither happens inside its domain.
        pieces: What it is between these places.
    """

    name: str
    kind: Kind
    factors: tuple[tuple[str, ...], ...] = ()
    added: tuple[str, ...] = ()
    entrywise: bool = False
    breaks: Literal["", "bend", "jump"] = ""
    pieces: Pieces = "curved"

    @property
    def affine_arguments(self) -> tuple[str, ...]:
        """Every argument in which it is affine while the others are constant."""
        return (*(name for group in self.factors for name in group), *self.added)

    def is_affine_in(self, moving: Collection[str]) -> bool:
        """Whether it is affine in these arguments together, the others being constant."""
        computed = [group for group in self.factors if not set(group).isdisjoint(moving)]
        return len(computed) <= 1 and bool(self.factors) and set(moving) <= set(self.affine_arguments)

    def kind_in_use(self, moving: Collection[str], choosing: bool = False) -> Kind | None:
        """Return what it is while only some of its arguments depend on the inputs.

        Args:
            moving: Names of the floating arguments that do.
            choosing: Whether a mask or an index among its arguments does, too.

        Returns:
            A product with a constant is a scale or a weighted sum, a quotient by a constant a scale, a
            maximum against a constant a function of one value; None for a function of three values, or of a
            mask.
        """
        factors = sum(not set(group).isdisjoint(moving) for group in self.factors)
        if choosing and self.kind in ("move", "product", "quotient"):
            return "choice"
        if self.kind in ("unit", "pair"):
            return None if choosing or not 1 <= len(moving) <= 2 else ("unit", "pair")[len(moving) - 1]
        if self.kind == "product":
            return "product" if factors > 1 else "scale"
        if self.kind == "matmul":
            return "matmul" if factors > 1 else "weights"
        if self.kind == "convolution":
            return "weights"
        if self.kind == "quotient":
            return "quotient" if "other" in moving else "scale"
        if self.kind == "maximum" and self.entrywise:
            return "maximum" if len(moving) > 1 else "unit"
        return self.kind


class UnknownOperationError(TaylorAttrError):
    """An engine implements an operation that the table does not have."""


TABLE: dict[str, Operation] = {}
"""Name -> row."""


def _rows(
    kind: Kind,
    names: str,
    of: str = "",
    *,
    plus: str = "",
    entrywise: bool = False,
    breaks: Literal["", "bend", "jump"] = "",
    pieces: Pieces | None = None,
) -> None:
    """Add operations of one kind.

    Args:
        kind: Their kind.
        names: Their names, separated by spaces.
        of: Groups of arguments in which they are affine, separated by commas, names inside one by spaces.
        plus: Arguments that are added.
        entrywise: Whether they work entry by entry.
        breaks: Whether they bend or jump.
        pieces: What they are in between; affine where they are affine in a group.

    Raises:
        UnknownOperationError: If a name stands twice.
    """
    factors = tuple(tuple(group.split()) for group in of.split(",") if group)
    between: Pieces = pieces or ("affine" if factors else "curved")
    for name in names.split():
        if name in TABLE:
            raise UnknownOperationError(f"{name} stands twice in the table of operations")
        TABLE[name] = Operation(name, kind, factors, tuple(plus.split()), entrywise, breaks, between)


# Moves: every entry of the result is one entry of an argument, or a constant.
_rows("move", "alias clone contiguous detach lift_fresh lift_fresh_copy positive _conj resolve_conj "
      "resolve_neg detach_copy alias_copy _to_copy to", "self", entrywise=True)  # fmt: skip
_rows("move", "view _unsafe_view reshape _reshape_alias squeeze unsqueeze flatten unflatten view_copy "
      "squeeze_copy unsqueeze_copy permute permute_copy transpose transpose_copy t t_copy swapaxes swapdims "
      "numpy_T mT movedim", "self")  # fmt: skip
_rows("move", "expand expand_copy expand_as broadcast_to repeat tile repeat_interleave", "self")
_rows("move", "select select_copy slice slice_copy narrow narrow_copy split split_copy unsafe_split "
      "split_with_sizes split_with_sizes_copy unsafe_split_with_sizes chunk unsafe_chunk unbind unbind_copy "
      "diagonal diagonal_copy diag diag_embed tril triu flip fliplr flipud roll rot90 as_strided unfold "
      "unfold_copy im2col", "self")  # fmt: skip
_rows("move", "index index_select gather take take_along_dim masked_select max_unpool2d max_unpool3d", "self")
_rows("move", "embedding", "weight")
_rows("move", "cat concat stack", "tensors")
_rows("move", "where", "self other", entrywise=True)
_rows("move", "masked_fill", "self value", entrywise=True)
_rows("move", "copy select_scatter slice_scatter diagonal_scatter as_strided_scatter", "self src")
_rows("move", "scatter", "self src value")
_rows("move", "index_copy masked_scatter", "self source")
_rows("move", "index_put", "self values")
_rows("move", "index_fill constant_pad_nd", "self value")
_rows("move", "reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d "
      "replication_pad3d pixel_shuffle pixel_unshuffle channel_shuffle upsample_nearest1d upsample_nearest2d "
      "upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d",
      "self")  # fmt: skip

# Sums with weights ≥ 0, and differences.
_rows("sum", "add sub rsub", "self other", entrywise=True)
_rows("sum", "neg", "self", entrywise=True)
_rows("sum", "sum mean cumsum trace avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
      "adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d col2im upsample_linear1d "
      "upsample_bilinear2d upsample_trilinear3d _upsample_bilinear2d_aa", "self")  # fmt: skip
_rows("sum", "scatter_add", "self src")
_rows("sum", "index_add", "self source")

# Linear with fixed weights.
_rows("scale", "deg2rad rad2deg", "self", entrywise=True)
_rows("weights", "upsample_bicubic2d", "self")

# Products: affine in each factor while the other is constant.
_rows("product", "mul", "self, other", entrywise=True)
_rows("product", "addcmul", "tensor1, tensor2", plus="self", entrywise=True)
_rows("product", "lerp", "self end, weight", entrywise=True)
_rows("product", "outer ger", "self, vec2")
_rows("product", "linalg_cross", "self, other")
_rows("product", "_trilinear", "i1, i2, i3")
_rows("matmul", "mm bmm", "self, mat2")
_rows("matmul", "mv", "self, vec")
_rows("matmul", "dot", "self, tensor")
_rows("matmul", "vdot inner matmul tensordot", "self, other")
_rows("matmul", "linear", "input, weight", plus="bias")
_rows("matmul", "addmm", "mat1, mat2", plus="self")
_rows("matmul", "addbmm baddbmm", "batch1, batch2", plus="self")
_rows("matmul", "addmv", "mat, vec", plus="self")
_rows("convolution", "convolution _convolution conv1d conv2d conv3d", "input, weight", plus="bias")
_rows("batch_norm", "native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training",
      "input, weight", plus="bias", entrywise=True)  # fmt: skip
_rows("quotient", "div true_divide", "self", entrywise=True)
_rows("quotient", "addcdiv", "tensor1", plus="self", entrywise=True)
_rows("prod", "prod cumprod")

# Functions of one value: smooth inside their domain, then with kinks.
_rows("unit", "exp exp2 expm1 special_expm1 log log1p log2 log10 logit sin cos tan sinh cosh tanh asin acos "
      "atan asinh acosh atanh sqrt rsqrt reciprocal square sigmoid special_expit log_sigmoid "
      "log_sigmoid_forward silu mish erf special_erf erfc special_erfc special_ndtr gelu softplus lgamma "
      "digamma polygamma sinc erfinv special_erfinv special_entr special_log_ndtr special_i0 "
      "special_i1 special_erfcx", entrywise=True)  # fmt: skip
_rows("unit", "relu relu6 leaky_relu rrelu_with_noise rrelu_with_noise_functional abs hardtanh hardsigmoid "
      "softshrink clamp clamp_min clamp_max clip _prelu_kernel prelu", entrywise=True, breaks="bend",
      pieces="affine")  # fmt: skip
_rows("unit", "elu celu selu hardswish special_i0e special_i1e", entrywise=True, breaks="bend")
_rows("unit", "threshold hardshrink frac nan_to_num", entrywise=True, breaks="jump", pieces="affine")
_rows("unit", "sign sgn floor ceil round trunc", entrywise=True, breaks="jump", pieces="constant")

# Functions of two values, of one where the other is constant.
_rows("pair", "pow float_power atan2 hypot logaddexp logaddexp2", entrywise=True)
_rows("pair", "xlogy special_xlog1py", "self", entrywise=True, pieces="curved")
_rows("pair", "mse_loss")
# only with a grid that depends on the inputs: with a constant one it is recorded as the weighted sum it is
_rows("pair", "grid_sampler_2d grid_sampler_3d", "input", breaks="bend", pieces="curved")
_rows("pair", "smooth_l1_loss huber_loss", breaks="bend")
_rows("pair", "remainder fmod copysign", entrywise=True, breaks="jump", pieces="affine")
_rows("pair", "floor_divide heaviside div.Tensor_mode div.Scalar_mode", entrywise=True, breaks="jump",
      pieces="constant")  # fmt: skip

# Functions of many values.
_rows("glu", "glu")
_rows("softmax", "_softmax _safe_softmax softmax special_softmax")
_rows("log_softmax", "_log_softmax log_softmax special_log_softmax")
_rows("logsumexp", "logsumexp special_logsumexp logcumsumexp")
_rows("normalise", "native_layer_norm native_group_norm _fused_rms_norm rms_norm "
      "_batch_norm_with_update_functional")  # fmt: skip
_rows("moment", "var std var_mean std_mean")
_rows("moment", "linalg_vector_norm norm dist _cdist_forward", breaks="bend")
_rows("sum", "nll_loss_forward", "self")

# Entries that win.
_rows("maximum", "maximum minimum fmax fmin max.other min.other", entrywise=True, breaks="bend",
      pieces="affine")  # fmt: skip
_rows("maximum", "max min amax amin aminmax cummax cummin max_pool1d_with_indices max_pool2d "
      "max_pool2d_with_indices max_pool3d max_pool3d_with_indices adaptive_max_pool2d adaptive_max_pool3d",
      breaks="bend", pieces="affine")  # fmt: skip
_rows("order", "sort topk kthvalue median nanmedian", breaks="bend", pieces="affine")
_rows("order", "mode", breaks="jump", pieces="affine")
_rows("order", "scatter_reduce", breaks="bend", pieces="curved")

# Results without a derivative.
_rows("switch", "eq ne lt le gt ge signbit isclose", entrywise=True, breaks="jump", pieces="constant")
_rows("switch", "logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor "
      "bitwise_not isnan isinf isfinite isneginf isposinf", entrywise=True, pieces="constant")  # fmt: skip
_rows("switch", "any all equal nonzero", pieces="constant")
_rows("switch", "argmax argmin argsort bucketize searchsorted count_nonzero histc", breaks="jump",
      pieces="constant")  # fmt: skip
_rows("switch", "zeros_like ones_like full_like empty_like new_zeros new_ones new_full new_empty",
      pieces="constant")  # fmt: skip

CURVED_FUNCTIONS: frozenset[str] = frozenset(
    name.removeprefix("special_").strip("_")
    for name, row in TABLE.items()
    if row.kind in ("unit", "glu", "softmax", "log_softmax", "logsumexp") and row.pieces == "curved"
) | {"layer_norm", "group_norm", "instance_norm", "rms_norm", "scaled_dot_product_attention", "lstm", "gru"}
"""torch functions that are curved whatever their options are, by the names users call them by."""


def _is_discrete(dtype: torch.dtype | None) -> bool:
    return dtype is not None and not (dtype.is_floating_point or dtype.is_complex)


_VARIANTS: dict[str, tuple[str, Callable[[Any], bool], Operation]] = {
    "native_batch_norm": ("training", bool, Operation("native_batch_norm", "normalise")),
    "_native_batch_norm_legit": ("training", bool, Operation("_native_batch_norm_legit", "normalise")),
    "index_put": ("accumulate", bool, Operation("index_put", "sum", (("self", "values"),), pieces="affine")),
    "_to_copy": ("dtype", _is_discrete, Operation("_to_copy", "switch", (), (), True, "jump", "constant")),
    "div.Tensor_mode": ("rounding_mode", lambda mode: mode is None, TABLE["div"]),
    "div.Scalar_mode": ("rounding_mode", lambda mode: mode is None, TABLE["div"]),
}
"""Operations that a literal argument turns into another: name -> argument, when, what it is then."""


@functools.cache
def _row(op: OpOverload) -> Operation | None:
    """Return the row of an overload; looked up for every operation of every walk, hence remembered."""
    packet = op.overloadpacket.__name__
    return TABLE.get(f"{packet}.{op._overloadname}") or TABLE.get(packet)


def operation_of(node: Node) -> Operation | None:
    """Return the row of an operation as a program calls it, None where the table has none."""
    row = _row(node.op)
    if row is not None and row.name in _VARIANTS:
        argument, turned, other = _VARIANTS[row.name]
        if turned(named(node.op, node.args, node.kwargs).get(argument)):
            return other
    return row


def moving_arguments(
    kind: type[Any], op: OpOverload, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the names of the arguments in which a value of some type stands, each once."""
    by_name = [*zip(argument_names(op), args, strict=False), *kwargs.items()]
    return tuple(name for name, value in by_name if any(True for _ in leaves(kind, value)))


@functools.cache
def argument_names(op: OpOverload) -> tuple[str, ...]:
    """Return the names of an overload's arguments, positional ones first."""
    return tuple(argument.name for argument in op._schema.arguments)


def only_adds_up(
    node: Node, moving: Collection[str], constants: Mapping[int, Tensor], learned: Collection[int]
) -> bool:
    """Return whether a weighted sum is a pooling written with a matrix or a filter.

    It is one where its weights are no parameters, none is negative, and nothing is added: an average pool as
    a convolution, a segment sum as a product with zeros and ones, an interpolation as a matrix. Rules that
    tell layers from sums of activations must not depend on this spelling.

    Args:
        node: An operation of kind ``weights`` in use.
        moving: Names of its arguments that depend on the inputs.
        constants: Value number -> tensor.
        learned: Numbers of the constants that come from parameters.
    """
    row = _row(node.op)
    assert row is not None
    arguments = dict(zip(argument_names(node.op), node.args, strict=False)) | node.kwargs
    weights = [arguments.get(name) for group in row.factors for name in group if name not in moving]
    if not weights or any(not isinstance(w, Ref) or w.index in learned for w in weights):
        return False
    if min(arguments.get("alpha", 1), arguments.get("beta", 1)) < 0:
        return False
    if any(bool((constants[w.index] < 0).any()) for w in weights if isinstance(w, Ref)):
        return False
    added = [arguments.get(name) for name in row.added if name not in moving]
    return not any(isinstance(b, Ref) and bool(constants[b.index].any()) for b in added)


def implementations(engine: str, mapping: Mapping[str, T]) -> dict[str, T]:
    """Return an engine's implementations, by name, after making sure that the table has every operation.

    Raises:
        UnknownOperationError: If one is missing from the table.
    """
    for name in mapping:
        check(engine, name)
    return dict(mapping)


def check(engine: str, name: str) -> None:
    """Make sure that the table has an operation.

    Args:
        engine: Who implements it, for the message.
        name: Packet, or packet.overload.

    Raises:
        UnknownOperationError: If it has not.
    """
    if name not in TABLE and name.partition(".")[0] not in TABLE:
        raise UnknownOperationError(
            f"{engine} implements {name}, which the table of operations does not have: add a row to "
            "program/operations.py that says what it is"
        )


def packets() -> Iterator[str]:
    """Yield the name of every operation once, without overloads."""
    yield from dict.fromkeys(name.partition(".")[0] for name in TABLE)


def names_of(*kinds: Kind) -> frozenset[str]:
    """Return the packets that are of one of these kinds."""
    return frozenset(name.partition(".")[0] for name, row in TABLE.items() if row.kind in kinds)
