"""One call of every operation of the table that torch records, with the names of its arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from taylorattr.program.operations import TABLE

_GENERATOR = torch.Generator().manual_seed(5)


def r(*shape: int) -> Tensor:
    """Normal numbers in double precision."""
    return torch.randn(shape, generator=_GENERATOR, dtype=torch.float64)


@dataclass(frozen=True)
class Call:
    """An overload and its arguments by name."""

    overload: str
    arguments: dict[str, Any]

    @property
    def op(self) -> Any:
        packet, _, kind = self.overload.partition(".")
        return getattr(getattr(torch.ops.aten, packet), kind or "default")

    @property
    def row(self) -> str:
        """Name of its row in the table."""
        return self.overload if self.overload in TABLE else self.overload.partition(".")[0]

    def result(self, replaced: dict[str, Any] | None = None) -> Tensor:
        """The first result, with some arguments replaced."""
        result = self.op(**(self.arguments | (replaced or {})))
        return result if isinstance(result, Tensor) else result[0]

    def floating(self) -> list[str]:
        """Names of the arguments that are, or hold, floating tensors."""
        return [
            name
            for name, value in self.arguments.items()
            if any(
                t.is_floating_point()
                for t in (value if isinstance(value, list) else [value])
                if isinstance(t, Tensor)
            )
        ]


CALLS: list[Call] = []


def call(overload: str, /, **arguments: Any) -> None:
    CALLS.append(Call(overload, arguments))


def alike(names: str, /, **arguments: Any) -> None:
    for name in names.split():
        call(name, **arguments)


X = r(2, 3)
PLACES = torch.tensor([2, 0, 0])
M = torch.tensor([[True, False, True], [False, True, True]])

# moves
alike("alias clone detach lift_fresh lift_fresh_copy detach_copy alias_copy", self=X)
call("_to_copy", self=X, dtype=torch.float32)
alike("view _unsafe_view view_copy", self=X, size=[3, 2])
call("_reshape_alias", self=X, size=[3, 2], stride=[2, 1])
alike("squeeze squeeze_copy", self=r(2, 1))
alike("unsqueeze unsqueeze_copy", self=X, dim=1)
alike("permute permute_copy", self=X, dims=[1, 0])
alike("transpose.int transpose_copy.int", self=X, dim0=0, dim1=1)
alike("t t_copy", self=X)
alike("expand expand_copy", self=r(1, 3), size=[2, 3])
call("repeat", self=X, repeats=[2, 1])
alike("select.int select_copy.int", self=X, dim=1, index=1)
alike("slice.Tensor slice_copy.Tensor", self=X, dim=1, start=1, end=3)
alike("narrow_copy", self=X, dim=1, start=1, length=2)
alike("split.Tensor split_copy.Tensor unsafe_split.Tensor", self=X, split_size=2, dim=1)
alike("split_with_sizes split_with_sizes_copy unsafe_split_with_sizes", self=X, split_sizes=[1, 2], dim=1)
alike("unbind.int unbind_copy.int", self=X, dim=1)
alike("diagonal diagonal_copy diag_embed", self=X)
alike("tril triu", self=X[:1], diagonal=1)
alike("flip", self=X, dims=[1])
call("roll", self=X, shifts=[1], dims=[1])
call("rot90", self=X)
alike("as_strided", self=X, size=[2, 2], stride=[1, 1])
alike("unfold", self=X, dimension=1, size=2, step=1)
alike("unfold_copy", self=X, dimension=1, size=2, step=1)
call("im2col", self=r(1, 1, 3, 3), kernel_size=[2, 2], dilation=[1, 1], padding=[1, 1], stride=[1, 1])
call("index.Tensor", self=X, indices=[None, PLACES])
call("index_select", self=X, dim=1, index=PLACES)
call("gather", self=X, dim=1, index=PLACES.expand(2, 3))
call("take", self=X, index=torch.tensor([0, 5]))
call("masked_select", self=X, mask=M)
call("max_unpool2d", self=r(1, 1, 1, 2), indices=torch.tensor([[[[3, 0]]]]), output_size=[2, 2])
call("max_unpool3d", self=r(1, 1, 1, 1, 2), indices=torch.tensor([[[[[3, 0]]]]]), output_size=[1, 2, 2],
     stride=[1, 1, 1], padding=[0, 0, 0])  # fmt: skip
call("embedding", weight=r(4, 2), indices=torch.tensor([3, 1, 3]))
alike("cat stack", tensors=[X, r(2, 3)])
call("where.self", condition=M, self=X, other=r(2, 3))
call("masked_fill.Tensor", self=X, mask=M, value=r())
call("copy", self=X, src=r(1, 3))
call("select_scatter", self=X, src=r(2), dim=1, index=1)
call("slice_scatter", self=X, src=r(2, 2), dim=1, start=1, end=3)
call("diagonal_scatter", self=X, src=r(2))
call("as_strided_scatter", self=X, src=r(2), size=[2], stride=[2])
call("scatter.src", self=X, dim=1, index=torch.tensor([[2, 0]]), src=r(1, 2))
call("index_copy", self=X, dim=1, index=torch.tensor([2, 0]), source=r(2, 2))
call("masked_scatter", self=X, mask=M, source=r(4))
call("index_put", self=X, indices=[None, torch.tensor([2, 0])], values=r(2))
call("index_fill.int_Tensor", self=X, dim=1, index=torch.tensor([2]), value=r())
call("constant_pad_nd", self=X, pad=[1, 0], value=0.7)
for n in (1, 2, 3):
    image = r(1, 1, *[3] * n)
    alike(f"reflection_pad{n}d replication_pad{n}d", self=image, padding=[1, 1] * n)
    alike(f"upsample_nearest{n}d _upsample_nearest_exact{n}d", self=image, output_size=[5] * n)
call("pixel_shuffle", self=r(1, 4, 1, 2), upscale_factor=2)
call("pixel_unshuffle", self=r(1, 1, 2, 4), downscale_factor=2)
call("channel_shuffle", self=r(1, 4, 2), groups=2)

# sums
call("add.Tensor", self=X, other=r(2, 3), alpha=2)
call("sub.Tensor", self=X, other=r(2, 3), alpha=2)
call("rsub.Tensor", self=X, other=r(2, 3), alpha=2)
call("neg", self=X)
call("sum.dim_IntList", self=X, dim=[1])
call("mean.dim", self=X, dim=[1])
call("cumsum", self=X, dim=1)
call("trace", self=r(3, 3))
call("avg_pool1d", self=r(1, 1, 4), kernel_size=[2])
call("avg_pool2d", self=r(1, 1, 4, 4), kernel_size=[2, 2])
call("avg_pool3d", self=r(1, 1, 2, 4, 4), kernel_size=[2, 2, 2])
call("adaptive_avg_pool1d", self=r(1, 1, 4), output_size=[3])
call("_adaptive_avg_pool2d", self=r(1, 1, 4, 4), output_size=[3, 3])
call("_adaptive_avg_pool3d", self=r(1, 1, 4, 4, 4), output_size=[3, 3, 3])
call("adaptive_avg_pool2d", self=r(1, 1, 4, 4), output_size=[3, 3])
call("adaptive_avg_pool3d", self=r(1, 1, 4, 4, 4), output_size=[3, 3, 3])
call("col2im", self=r(1, 4, 4), output_size=[3, 3], kernel_size=[2, 2], dilation=[1, 1], padding=[0, 0],
     stride=[1, 1])  # fmt: skip
call("upsample_linear1d", self=r(1, 1, 3), output_size=[5], align_corners=False)
call("upsample_bilinear2d", self=r(1, 1, 3, 3), output_size=[5, 5], align_corners=False)
call("upsample_trilinear3d", self=r(1, 1, 3, 3, 3), output_size=[5, 5, 5], align_corners=False)
call("_upsample_bilinear2d_aa", self=r(1, 1, 4, 4), output_size=[2, 2], align_corners=False)
call("scatter_add", self=X, dim=1, index=PLACES.expand(2, 3), src=r(2, 3))
call("index_add", self=X, dim=1, index=PLACES, source=r(2, 3))
call("nll_loss_forward", self=X, target=torch.tensor([0, 2]), weight=None, reduction=1, ignore_index=-100)

# fixed weights
alike("deg2rad rad2deg", self=X)
call("upsample_bicubic2d", self=r(1, 1, 3, 3), output_size=[5, 5], align_corners=False)

# products
call("mul.Tensor", self=X, other=r(2, 3))
call("addcmul", self=X, tensor1=r(2, 3), tensor2=r(2, 3), value=0.5)
call("lerp.Tensor", self=X, end=r(2, 3), weight=r(2, 3))
call("linalg_cross", self=r(2, 3), other=r(2, 3))
call("_trilinear", i1=r(2, 3), i2=r(2, 3, 4), i3=r(2, 4), expand1=[1, 3], expand2=[0], expand3=[1, 2],
     sumdim=[2, 3])  # fmt: skip
call("mm", self=X, mat2=r(3, 2))
call("bmm", self=r(2, 2, 3), mat2=r(2, 3, 2))
call("mv", self=X, vec=r(3))
call("dot", self=r(3), tensor=r(3))
call("vdot", self=r(3), other=r(3))
call("addmm", self=r(2, 2), mat1=X, mat2=r(3, 2), beta=0.5, alpha=2)
alike("addbmm", self=r(2, 2), batch1=r(2, 2, 3), batch2=r(2, 3, 2))
alike("baddbmm", self=r(2, 2, 2), batch1=r(2, 2, 3), batch2=r(2, 3, 2))
call("addmv", self=r(2), mat=X, vec=r(3))
_CONVOLUTION = {
    "stride": [1],
    "padding": [1],
    "dilation": [1],
    "transposed": False,
    "output_padding": [0],
    "groups": 1,
}
call("convolution", input=r(1, 2, 4), weight=r(2, 2, 3), bias=r(2), **_CONVOLUTION)
call("_convolution", input=r(1, 2, 4), weight=r(2, 2, 3), bias=r(2), **_CONVOLUTION, benchmark=False,
     deterministic=False, cudnn_enabled=False, allow_tf32=False)  # fmt: skip
_NORM = {
    "weight": r(2),
    "bias": r(2),
    "running_mean": r(2),
    "running_var": r(2).abs(),
    "momentum": 0.1,
    "eps": 1e-3,
}
alike("native_batch_norm _native_batch_norm_legit", input=r(2, 2, 3), training=False, **_NORM)
call("_native_batch_norm_legit_no_training", input=r(2, 2, 3), **_NORM)
call("div.Tensor", self=X, other=r(2, 3) + 4)
call("addcdiv", self=X, tensor1=r(2, 3), tensor2=r(2, 3) + 4)
call("prod.dim_int", self=X, dim=1)
call("cumprod", self=X, dim=1)

# functions of one value
SMOOTH_UNITS = [n for n, row in TABLE.items() if row.kind == "unit" and not row.breaks]
for name in SMOOTH_UNITS:
    if name not in ("polygamma", "log_sigmoid"):
        call(name, self=X)
call("polygamma", n=1, self=X)
alike("special_i0e special_i1e relu abs hardsigmoid hardswish celu nan_to_num", self=X)
alike("sign sgn floor ceil round trunc frac", self=X)
call("leaky_relu", self=X, negative_slope=0.2)
call("elu", self=X, alpha=0.8)
call("_prelu_kernel", self=X, weight=r(1, 1) ** 2)
call("hardtanh", self=X, min_val=-1, max_val=0.5)
alike("softshrink hardshrink", self=X, lambd=0.5)
call("clamp", self=X, min=-1, max=0.5)
call("clamp_min", self=X, min=-1)
call("clamp_max", self=X, max=0.5)
call("threshold", self=X, threshold=0.5, value=0)
alike("rrelu_with_noise rrelu_with_noise_functional", self=X, noise=torch.zeros_like(X), training=False)

# functions of two values
call("pow.Tensor_Tensor", self=r(2, 3) ** 2 + 0.5, exponent=r(2, 3))
alike("atan2 hypot", self=X, other=r(2, 3))
call("xlogy.Tensor", self=X, other=r(2, 3) ** 2 + 0.5)
call("special_xlog1py", self=X, other=r(2, 3) ** 2)
call("mse_loss", self=X, target=r(2, 3))
alike("logaddexp logaddexp2", self=X, other=r(2, 3))
alike("smooth_l1_loss huber_loss", self=X, target=r(2, 3))
alike("remainder.Tensor fmod.Tensor floor_divide", self=X, other=r(2, 3) ** 2 + 0.4)
call("copysign.Tensor", self=X, other=r(2, 3))
call("heaviside", self=X, values=r(2, 3))
call("div.Tensor_mode", self=X, other=r(2, 3) ** 2 + 0.4, rounding_mode="floor")

# functions of many values
call("glu", self=r(2, 4))
alike("_softmax _log_softmax", self=X, dim=1, half_to_float=False)
call("_safe_softmax", self=X, dim=1)
alike("logsumexp", self=X, dim=[1])
call("logcumsumexp", self=X, dim=1)
call("native_layer_norm", input=X, normalized_shape=[3], weight=r(3), bias=r(3), eps=1e-3)
call("native_group_norm", input=r(1, 2, 3), weight=r(2), bias=r(2), N=1, C=2, HxW=3, group=2, eps=1e-3)
call("_batch_norm_with_update_functional", input=r(2, 2, 3), **_NORM)
alike("var.correction std.correction var_mean.correction std_mean.correction", self=X, dim=[1])
call("linalg_vector_norm", self=X, ord=1, dim=[1])
call("norm.ScalarOpt_dim", self=X, p=1, dim=[1])
call("dist", self=X, other=r(2, 3), p=1)
call("_cdist_forward", x1=X, x2=r(2, 3), p=1.0, compute_mode=None)

# entries that win
alike("maximum minimum fmax fmin", self=X, other=r(2, 3))
alike("max.dim min.dim", self=X, dim=1)
alike("amax amin", self=X, dim=[1])
alike("cummax cummin", self=X, dim=1)
call("aminmax", self=X, dim=1)
call("max_pool2d_with_indices", self=r(1, 1, 3, 3), kernel_size=[2, 2], stride=[1, 1])
call("max_pool3d_with_indices", self=r(1, 1, 3, 3, 3), kernel_size=[2, 2, 2], stride=[1, 1, 1])
call("adaptive_max_pool2d", self=r(1, 1, 3, 3), output_size=[2, 2])
call("adaptive_max_pool3d", self=r(1, 1, 3, 3, 3), output_size=[2, 2, 2])
call("sort", self=X, dim=1)
call("topk", self=X, k=2, dim=1)
call("kthvalue", self=X, k=2, dim=1)
alike("median.dim nanmedian.dim mode", self=r(2, 3).round(decimals=0) + r(2, 3) * 0.1, dim=1)
call("scatter_reduce.two", self=X, dim=1, index=PLACES.expand(2, 3), src=r(2, 3), reduce="amax")

for name, space in (("grid_sampler_2d", (3, 4)), ("grid_sampler_3d", (3, 4, 2))):
    sampled = {"input": r(2, 1, *space), "grid": r(2, *space, len(space)) / 2}
    call(name, **sampled, interpolation_mode=0, padding_mode=0, align_corners=False)
