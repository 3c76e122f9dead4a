"""Gradients along straight paths, past the model's first affine layer where it begins with one.

On a path b + α(x − b) the output of an affine layer A is A(b) + α(A(x) − A(b)): the layer is evaluated at
both ends, the nodes run the rest of the model, and the weighted sum of the gradients with respect to A's
output is pulled back through A once. This is exact, not an approximation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from taylorattr.autodiff.first_affine import (
    WITH_BIAS,
    WITHOUT_BIAS,
    AnsweredLayer,
    InputWatch,
    OtherPathError,
)
from taylorattr.autodiff.game import Game, blocks
from taylorattr.autodiff.gradient import Rows, gradient_rows, value_and_gradient

_WIDENING = 8
"""A layer whose output has more than this many times the elements of its input saves nothing."""


@dataclass
class _Ends:
    operation: Any
    start: Tensor
    end: Tensor


class PathGradients:
    """Σ_r ω_r ∇f(b + α_r (x − b)) of every example of a game.

    Args:
        game: The game.
        linear_first: Whether to try running the nodes past the first affine layer only.
        rows: Rows per model call; None: chosen from memory.

    Attributes:
        linear_first: Whether this is done.
    """

    def __init__(self, game: Game, *, linear_first: bool = True, rows: int | None = None) -> None:
        self.game = game
        self.rows = rows or gradient_rows(game)
        self._ends = self._find() if linear_first else None

    @property
    def linear_first(self) -> bool:
        """Whether the nodes run past the first affine layer only."""
        return self._ends is not None

    def sums(self, alphas: Tensor, weights: Tensor, owners: Tensor) -> Rows:
        """Return the weighted sums of gradients, one tensor (B, …) per input.

        Args:
            alphas: Shape (R,), places on the path.
            weights: Shape (R,).
            owners: Shape (R,), int64 on the CPU: the example of each row.
        """
        alphas, weights = (t.to(self.game.device, self.game.dtype) for t in (alphas, weights))
        if self._ends is not None:
            try:
                return self._past_layer(self._ends, alphas, weights, owners)
            except OtherPathError:  # a branch on values: the whole model from here on
                self._ends = None
        total = tuple(torch.zeros_like(x) for x in self.game.inputs)
        for part in blocks(len(alphas), self.rows):
            who = owners[part].to(self.game.device)
            points = tuple(
                torch.lerp(b[who], x[who], _column(alphas[part], x))
                for b, x in zip(self.game.baselines, self.game.inputs, strict=True)
            )
            gradients = value_and_gradient(self.game.scalar, points, owners[part])[1]
            for sum_, gradient in zip(total, gradients, strict=True):
                sum_.index_add_(0, who, gradient * _column(weights[part], gradient))
        return total

    def _past_layer(self, ends: _Ends, alphas: Tensor, weights: Tensor, owners: Tensor) -> Rows:
        scalar, x = self.game.scalar, self.game.inputs[0]
        total = torch.zeros_like(ends.end)
        for part in blocks(len(alphas), self.rows):
            who = owners[part].to(self.game.device)
            point = torch.lerp(ends.start[who], ends.end[who], _column(alphas[part], ends.end))
            point.requires_grad_()
            placeholder = x[:1].expand(len(who), *x.shape[1:])
            with torch.enable_grad():
                answer = point.clone()  # an in-place activation may follow
                with AnsweredLayer(placeholder, ends.operation, answer):
                    values = scalar.values((placeholder,), owners[part])
                if not values.requires_grad:
                    raise OtherPathError
                (gradient,) = torch.autograd.grad(values, point, weights[part])
            total.index_add_(0, who, gradient)
        return (self._pulled_back(total),)

    def _pulled_back(self, upstream: Tensor) -> Tensor:
        x = self.game.inputs[0]
        result = torch.empty_like(x)
        for part in blocks(len(x), self.rows):
            leaf = x[part].clone().requires_grad_()
            with torch.enable_grad(), _Tap(leaf) as tap:
                self.game.scalar.values((leaf,), torch.arange(part.start, part.stop))
                if tap.output is None:
                    raise OtherPathError
            (result[part],) = torch.autograd.grad(tap.output, leaf, upstream[part])
        return result

    def _find(self) -> _Ends | None:
        """Return the layer's outputs at both ends, or None where the model begins otherwise."""
        game = self.game
        if len(game.inputs) != 1 or game.batch == 0:
            return None
        outputs: list[list[Tensor]] = [[], []]
        operation = None
        for side, points in zip(outputs, (game.baselines[0], game.inputs[0]), strict=True):
            for part in blocks(game.batch, self.rows):
                with torch.no_grad(), _Tap(points[part].clone()) as tap:
                    game.scalar.values((tap.input,), torch.arange(part.start, part.stop))
                layer = tap.output
                if layer is None or tap.refused or (operation or tap.operation) is not tap.operation:
                    return None
                narrow = layer[0].numel() <= _WIDENING * tap.input[0].numel()
                if layer.shape[0] != part.stop - part.start or layer.dtype != game.dtype or not narrow:
                    return None
                operation = tap.operation
                side.append(layer)
        return _Ends(operation, torch.cat(outputs[0]), torch.cat(outputs[1]))


class _Tap(InputWatch):
    """Keeps the output of the affine layer that is the first and only operation on the input."""

    def __init__(self, x: Tensor) -> None:
        super().__init__(x)
        self.input = x
        self.output: Tensor | None = None
        self.operation: Any = None
        self.refused = False

    def other(self, result: Any) -> Any:
        self.refused = True
        return result

    def read(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], uses: int) -> Any:
        result = func(*args, **kwargs)
        if uses != 1 or self.output is not None or not args or id(args[0]) not in self.raw:
            return self.other(result)
        product = func in WITHOUT_BIAS and len(args) == 2 and args[1].ndim == 2 and args[0].ndim >= 2
        if func not in WITH_BIAS and not product:
            return self.other(result)
        self.output, self.operation = result, func
        return result.clone()  # an in-place activation may follow


def _column(values: Tensor, like: Tensor) -> Tensor:
    return values.reshape(-1, *([1] * (like.ndim - 1)))
