"""∇f at many rows, one forward and one backward pass for a block of them, and sums of it along paths."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from taylorattr.analysis.first_affine import AnsweredLayer, OtherPathError, tapped
from taylorattr.analysis.game import Game, blocks
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.analysis.shared_rows import shared_rows, values_at
from taylorattr.autodiff.captured import agrees_at, capture_at
from taylorattr.autodiff.derivative_check import LENIENT, STRICT, Answer, Slope, gradient_follows
from taylorattr.autodiff.hessian import unit_rows
from taylorattr.autodiff.polynomial.engine import expand
from taylorattr.autodiff.unseen import recorded, singular_place
from taylorattr.errors import BudgetError, DtypeError, KinkWarning, NonFiniteError, warn
from taylorattr.memory import available, keep_freed_blocks
from taylorattr.program.program import Program

Rows = tuple[Tensor, ...]
"""One tensor (R, …) per input tensor."""

_CACHE_BYTES = {"cpu": 4 * 2**20, "cuda": 512 * 2**20}
_ROWS = {"cpu": (16, 2048), "cuda": (64, 2**14)}

MOST_FORWARD = 1024
"""Elements up to which a gradient that torch makes NaN is taken forward, one direction for each."""

_WIDENING = 8
"""A layer whose output has more than this many times the elements of its input saves nothing."""


def value_and_gradient(scalar: ScalarModel, xs: Rows, examples: Tensor) -> tuple[Tensor, Rows]:
    """Return f and ∇f of each row.

    Args:
        scalar: The model.
        xs: Input tensors (R, …); not changed.
        examples: Shape (R,), int64: whose target and extra arguments each row uses.

    Returns:
        Values (R,) and gradients shaped like xs, both detached. Where f does not depend on an input, its
        gradient is 0.

    Raises:
        DtypeError: If the output carries no gradient although it changes with the input, or the first
            gradient asked of this model is not its derivative: the model leaves torch's differentiable
            operations (numpy, detach, no_grad, rounding to integers) or has a backward pass of its own.
        NonFiniteError: If a gradient is NaN or infinite; names the first row and element.

    Warns:
        KinkWarning: The model is piecewise constant: its gradient is 0 and its output moves in steps.
    """
    leaves = tuple(x.detach().clone().requires_grad_() for x in xs)
    with torch.inference_mode(False), torch.enable_grad():
        shared = _of_shared_rows(scalar, leaves, examples) if scalar.columns > 1 else None
        values = scalar.values(leaves, examples) if shared is None else shared[0]
        if shared is not None:
            gradients = shared[1]
        elif values.requires_grad:
            gradients = torch.autograd.grad(values.sum(), leaves, materialize_grads=True)
        else:
            _refuse_hidden_dependence(scalar, leaves, examples, values)
            gradients = tuple(torch.zeros_like(x) for x in leaves)
    values, gradients = values.detach(), tuple(g.detach() for g in gradients)
    if "gradient" not in scalar.established:
        require_true_gradient(scalar, leaves, examples, values, gradients)
    if not all(bool(torch.isfinite(g.sum())) for g in gradients):
        gradients = _by_selected_branches(scalar, leaves, examples, values, gradients)
    return values, gradients


def _of_shared_rows(scalar: ScalarModel, xs: Rows, examples: Tensor) -> tuple[Tensor, Rows] | None:
    """Return f and ∇f by one forward of the rows that differ, and a backward pass for each of their outputs.

    None where no rows are the same, or the output carries no gradient.
    """
    rows_of = shared_rows(scalar, xs, examples)
    sizes = torch.bincount(rows_of)
    if len(sizes) == len(examples):
        return None
    starts = sizes.cumsum(0) - sizes
    leaves = tuple(x.detach()[starts.to(x.device)].requires_grad_() for x in xs)
    values = values_at(scalar, leaves, examples[starts], examples, rows_of)
    if not values.requires_grad:
        return None
    gradients = tuple(torch.empty_like(x, requires_grad=False) for x in xs)
    place = torch.arange(len(examples)) - starts[rows_of]
    for k in range(int(sizes.max())):
        here = (place == k).nonzero()[:, 0].to(values.device)
        of = rows_of[place == k].to(values.device)
        last = k + 1 == int(sizes.max())
        found = torch.autograd.grad(values[here].sum(), leaves, retain_graph=not last, materialize_grads=True)
        for gradient, part in zip(gradients, found, strict=True):
            gradient[here] = part[of]
    return values, gradients


def _by_selected_branches(
    scalar: ScalarModel, xs: Rows, examples: Tensor, values: Tensor, gradients: Rows
) -> Rows:
    """Return the gradients with those that are not finite taken by the Taylor walk, which goes forward.

    On the way back an adjoint of 0 meets the infinite derivative of the branch that a guard
    (``where``, a clamped norm) does not select, and torch makes NaN of the two. Forward, a guard selects.

    Raises:
        NonFiniteError: If they are not finite that way either; names the first row and the operation.
    """  # noqa: DOC501 -- made by _not_finite
    flat = torch.cat([g.reshape(len(g), -1) for g in gradients], dim=1)
    bad = (~torch.isfinite(flat)).any(1).nonzero().reshape(-1).tolist()
    n = flat.shape[1]
    program: Program | str = ""
    captured_for = -1
    for r in bad:
        point, example = tuple(x[r : r + 1].detach() for x in xs), int(examples[r])
        if captured_for != example or not _agrees(program, point, values[r], scalar):
            program, captured_for = capture_at(scalar, point, example), example
        found = flat[r]
        if isinstance(program, Program) and n <= MOST_FORWARD:
            directions = [u[:, 0] for u in unit_rows(point)(slice(0, n))]
            with suppress(BudgetError):  # then it stays as it is
                found = expand(program, point, directions, 1)[1]
        if not bool(torch.isfinite(found).all()):
            if isinstance(program, str):
                program = recorded(scalar, point, example) or program
            raise _not_finite(program, point, flat[r], example)
        flat[r] = found
    parts = torch.split(flat, [g[0].numel() for g in gradients], dim=1)
    return tuple(part.reshape(g.shape) for part, g in zip(parts, gradients, strict=True))


def _agrees(program: Program | str, point: Rows, value: Tensor, scalar: ScalarModel) -> bool:
    """Return whether a program captured elsewhere gives the model's value at a point (1, …)."""
    if isinstance(program, str) or program.notes:
        return False
    return agrees_at(program, [(point, float(value))], scalar.dtype)


