"""Functions of two arguments: x·log y, the angle and the length of (x, y), remainders, the cross product."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial.builder import Builder, Slot, overload, rule


def _times_logarithm(b: Builder, x: Any, y: Any, log: str, one: float) -> Slot:
    """Add x·log y for one of two logarithms, which is 0 at `one`.

    Where a constant x is 0, y is put to `one` first: 0·log 0 would be NaN.

    Returns:
        The slot of the product.
    """
    if isinstance(x, Tensor) and isinstance(y, Slot):
        y = b("where.self", x == 0, torch.full((), one, dtype=x.dtype, device=x.device), y)
    if isinstance(x, Slot) and isinstance(y, (int, float)):
        y = torch.tensor(float(y), dtype=x.value.dtype, device=x.value.device)
    return b("mul.Tensor", b(log, y), x)


@rule("xlogy.Tensor", "xlogy.Scalar_Self", "xlogy.Scalar_Other")
def xlogy(b: Builder, x: Any, y: Any) -> Slot:
    """x·log y; a constant x = 0 gives 0 whatever y is."""
    return _times_logarithm(b, x, y, "log", 1.0)


@rule("special_xlog1py", "special_xlog1py.self_scalar", "special_xlog1py.other_scalar")
def xlog1py(b: Builder, x: Any, y: Any) -> Slot:
    """x·log(1 + y); a constant x = 0 gives 0 whatever y is."""
    return _times_logarithm(b, x, y, "log1p", 0.0)


@rule("atan2")
def atan2(b: Builder, y: Any, x: Any) -> Slot:
    """The angle θ_0 of degree 0, plus atan(u/w) with (w, u) = (x, y) turned by −θ_0, so w > 0 and u_0 = 0."""
    angle = b.frozen_op(torch.atan2, (y, x), {})
    cosine, sine = b.frozen_op(torch.cos, (angle,), {}), b.frozen_op(torch.sin, (angle,), {})
    along = b("add.Tensor", b("mul.Tensor", cosine, x), b("mul.Tensor", sine, y))
    across = b("sub.Tensor", b("mul.Tensor", cosine, y), b("mul.Tensor", sine, x))
    return b("add.Tensor", b("atan", b("div.Tensor", across, along)), angle)


@rule("hypot")
def hypot(b: Builder, x: Any, y: Any) -> Slot:
    """√(x² + y²)."""
    return b("sqrt", b("add.Tensor", b("square", x), b("square", y)))


def _declare_remainder(name: str) -> None:
    """Register the rule of a remainder: x − q·y with the whole quotient q of degree 0, a constant."""
    op = overload(name)
    if op is None:
        return

    def quotient(x: Any, y: Any) -> Tensor:
        return torch.round((x - op(x, y)) / y)

    @rule(name)
    def apply(b: Builder, x: Any, y: Any) -> Slot:
        return b("sub.Tensor", x, b("mul.Tensor", b.frozen_op(quotient, (x, y), {}), y))


for _name in (
    "remainder.Tensor",
    "remainder.Scalar",
    "remainder.Scalar_Tensor",
    "fmod.Tensor",
    "fmod.Scalar",
):
    _declare_remainder(_name)


@rule("linalg_cross")
def cross(b: Builder, x: Any, y: Any, *, dim: int = -1) -> Slot:
    """x × y: component i is x_{i+1} y_{i+2} − x_{i+2} y_{i+1}."""
    device = (x.value if isinstance(x, Slot) else x).device
    one, two = torch.tensor([1, 2, 0], device=device), torch.tensor([2, 0, 1], device=device)
    shape = list(torch.broadcast_shapes(x.shape, y.shape))
    x, y = b("expand", x, shape), b("expand", y, shape)
    return b(
        "sub.Tensor",
        b("mul.Tensor", b("index_select", x, dim, one), b("index_select", y, dim, two)),
        b("mul.Tensor", b("index_select", x, dim, two), b("index_select", y, dim, one)),
    )
