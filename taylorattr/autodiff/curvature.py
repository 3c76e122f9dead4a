"""Second derivatives of rows of a scalar model along directions: H(x_r) v, many v at a time.

Attention's fused kernels have no second derivative on CPU, cuDNN's recurrent ones none at all: both are
switched to their plain forms inside, for the caller's thread and call only.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from taylorattr.autodiff.scalar import ScalarModel
from taylorattr.errors import FallbackWarning, warn
from taylorattr.program.capture import capture
from taylorattr.program.program import Program
from taylorattr.program.walk import replay

Rows = tuple[Tensor, ...]
"""One tensor (R, …) per input tensor."""


class Curvature:
    """H(x_r) for R points, row by row; ∇f(x_r) with it.

    What torch returns is not taken on trust. Batched double backward passes are compared with a single one on
    a random combination of their directions (torch's are wrong for GroupNorm), and where a custom backward
    could hide a dependence, H v is compared with a difference of gradients. What fails is done by
    differentiating the model's captured program, whose normalisation layers are elementary operations.

    Args:
        scalar: The model.
        points: Input tensors (R, …).
        examples: Shape (R,): whose target and extra arguments each row uses.

    Attributes:
        gradient: ∇f of each row, tensors (R, …).
        fallback: Why the model's program is differentiated instead of the model, "" if it is not.
        forward_fails: Whether `forward` was tried in vain.
    """

    def __init__(self, scalar: ScalarModel, points: Rows, examples: Tensor) -> None:
        self._points = tuple(p.detach().clone().requires_grad_() for p in points)
        self._values: Callable[[Rows], Tensor] = lambda xs: scalar.values(xs, examples)
        self.fallback = ""
        self.forward_fails = False
        self._checked: set[str] = set()
        self._one_by_one = False
        self._scalar, self._examples = scalar, examples
        graph, reason = None, "its output carries no gradient: numpy, item, detach or no_grad inside"
        try:
            graph = self._differentiate(self._points)
            if graph is not None and not self._sees_everything(graph):
                graph, reason = None, "a custom backward pass or detach hides a dependence"
        except RuntimeError as error:
            reason = _unless_memory(error)
        self._graph = self._replayed(reason) if graph is None else graph
        self.gradient = tuple(g.detach() for g in self._graph)

    def reverse(self, vectors: Rows) -> Rows:
        """Return H v by differentiating the gradient once more.

        Args:
            vectors: Tensors (C, R, …): C directions at each of the R points.

        Returns:
            Tensors (C, R, …).

        Raises:
            RuntimeError: If an operation of the captured program has no second derivative either.
        """
        try:
            result = self._reverse(vectors)
            if self._agrees("reverse", vectors, result):
                return result
            reason = "torch's batched second derivatives differ from single ones"
        except RuntimeError as error:
            reason = _unless_memory(error)
            if self.fallback:
                raise
        if self.fallback:
            self._one_by_one = True
        else:
            self._graph = self._replayed(reason)
            self._checked.clear()
        return self.reverse(vectors)

    def forward(self, vectors: Rows) -> Rows:
        """Return H v by forward derivatives of the gradient; same arguments as `reverse`.

        Where an operation has no forward rule, `reverse` answers and `forward_fails` is set.
        """
        if self.forward_fails or self.fallback:
            return self.reverse(vectors)
        slots = tuple(range(len(self._points)))
        gradient = torch.func.grad(self._total, argnums=slots)
        points = tuple(p.detach() for p in self._points)
        try:
            with _second_order_kernels():
                along = torch.func.vmap(lambda *v: torch.func.jvp(gradient, points, v)[1], randomness="same")
                result = tuple(row.detach() for row in along(*vectors))
            if self._agrees("forward", vectors, result):
                return result
        except (RuntimeError, NotImplementedError):
            pass
        self.forward_fails = True
        return self.reverse(vectors)

    def _total(self, *xs: Tensor) -> Tensor:
        return self._values(xs).sum()

    def _differentiate(self, points: Rows) -> Rows | None:
        with torch.enable_grad(), _second_order_kernels():
            total = self._values(points).sum()
            if not total.requires_grad:
                return None
            return torch.autograd.grad(total, points, create_graph=True, materialize_grads=True)

    def _reverse(self, vectors: Rows) -> Rows:
        if len(vectors[0]) == 1 or self._one_by_one:
            rows = [self._single(tuple(v[c] for v in vectors)) for c in range(len(vectors[0]))]
            return tuple(torch.stack(parts) for parts in zip(*rows, strict=True))
        return self._backward(self._graph, vectors, batched=True)

    def _single(self, vector: Rows) -> Rows:
        return self._backward(self._graph, vector, batched=False)

    def _backward(self, graph: Rows, vectors: Rows, *, batched: bool) -> Rows:
        pairs = [(g, v) for g, v in zip(graph, vectors, strict=True) if g.requires_grad]
        if not pairs:  # a linear model
            return tuple(torch.zeros_like(v) for v in vectors)
        outputs, directions = zip(*pairs, strict=True)
        with _second_order_kernels():
            return torch.autograd.grad(
                outputs,
                self._points,
                grad_outputs=directions,
                is_grads_batched=batched,
                retain_graph=True,
                materialize_grads=True,
            )

    def _agrees(self, way: str, vectors: Rows, result: Rows) -> bool:
        """Compare the first block done this way with one plain double backward of a combination of it."""
        count = len(vectors[0])
        if way in self._checked or count == 1 or self._one_by_one:
            return True
        self._checked.add(way)
        weights = _signs(count, vectors[0])
        single = self._single(tuple(torch.tensordot(weights, v, 1) for v in vectors))
        combined = tuple(torch.tensordot(weights, r, 1) for r in result)
        size = max(float(r.abs().sum(0).max()) for r in result if r.numel())
        error = max(float((a - b).abs().max()) for a, b in zip(single, combined, strict=True) if a.numel())
        eps = torch.finfo(weights.dtype).eps  # the second term: rounding where everything cancels
        longest = max(float(v.abs().max()) for v in vectors if v.numel())
        return error <= 100 * eps**0.5 * size + 1e4 * eps * longest

    def _sees_everything(self, graph: Rows) -> bool:
        """Compare H v with a central difference of gradients, where the graph alone cannot be trusted."""
        suspicious = not all(g.requires_grad for g in graph) or _has_custom_backward(graph)
        if not suspicious or self._scalar.dtype != torch.float64:
            return True
        step = 1e-5 * max(1.0, *(float(p.detach().abs().max()) for p in self._points if p.numel()))
        vector = tuple(_signs(p.numel(), p).reshape(p.shape) for p in self._points)
        ends = []
        for sign in (step, -step):
            moved = tuple(
                (p.detach() + sign * v).requires_grad_() for p, v in zip(self._points, vector, strict=True)
            )
            end = self._differentiate(moved)
            if end is None:
                return False
            ends.append(end)
        differences = [(a - b).detach() / (2 * step) for a, b in zip(*ends, strict=True)]
        rows = self._backward(graph, vector, batched=False)
        size = max(
            float(torch.maximum(d.abs(), r.abs()).max()) for d, r in zip(differences, rows, strict=True)
        )
        scale = max(float(g.detach().abs().max()) for g in graph)  # rounding of a gradient, over the step
        error = max(float((d - r).abs().max()) for d, r in zip(differences, rows, strict=True))
        return error <= 1e-3 * size + 1e-9 * scale / step

    def _replayed(self, reason: str) -> Rows:
        """Differentiate the captured programs, one per row, from here on; return their gradient."""
        self.fallback = reason.splitlines()[0][:200] if reason else "unknown"
        warn(
            f"second derivatives of the model fail ({self.fallback}); its captured program is differentiated "
            "instead, which is slower",
            FallbackWarning,
        )
        programs = [self._program(row, example) for row, example in enumerate(self._examples.tolist())]
        self._values = lambda xs: torch.cat(
            [replay(program, [x[r : r + 1] for x in xs]) for r, program in enumerate(programs)]
        )
        graph = self._differentiate(self._points)
        return (
            tuple(torch.zeros_like(p, requires_grad=False) for p in self._points) if graph is None else graph
        )

    def _program(self, row: int, example: int) -> Program:
        scalar = self._scalar
        point = tuple(p[row : row + 1].detach().to(scalar.native) for p in self._points)
        return capture(
            scalar.native_function(example), point, module=scalar.native_module, dtype=scalar.dtype
        )


def _signs(count: int, like: Tensor) -> Tensor:
    """Return ±1, the same for every run, without touching the user's generators."""
    bits = torch.randint(0, 2, (count,), generator=torch.Generator().manual_seed(0))
    return (2 * bits - 1).to(like)


def _has_custom_backward(graph: Rows) -> bool:
    """Return whether a user's autograd.Function takes part in a gradient."""
    waiting, seen = [g.grad_fn for g in graph if g.grad_fn is not None], set()
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            return True
        waiting += [following for following, _ in node.next_functions if following is not None]
    return False


def _unless_memory(error: RuntimeError) -> str:
    """Return the message; being out of memory is no missing derivative and is raised again."""
    if isinstance(error, torch.OutOfMemoryError):
        raise error
    return str(error)


@contextmanager
def _second_order_kernels() -> Generator[None]:
    with sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False):
        yield
