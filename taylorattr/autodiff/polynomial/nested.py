"""Slow reference and last resort: nested `torch.func` derivatives.

Torch's fused normalisation kernels have wrong derivatives from order 3 when transforms are nested
(pytorch issues 175754 and 196700): programs of `taylorattr.program.capture` have them decomposed, a
user's own function that calls one is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

from taylorattr.autodiff.polynomial.builder import overload
from taylorattr.errors import MissingRuleError
from taylorattr.maths import multi_index
from taylorattr.program.program import Program
from taylorattr.program.walk import replay

FUSED_NORMS = tuple(
    op
    for op in map(overload, ("native_layer_norm", "native_group_norm", "native_batch_norm", "_fused_rms_norm"))
    if op is not None
)
"""Kernels whose derivatives of order ≥ 3 are not to be trusted."""


def nested(program: Program, base: Sequence[Tensor], directions: Sequence[Tensor], order: int) -> list[Tensor]:
    """Return the Taylor coefficients of a program by nested differentiation of its replay.

    Args:
        program: Captured at batch size 1, norms decomposed.
        base: Expansion point, shapes (1, …).
        directions: One per player and input, shapes (n, …).
        order: Highest degree; costs n^order numbers.

    Returns:
        For d = 0 … order the coefficients of degree d, (C(n+d−1, d),), in the package's order.
    """
    return _differentiated(lambda *point: replay(program, point), base, directions, order)


def nested_of_function(
    function: Callable[..., Tensor], base: Sequence[Tensor], directions: Sequence[Tensor], order: int
) -> list[Tensor]:
    """Return the Taylor coefficients of a function that could not be captured.

    Args:
        function: ``function(*point)`` -> shape (1,).
        base: Expansion point, shapes (1, …).
        directions: One per player and input, shapes (n, …).
        order: Highest degree; costs n^order numbers.

    Returns:
        As `nested`.

    Raises:
        MissingRuleError: If the order is 3 or more and the function calls a fused normalisation layer.
    """
    if order >= 3:
        _refuse_fused_norms(function, base, order)
    with sdpa_kernel(SDPBackend.MATH):
        return _differentiated(function, base, directions, order)


def _differentiated(
    function: Callable[..., Tensor], base: Sequence[Tensor], directions: Sequence[Tensor], order: int
) -> list[Tensor]:
    """Forward mode over one reverse pass, one more nesting per order."""
    n = len(directions[0])
    at = base[0].new_zeros(n)

    def along(t: Tensor) -> Tensor:
        point = [x + torch.tensordot(t, d, 1)[None] for x, d in zip(base, directions, strict=True)]
        return function(*point).reshape(())

    derivative: Callable[[Tensor], Tensor] = along
    result = [along(at)[None].detach()]
    for d in range(1, order + 1):
        derivative = torch.func.jacrev(derivative) if d == 1 else torch.func.jacfwd(derivative)
        players = torch.from_numpy(multi_index.monomials(n, d).astype("int64")).to(at.device)
        values = derivative(at).detach()[tuple(players.T)]
        factorials = [float(multi_index.factorial(tuple(kappa))) for kappa in multi_index.exponents(n, d).tolist()]
        result.append(values / values.new_tensor(factorials))
    return result


class _Watch(TorchDispatchMode):
    """Collects the fused normalisation kernels that run."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in FUSED_NORMS:
            self.seen.add(str(func))
        return func(*args, **(kwargs or {}))


def _refuse_fused_norms(function: Callable[..., Tensor], base: Sequence[Tensor], order: int) -> None:
    with torch.no_grad(), _Watch() as watch:
        function(*base)
    if watch.seen:
        raise MissingRuleError(
            f"order {order} by nested torch.func is refused: the model calls {', '.join(sorted(watch.seen))}, whose "
            "derivatives are wrong from order 3; use order=2, or write the layer with mean, product and power "
            "so that the model can be captured"
        )
