"""A model with the one output that is explained, for libraries that take no target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn


class Selected(nn.Module):
    """A model with one output, the one that is explained, shape (B, 1).

    Args:
        model: The model; as a submodule, so that its layers are found.
        target: Of the output: an index, a tuple of them, None (the only one), or a callable output -> (B,).
        like: A tensor, or several, in the dtype that the model takes. Libraries that build rows in single
            precision of their own get them converted.
    """

    def __init__(self, model: Callable[..., Tensor], target: Any, like: Any) -> None:
        super().__init__()
        self.model, self.target = model, target
        first = like[0] if isinstance(like, tuple) else like
        self.dtype = first.dtype
        self.eval()

    def forward(self, *rows: Tensor) -> Tensor:
        """Return the output of the target."""
        output: Any = self.model(*(r.to(self.dtype) if r.is_floating_point() else r for r in rows))
        if callable(self.target):
            chosen: Any = self.target(output)
            return chosen[:, None]
        if self.target is None:
            return output.reshape(len(output), -1)[:, :1]
        place: tuple[Any, ...] = self.target if isinstance(self.target, tuple) else (self.target,)
        return output[(slice(None), *place)][:, None]