def gradient_rows(game: Game, passes: int = 1, wanted: int | None = None) -> int:
    """Return how many rows of one example's kind a forward and backward pass should take at a time.

    Args:
        game: The game; its `internal_batch_size` has the last word.
        passes: Number of such passes whose graphs are kept at once.
        wanted: Rows there are, if that is known: of few, the system need not be asked for its memory.

    Returns:
        At least 1: the widest intermediate tensors of a call stay in cache, all of them in memory.
    """
    return game.internal_batch_size or rows_at_once(game.scalar, passes, wanted)


def rows_at_once(scalar: ScalarModel, passes: int = 1, wanted: int | None = None) -> int:
    """Return how many rows a forward and backward pass of a model should take, as `gradient_rows`."""
    kind = "cuda" if scalar.device.type == "cuda" else "cpu"
    low, high = _ROWS[kind]
    rows = min(max(low, int(_CACHE_BYTES[kind] // max(scalar.widest, 1))), high)
    if kind == "cuda":
        return rows
    rows = rows if wanted is None else max(1, min(rows, wanted))
    row_bytes = max(1, 3 * passes * scalar.total)
    return max(1, min(rows, int(available(rows * row_bytes) // row_bytes)))


NO_GRADIENT_NEEDED = "use occlusion_1, shapley or ta.harsanyi, which need no gradient"

CHECKED_ROWS = 8
"""Rows at which the first gradient of a model is compared with a difference quotient."""


def _refuse_hidden_dependence(scalar: ScalarModel, xs: Rows, examples: Tensor, values: Tensor) -> None:
    """Refuse an output that carries no gradient and yet changes with the input, at one of several places."""
    with torch.no_grad():
        places = [
            *(
                tuple(x * factor + shift for x in xs)
                for factor, shift in ((0.5, 0.25), (0.0, 0.0), (-1.0, 1.0))
            ),
            *(tuple(x + size * (1 + x.abs()) for x in xs) for size in (0.1, -0.3, 1.0)),
        ]
        if all(torch.equal(scalar.values(moved, examples), values.detach()) for moved in places):
            return
    raise DtypeError(
        "the model's output carries no gradient although it changes with the input: somewhere it leaves "
        "torch's differentiable operations (.numpy(), .item(), .detach(), torch.no_grad(), trees, rounding). "
        f"Write that part in torch, or {NO_GRADIENT_NEEDED}"
    )


def require_true_gradient(
    scalar: ScalarModel, xs: Rows, examples: Tensor, values: Tensor, gradients: Rows
) -> None:
    """Compare the first gradient asked of a model with a difference quotient of its values, once.

    Args:
        scalar: The model.
        xs: Input tensors (R, …).
        examples: Shape (R,), int64: whose target and extra arguments each row uses.
        values: f of each row, shape (R,).
        gradients: ∇f of each row, shaped like xs.

    Raises:
        DtypeError: If it is not the derivative: a part of it is missing.
    """
    scalar.established.add("gradient")  # before: the check itself asks for gradients
    chosen = torch.linspace(0, len(examples) - 1, min(len(examples), CHECKED_ROWS)).long()
    on = chosen.to(xs[0].device)
    rows, who = tuple(x.detach()[on] for x in xs), examples[chosen.to(examples.device)]
    known = values[on], tuple(g[on] for g in gradients)
    with torch.inference_mode(False):
        single = scalar.dtype != torch.float64
        answer, slope = "differs", None
        if not single or not scalar.private.has_copy(torch.float64):  # else it decides at once
            answer, slope = _followed(scalar, rows, who, known, STRICT if single else LENIENT)
        if answer == "differs" and single:
            # in float32 a step must be so large that many kinks of a network may lie within it
            left = torch.arange(len(who), device=on.device) if slope is None else slope.rows
            rows, who = tuple(r[left] for r in rows), who[left.to(who.device)]
            finer = scalar.in_precision(torch.float64, rows)
            if finer is not None and finer.coarsest_eps < scalar.coarsest_eps:
                wide = tuple(r.double() if r.is_floating_point() else r for r in rows)
                answer, slope = _followed(finer, wide, who, None, LENIENT)
            else:
                known = known[0][left], tuple(g[left] for g in known[1])
                answer, slope = _followed(scalar, rows, who, known, LENIENT)
    if answer == "steps":
        warn(
            "the model is piecewise constant where it was looked at: its gradient is 0 and its output moves "
            f"in steps (rounding, comparisons, argmax, trees), which no gradient sees; {NO_GRADIENT_NEEDED}",
            KinkWarning,
        )
    if answer == "differs" and slope is not None:
        scalar.established.discard("gradient")  # a refusal settles nothing: the next call is refused too
        row, example = tuple(x[slope.row : slope.row + 1] for x in rows), int(who[slope.row])
        raise DtypeError(
            "the gradient of the model is not its derivative: along a random direction the output of example "
            f"{example} has the slope {slope.quotient:.6g} where the gradient says {slope.gradient:.6g}. "
            "Part of the model leaves torch's differentiable operations (.numpy(), .item(), .detach(), "
            f"torch.no_grad()) or has a backward pass of its own{_hidden_operation(scalar, row, example)}. "
            f"Write that part in torch, or {NO_GRADIENT_NEEDED}"
        )


def _followed(
    scalar: ScalarModel, rows: Rows, who: Tensor, known: tuple[Tensor, Rows] | None, roundings: float
) -> tuple[Answer, Slope | None]:
    """Return what `gradient_follows` says of these rows; f and ∇f are computed where they are not known."""

    def derive(points: Rows, places: Tensor) -> tuple[Tensor, Rows]:
        leaves = tuple(p.detach().clone().requires_grad_() for p in points)
        with torch.enable_grad():
            outputs = scalar.values(leaves, who[places.to(who.device)])
            if not outputs.requires_grad:
                return outputs, tuple(torch.zeros_like(p) for p in leaves)
            return outputs.detach(), torch.autograd.grad(outputs.sum(), leaves, materialize_grads=True)

    def evaluate(points: Rows, places: Tensor) -> Tensor:
        return scalar.values(points, who[places.to(who.device)])

    here = derive(rows, torch.arange(len(who))) if known is None else known
    return gradient_follows(evaluate, derive, rows, here, scalar.coarsest_eps, roundings)


def _hidden_operation(scalar: ScalarModel, row: Rows, example: int) -> str:
    """Return ": " and the first operation that may hide a dependence from torch; "" if none is seen."""
    with torch.enable_grad():
        values = scalar.values(tuple(x.clone().requires_grad_() for x in row), torch.tensor([example]))
    waiting, seen = [values.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            return f": {type(node).__name__.removesuffix('Backward')}, an autograd.Function"
        waiting += [before for before, _ in node.next_functions]
    program = recorded(scalar, row, example)
    for node in () if program is None else program.nodes:
        if "detach" in str(node.op):
            return f": {node.op} (module {node.module or '-'}, {node.where or '?'})"
    return ""


def _not_finite(program: Program | str, point: Rows, gradient: Tensor, example: int) -> NonFiniteError:
    """Return the error about a gradient (n,) that is not finite, with the operation where that begins."""
    first = int((~torch.isfinite(gradient)).nonzero()[0])
    place = singular_place(program if isinstance(program, Program) else None, [point])
    cause = place or "an operation (a square root, norm, logarithm or quotient) is at its singular point"
    return NonFiniteError(
        f"the gradient is {float(gradient[first])} for example {example} at element {first}: {cause}; move "
        "the input or the baseline away from it, add a small constant there, or use ta.harsanyi, shapley or "
        "occlusion_1, which need no gradient"
    )


@dataclass
class _Ends:
    operation: Any
    start: Tensor
    end: Tensor


class PathGradients:
    """Σ_r ω_r ∇f(b + α_r (x − b)) of every example of a game.

    On the path the output of an affine layer A is A(b) + α(A(x) − A(b)). Where the model begins with one, it
    is evaluated at both ends only, the nodes run the rest of the model, and the weighted sum of the gradients
    with respect to A's output is pulled back through A once. This is exact, not an approximation.

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
        if self._ends is not None and "gradient" not in game.scalar.established:
            some = slice(0, CHECKED_ROWS)  # past the layer the gradient is never asked of the whole model
            value_and_gradient(
                game.scalar, tuple(x[some] for x in game.inputs), torch.arange(game.batch)[some]
            )

    @property
    def linear_first(self) -> bool:
        """Whether the nodes run past the first affine layer only."""
        return self._ends is not None

    def sums_and_slopes(self, alphas: Tensor, weights: Tensor, examples: Tensor) -> tuple[Rows, Tensor]:
        """Return `sums`, and d/dα f(b + α(x − b)) at every node, shape (E, Q), float64 on the CPU.

        Args:
            alphas: As in `sums`.
            weights: As in `sums`, none of them 0.
            examples: As in `sums`.
        """
        slopes = torch.empty(len(examples), len(alphas), dtype=torch.float64)
        return self.sums(alphas, weights, examples, slopes), slopes

    def sums(self, alphas: Tensor, weights: Tensor, examples: Tensor, slopes: Tensor | None = None) -> Rows:
        """Return Σ_q ω_q ∇f(b + α_q (x − b)) of some examples, tensors (E, …), one per input.

        Args:
            alphas: Shape (Q,), places on the path.
            weights: Shape (Q,).
            examples: Shape (E,), int64 on the CPU.
            slopes: What `sums_and_slopes` has written, (E, Q).
        """
        alphas, weights = (t.to(self.game.device, self.game.dtype) for t in (alphas, weights))
        if self._ends is not None:
            try:
                upstream = self._past_layer(self._ends, alphas, weights, examples, slopes)
                return (self._pulled_back(upstream, examples),)
            except OtherPathError:  # a branch on values: the whole model from here on
                self._ends = None
        where = examples.to(self.game.device)
        total = tuple(torch.zeros_like(x[where]) for x in self.game.inputs)
        for nodes, part in self._blocks(len(alphas), len(examples)):
            here = where[part]
            points = tuple(
                torch.lerp(b[here], x[here], alphas[nodes].reshape(-1, *[1] * x.ndim)).flatten(0, 1)
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
    ) -> Tensor:
        """Return `sums` with respect to the layer's output, (E, …); the nodes run what follows the layer."""
        scalar, x = self.game.scalar, self.game.inputs[0]
        where = examples.to(self.game.device)
        start, way = ends.start[where], (ends.end - ends.start)[where]
        total = torch.zeros_like(start)
        for nodes, part in self._blocks(len(alphas), len(examples)):
            count = nodes.stop - nodes.start
            who = examples[part].repeat(count)
            placeholder = x[:1].expand(len(who), *x.shape[1:])
            leaf = start[part].requires_grad_()  # one for all nodes: their gradients add up in it
            places = alphas[nodes].reshape(-1, *[1] * leaf.ndim)
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
            if not bool(torch.isfinite(gradient.sum())):
                raise OtherPathError  # the whole model's gradient says where, or selects its branch
            total[part] += gradient
            if slopes is not None:
                found = moved[0].reshape(count, -1) / weights[nodes, None]
                slopes[part, nodes] = found.T.double().cpu()
        return total

    def _pulled_back(self, upstream: Tensor, examples: Tensor) -> Tensor:
        """Return the layer's pullback of gradients with respect to its output, shaped like the input."""
        x = self.game.inputs[0][examples.to(self.game.device)]
        result = torch.empty_like(x)
        for part in blocks(len(x), self.rows):
            leaf = x[part].clone().requires_grad_()
            with torch.enable_grad():
                tap = tapped(self.game.scalar, leaf, examples[part])
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
                with torch.no_grad():
                    tap = tapped(game.scalar, points[part].clone(), torch.arange(part.start, part.stop))
                layer = tap.output
                if layer is None or (operation or tap.operation) is not tap.operation:
                    return None
                narrow = layer[0].numel() <= _WIDENING * tap.input[0].numel()
                if layer.shape[0] != part.stop - part.start or layer.dtype != game.dtype or not narrow:
                    return None
                operation = tap.operation
                side.append(layer)
        return _Ends(operation, torch.cat(outputs[0]), torch.cat(outputs[1]))
