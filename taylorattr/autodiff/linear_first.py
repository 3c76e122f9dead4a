"""Gradients along straight paths, past the model's first affine layer where it begins with one.

On a path b + α(x − b) the output of an affine layer A is A(b) + α(A(x) − A(b)): the layer is evaluated at
both ends, the nodes run the rest of the model, and the weighted sum of the gradients with respect to A's
output is pulled back through A once. This is exact, not an approximation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from taylorattr.analysis.first_affine import (
    WITH_BIAS,
    WITHOUT_BIAS,
    AnsweredLayer,
    InputWatch,
    OtherPathError,
)
from taylorattr.analysis.game import Game, blocks
from taylorattr.autodiff.gradient import Rows, gradient_rows, value_and_gradient
from taylorattr.memory import keep_freed_blocks

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
        keep_freed_blocks()
        self.game = game
        self.rows = rows or gradient_rows(game)
        self._ends = self._find() if linear_first else None

    @property
    def linear_first(self) -> bool:
        """Whether the nodes run past the first affine layer only."""
        return self._ends is not None

    def sums(self, alphas: Tensor, weights: Tensor, examples: Tensor) -> Rows:
        """Return Σ_q ω_q ∇f(b + α_q (x − b)) of some examples, tensors (E, …), one per input.

        Args:
            alphas: Shape (Q,), places on the path.
            weights: Shape (Q,).
            examples: Shape (E,), int64 on the CPU.
        """
        return self._sums(alphas, weights, examples, None)

    def sums_and_slopes(self, alphas: Tensor, weights: Tensor, examples: Tensor) -> tuple[Rows, Tensor]:
        """Return the same, and d/dα f(b + α(x − b)) at every node, shape (E, Q), float64 on the CPU.

        Args:
            alphas: As in `sums`.
            weights: As in `sums`, none of them 0.
            examples: As in `sums`.
        """
        slopes = torch.empty(len(examples), len(alphas), dtype=torch.float64)
        return self._sums(alphas, weights, examples, slopes), slopes

    def _sums(self, alphas: Tensor, weights: Tensor, examples: Tensor, slopes: Tensor | None) -> Rows:
        alphas, weights = (t.to(self.game.device, self.game.dtype) for t in (alphas, weights))
        if self._ends is not None:
            try:
                return self._past_layer(self._ends, alphas, weights, examples, slopes)
            except OtherPathError:  # a branch on values: the whole model from here on
                self._ends = None
        where = examples.to(self.game.device)
        total = tuple(torch.zeros_like(x[where]) for x in self.game.inputs)
        for nodes, part in self._blocks(len(alphas), len(examples)):
            here = where[part]
            points = tuple(
                torch.lerp(b[here], x[here], _column(alphas[nodes], x.ndim + 1)).flatten(0, 1)
                for b, x in zip(self.game.baselines, self.game.inputs, strict=True)
            )
            count = nodes.stop - nodes.start
            gradients = value_and_gradient(self.game.scalar, points, examples[part].repeat(count))[1]
            steepness = 0.0
            ends = zip(total, gradients, self.game.baselines, self.game.inputs, strict=True)
            for sum_, gradient, b, x in ends:
                each = gradient.unflatten(0, (count, -1))
                sum_[part] += torch.tensordot(weights[nodes], each, dims=1)
                if slopes is not None:
                    steepness = steepness + (each * (x[here] - b[here])).flatten(2).sum(2)
            if slopes is not None:
                slopes[part, nodes] = torch.as_tensor(steepness).T.double().cpu()
        return total

    def _blocks(self, nodes: int, examples: int) -> Iterator[tuple[slice, slice]]:
        """Yield slices of nodes and of examples whose products fit a model call."""
        for part in blocks(examples, self.rows):
            for several in blocks(nodes, max(1, self.rows // (part.stop - part.start))):
                yield several, part

    def _past_layer(
        self, ends: _Ends, alphas: Tensor, weights: Tensor, examples: Tensor, slopes: Tensor | None
    ) -> Rows:
        scalar, x = self.game.scalar, self.game.inputs[0]
        where = examples.to(self.game.device)
        start, way = ends.start[where], (ends.end - ends.start)[where]
        total = torch.zeros_like(start)
        for nodes, part in self._blocks(len(alphas), len(examples)):
            count = nodes.stop - nodes.start
            who = examples[part].repeat(count)
            placeholder = x[:1].expand(len(who), *x.shape[1:])
            leaf = start[part].requires_grad_()  # one for all nodes: their gradients add up in it
            places = _column(alphas[nodes], leaf.ndim + 1)
            leaves = [leaf]
            if slopes is not None:  # one place per node and example, whose derivative is the slope there
                places = places.expand(count, len(leaf), *places.shape[2:]).clone().requires_grad_()
                leaves.append(places)
            with torch.enable_grad():
                answer = torch.addcmul(leaf, places, way[part]).flatten(0, 1)
                with AnsweredLayer(placeholder, ends.operation, answer):
                    values = scalar.values((placeholder,), who)
                if not values.requires_grad:
                    raise OtherPathError
                upstream = weights[nodes].repeat_interleave(part.stop - part.start)
                gradient, *moved = torch.autograd.grad(values, leaves, upstream)
            total[part] += gradient
            if slopes is not None:
                found = moved[0].reshape(count, -1) / weights[nodes, None]
                slopes[part, nodes] = found.T.double().cpu()
        return (self._pulled_back(total, examples),)

    def _pulled_back(self, upstream: Tensor, examples: Tensor) -> Tensor:
        x = self.game.inputs[0][examples.to(self.game.device)]
        result = torch.empty_like(x)
        for part in blocks(len(x), self.rows):
            leaf = x[part].clone().requires_grad_()
            with torch.enable_grad():
                tap = self._tapped(leaf, examples[part])
            if tap.output is None:
                raise OtherPathError
            (result[part],) = torch.autograd.grad(tap.output, leaf, upstream[part])
        return result

    def _tapped(self, points: Tensor, examples: Tensor) -> _Tap:
        with _Tap(points) as tap, suppress(_FirstRead):
            self.game.scalar.values((points,), examples)
        return tap

    def _find(self) -> _Ends | None:
        """Return the layer's outputs at both ends, or None where the model begins otherwise."""
        game = self.game
        if len(game.inputs) != 1 or game.batch == 0:
            return None
        outputs: list[list[Tensor]] = [[], []]
        operation = None
        for side, points in zip(outputs, (game.baselines[0], game.inputs[0]), strict=True):
            for part in blocks(game.batch, self.rows):
                with torch.no_grad():
                    tap = self._tapped(points[part].clone(), torch.arange(part.start, part.stop))
                layer = tap.output
                if layer is None or (operation or tap.operation) is not tap.operation:
                    return None
                narrow = layer[0].numel() <= _WIDENING * tap.input[0].numel()
                if layer.shape[0] != part.stop - part.start or layer.dtype != game.dtype or not narrow:
                    return None
                operation = tap.operation
                side.append(layer)
        return _Ends(operation, torch.cat(outputs[0]), torch.cat(outputs[1]))


class _FirstRead(BaseException):
    """The model's first read of its input has been seen: the rest of the call is not needed."""


class _Tap(InputWatch):
    """Keeps the output of the first operation on the input, if it is an affine layer, and ends the call.

    That nothing else reads the input shows when the nodes run.
    """

    def __init__(self, x: Tensor) -> None:
        super().__init__(x)
        self.input = x
        self.output: Tensor | None = None
        self.operation: Any = None

    def other(self, result: Any) -> Any:
        raise _FirstRead

    def read(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], uses: int) -> Any:
        if uses == 1 and args and id(args[0]) in self.raw:
            product = func in WITHOUT_BIAS and len(args) == 2 and args[1].ndim == 2 and args[0].ndim >= 2
            if func in WITH_BIAS or product:
                self.output, self.operation = func(*args, **kwargs), func
        raise _FirstRead


def _column(values: Tensor, ndim: int) -> Tensor:
    return values.reshape(-1, *([1] * (ndim - 1)))
