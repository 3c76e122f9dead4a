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
        self._scalar, self._examples = scalar, examples
        graph, reason = None, "its output carries no gradient: numpy, item, detach or no_grad inside"
        try:
            graph = self._differentiate()
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
            return self._reverse(vectors)
        except RuntimeError as error:
            reason = _unless_memory(error)
            if self.fallback:
                raise
            self._graph = self._replayed(reason)
            return self._reverse(vectors)

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
                return tuple(row.detach() for row in along(*vectors))
        except (RuntimeError, NotImplementedError):
            self.forward_fails = True
            return self.reverse(vectors)

    def _total(self, *xs: Tensor) -> Tensor:
        return self._values(xs).sum()

    def _differentiate(self) -> Rows | None:
        with torch.enable_grad(), _second_order_kernels():
            total = self._values(self._points).sum()
            if not total.requires_grad:
                return None
            return torch.autograd.grad(total, self._points, create_graph=True, materialize_grads=True)

    def _reverse(self, vectors: Rows) -> Rows:
        pairs = [(g, v) for g, v in zip(self._graph, vectors, strict=True) if g.requires_grad]
        if not pairs:  # a linear model
            return tuple(torch.zeros_like(v) for v in vectors)
        graphs, directions = zip(*pairs, strict=True)
        with _second_order_kernels():
            return torch.autograd.grad(
                graphs,
                self._points,
                grad_outputs=directions,
                is_grads_batched=True,
                retain_graph=True,
                materialize_grads=True,
            )

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
        graph = self._differentiate()
        return (
            tuple(torch.zeros_like(p, requires_grad=False) for p in self._points) if graph is None else graph
        )

    def _program(self, row: int, example: int) -> Program:
        scalar = self._scalar
        point = tuple(p[row : row + 1].detach().to(scalar.native) for p in self._points)
        return capture(
            scalar.native_function(example), point, module=scalar.native_module, dtype=scalar.dtype
        )


def _unless_memory(error: RuntimeError) -> str:
    """Return the message; being out of memory is no missing derivative and is raised again."""
    if isinstance(error, torch.OutOfMemoryError):
        raise error
    return str(error)


@contextmanager
def _second_order_kernels() -> Generator[None]:
    with sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False):
        yield
