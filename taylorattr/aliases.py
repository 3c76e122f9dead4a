"""Type aliases, each followed by its meaning and shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

from torch import Tensor

Coalition: TypeAlias = tuple[int, ...]
"""Sorted tuple of the players that are present."""

MultiIndex: TypeAlias = tuple[int, ...]
"""Exponents κ of one Taylor term, one per player; order |κ| is their sum."""

Frame: TypeAlias = Literal["baseline", "input"]
"""Where the series is expanded: at b (AND-effects) or at x towards b (OR-effects); eq. (6)-(9)."""

Tensors: TypeAlias = Tensor | tuple[Tensor, ...]
"""One tensor or a tuple of tensors, each with the batch as its first dimension."""

Baselines: TypeAlias = None | int | float | Tensor | tuple[None | int | float | Tensor, ...]
"""None (zeros), a number, a tensor (1, …) or (B, …), or a tuple of these, one per input."""

Target: TypeAlias = None | int | tuple[int, ...] | Tensor | Sequence[int] | Sequence[tuple[int, ...]]
"""Captum's target forms: which entry of the output is analysed, for all examples or for each."""

AnyTarget: TypeAlias = Target | Callable[[Any], Tensor]
"""A captum target or a callable output -> (B,)."""

Output: TypeAlias = int | tuple[int, ...]
"""One number of the model's output for an example: its place, or one index for each dimension."""

Outputs: TypeAlias = Literal["all"] | Sequence[Output]
"""Several of them, asked about at once; ``all``: every one."""

ScalarFunction: TypeAlias = Callable[..., Tensor]
"""Function of the input tensors (R, …) giving one number per row, shape (R,)."""
