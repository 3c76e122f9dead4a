"""Do torch's derivatives follow a function's values? Asked before nested derivatives are believed.

Differentiation sees no value that leaves torch (``.item()``, ``.numpy()``), passes ``detach`` or ``no_grad``,
or meets an operation without derivative or with a backward pass that is not its derivative; and torch's own
rules, nested, are not all right (``linalg.solve`` is wrong from order 3). What comes back looks like any
other number, often zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from taylorattr.autodiff.derivative_check import RELATIVE
from taylorattr.autodiff.polynomial.nested import derivatives
from taylorattr.errors import CaptureError

Derivative = TypeVar("Derivative")

DISTANCES = (1e-3, 0.5)
"""How far from the expansion point, in units of the way to the far end, the two are compared: at the point
itself a kink may lie (ReLU of 0), where a difference is no derivative."""


def require_true_derivatives(
    function: Callable[[Tensor], Tensor], like: Tensor, order: int, eps: float
) -> None:
    """Compare each derivative along a line with a central difference of the one below, at two generic points.

    The first is thereby compared with values, and no order is believed whose predecessor is wrong.

    Args:
        function: (n,) -> (), differentiable by ``torch.func``.
        like: Expansion point, (n,).
        order: Highest order to compare.
        eps: Rounding of the coarsest dtype the function computes in.

    Raises:
        CaptureError: If they differ beyond truncation and rounding, or torch cannot differentiate.
    """
    generator = torch.Generator().manual_seed(0)
    step = eps ** (1 / 3)
    relative = max(RELATIVE, 1e3 * step**2)
    for distance in DISTANCES:
        offset, direction = torch.rand(2, len(like), generator=generator, dtype=torch.float64).to(like)
        start = like + distance * offset

        def along(s: Tensor, start: Tensor = start, direction: Tensor = direction) -> Tensor:
            return function(start + s[0] * direction)

        behind, here, ahead = (
            torch.cat(differentiated(lambda s: derivatives(along, s, order), like.new_tensor([place])))
            for place in (-step, 0.0, step)
        )
        found = here[1:] * torch.arange(1, order + 1).to(here)
        slopes = (ahead - behind)[:-1] / (2 * step)
        rounding = 1e4 * eps * torch.stack([ahead, behind]).abs().amax(0)[:-1].cummax(0).values / step
        allowed = relative * torch.maximum(found.abs(), slopes.abs()) + rounding
        for d, (one, other, limit) in enumerate(zip(found, slopes, allowed, strict=True), start=1):
            if abs(float(one - other)) > float(limit):
                raise CaptureError(_complaint(d, float(one), float(other)))


def _complaint(order: int, found: float, slope: float) -> str:
    if order == 1:
        return (
            f"torch differentiates the model to {found:.6g} where its values change by {slope:.6g}: a value "
            "escapes differentiation (item, numpy, detach, no_grad), or an operation has no derivative or a "
            "custom backward pass that is not its own. Keep the computation in torch operations, or use "
            "ta.harsanyi, which needs forwards only"
        )
    return (
        f"torch's nested derivative of order {order} is {found:.6g} where that of order {order - 1} changes "
        f"by {slope:.6g}: an operation of the model is differentiated wrongly. Lower order= to {order - 1}, "
        "write the operation in elementary ones, or use ta.harsanyi, which needs forwards only"
    )


def differentiated(derivative: Callable[[Tensor], Derivative], at: Tensor) -> Derivative:
    """Return a derivative at a point; torch's refusals become one of ours.

    Args:
        derivative: Made by ``torch.func``.
        at: Where, (n,).

    Raises:
        CaptureError: If torch has no derivative of an operation, or cannot batch it.
        OutOfMemoryError: As torch raises it.
    """
    try:
        return derivative(at)
    except (CaptureError, torch.OutOfMemoryError):
        raise
    except (RuntimeError, NotImplementedError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise CaptureError(
            f"torch cannot differentiate the model as often as asked: {first}. Lower order=, write the "
            "operation in elementary ones, or use ta.harsanyi, which needs forwards only"
        ) from error
