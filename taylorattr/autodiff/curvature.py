"""Second derivatives of rows of a scalar model along directions: H(x_r) v, many v at a time.

Attention's fused kernels have no second derivative on CPU, cuDNN's recurrent ones none at all: both are
switched to their plain forms inside, for the caller's thread and call only.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from taylorattr.analysis.scalar import ScalarModel
from taylorattr.autodiff.captured import captured_program
from taylorattr.autodiff.derivative_check import Derivatives, derivatives_follow
from taylorattr.autodiff.polynomial.engine import supported
from taylorattr.errors import CaptureError, FallbackWarning, MissingRuleError, TaylorAttrError, warn
from taylorattr.program.arguments import leaves
from taylorattr.program.program import Node, Program
from taylorattr.program.walk import Forward, replay, walk

Rows = tuple[Tensor, ...]
"""One tensor (R, …) per input tensor."""


class Curvature:
    """H(x_r) for R points, row by row; ∇f(x_r) with it.

    What torch returns is not taken on trust. Batched double backward passes are compared with a single one on
    a random combination of their directions (torch's are wrong for GroupNorm); gradients and H v with
    differences of values and gradients (`derivative_check`). What fails is done by differentiating the
    model's captured program, whose normalisation layers are elementary operations, and compared again.

    Args:
        scalar: The model.
        points: Input tensors (R, …).
        examples: Shape (R,): whose target and extra arguments each row uses.

    Attributes:
        gradient: ∇f of each row, tensors (R, …).
        fallback: Why the model's program is differentiated instead of the model, "" if it is not.
        forward_fails: Whether `forward` was tried in vain.

    Raises:
        MissingRuleError: If an operation has no derivative; names it.
        CaptureError: If the model cannot be captured, or its program's derivatives do not follow its values.
    """

    def __init__(self, scalar: ScalarModel, points: Rows, examples: Tensor) -> None:
        self._points = tuple(p.detach().clone().requires_grad_() for p in points)
        self._values: Callable[[Rows], Tensor] = lambda xs: scalar.values(xs, examples)
        self.fallback = ""
        self.forward_fails = False
        self._checked: set[str] = set()
        self._one_by_one = False
        self._scalar, self._examples = scalar, examples
        self._rounding = scalar.coarsest_eps
        graph, reason = self._points, ""
        try:
            _, graph = self._differentiate(self._points)
            if not self._follows():
                reason = (
                    "its derivatives do not follow its values: detach, no_grad, numpy or a custom backward"
                )
        except RuntimeError as error:
            reason = _unless_memory(error)
        self._graph = self._replayed(reason) if reason else graph
        self.gradient = tuple(g.detach() for g in self._graph)

    def reverse(self, vectors: Rows) -> Rows:
        """Return H v by differentiating the gradient once more.

        Args:
            vectors: Tensors (C, R, …): C directions at each of the R points.

        Returns:
            Tensors (C, R, …).

        Raises:
            CaptureError: If an operation of the captured program has no second derivative either.
        """
        try:
            result = self._reverse(vectors)
            if self._agrees("reverse", vectors, result):
                return result
            reason = "torch's batched second derivatives differ from single ones"
        except RuntimeError as error:
            reason = _unless_memory(error)
            if self.fallback:
                raise CaptureError(
                    f"an operation of the captured program has no second derivative: {_line(reason)}. Write "
                    "it in elementary operations, or use ta.harsanyi, which needs forwards only"
                ) from error
        if self.fallback:  # of the program, batches differ too: one direction after the other
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

    def _differentiate(self, points: Rows) -> tuple[Tensor, Rows]:
        """Return f and ∇f with its graph; zero where torch sees no dependence."""
        with torch.enable_grad(), _second_order_kernels():
            values = self._values(points)
            if not values.requires_grad:
                return values, tuple(torch.zeros_like(p, requires_grad=False) for p in points)
            gradient = torch.autograd.grad(values.sum(), points, create_graph=True, materialize_grads=True)
            return values.detach(), gradient

    def _follows(self) -> bool:
        """Return whether ∇f and H v follow the values, by what is differentiated at present."""

        def derive(points: Rows, vector: Rows) -> Derivatives:
            fresh = tuple(p.detach().requires_grad_() for p in points)
            values, graph = self._differentiate(fresh)
            product = self._backward(graph, vector, batched=False, points=fresh)
            return Derivatives(values, tuple(g.detach() for g in graph), product)

        return derivatives_follow(derive, tuple(p.detach() for p in self._points), self._rounding)

    def _reverse(self, vectors: Rows) -> Rows:
        """Return H v of C directions, batched unless batches were seen to differ from single ones."""
        if len(vectors[0]) > 1 and not self._one_by_one:
            return self._backward(self._graph, vectors, batched=True)
        each = (tuple(v[c] for v in vectors) for c in range(len(vectors[0])))
        rows = [self._backward(self._graph, vector, batched=False) for vector in each]
        return tuple(torch.stack(parts) for parts in zip(*rows, strict=True))

    def _backward(self, graph: Rows, vectors: Rows, *, batched: bool, points: Rows | None = None) -> Rows:
        """Return the derivative of ⟨graph, vectors⟩ at the points, by default at those of the question."""
        pairs = [(g, v) for g, v in zip(graph, vectors, strict=True) if g.requires_grad]
        if not pairs:  # a linear model
            return tuple(torch.zeros_like(v) for v in vectors)
        outputs, directions = zip(*pairs, strict=True)
        with _second_order_kernels():
            return torch.autograd.grad(
                outputs,
                self._points if points is None else points,
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
        along = tuple(torch.tensordot(weights, v, 1) for v in vectors)
        single = self._backward(self._graph, along, batched=False)
        combined = tuple(torch.tensordot(weights, r, 1) for r in result)
        size = max(float(r.abs().sum(0).max()) for r in result if r.numel())
        error = max(float((a - b).abs().max()) for a, b in zip(single, combined, strict=True) if a.numel())
        # half of the digits, for a wrong rule misses by whole terms; then rounding where all cancels
        eps = torch.finfo(weights.dtype).eps
        longest = max(float(v.abs().max()) for v in vectors if v.numel())
        return error <= 100 * eps**0.5 * size + 1e4 * eps * longest

    def _replayed(self, reason: str) -> Rows:
        """Differentiate the captured programs, one per row, from here on; return their gradient."""
        self.fallback = _line(reason)
        programs = [
            captured_program(self._scalar, tuple(p[row : row + 1] for p in self._points), example)
            for row, example in enumerate(self._examples.tolist())
        ]
        self._values = lambda xs: torch.cat(
            [replay(program, [x[r : r + 1] for x in xs]) for r, program in enumerate(programs)]
        )
        try:
            _, graph = self._differentiate(self._points)
            follows = self._follows()
        except RuntimeError as error:
            graph, follows = self._points, False
            reason = _unless_memory(error)
        if not follows:
            raise _without_derivative(programs[0], self._points, _line(reason))
        warn(
            f"second derivatives of the model fail ({self.fallback}); its captured program is differentiated "
            "instead, which is slower",
            FallbackWarning,
        )
        return graph


def _signs(count: int, like: Tensor) -> Tensor:
    """Return ±1, the same for every run, without touching the user's generators."""
    bits = torch.randint(0, 2, (count,), generator=torch.Generator().manual_seed(0))
    return (2 * bits - 1).to(like)


class _Blind(Forward):
    """Plain tensors; the operations through which torch sees no dependence are written down."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def apply(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the operation and look at what it gives."""
        result = super().apply(node, args, kwargs)
        floats = [t for t in leaves(Tensor, result) if t.is_floating_point()]
        follows = any(t.requires_grad for t in leaves(Tensor, (args, kwargs)))
        if follows and floats and not any(t.requires_grad for t in floats):
            self.nodes.append(node)
        return result


def _without_derivative(program: Program, points: Rows, reason: str) -> TaylorAttrError:
    """Return the error that names the operation whose derivative is missing."""
    blind = _Blind()
    with torch.enable_grad():
        walk(program, [p[:1].detach().requires_grad_() for p in points], blind)
    remedy = "Write it in elementary operations, or use ta.harsanyi, which needs forwards only"
    if blind.nodes:
        node = blind.nodes[0]
        return MissingRuleError(
            f"{node.op} has no derivative in torch and no Taylor rule (module {node.module or '-'}, "
            f"{node.where or '?'}). {remedy}"
        )
    unknown = ", ".join(sorted({str(node.op) for node in supported(program)})) or "none"
    return CaptureError(
        f"derivatives of the captured program fail or do not follow the model's values ({reason}); "
        f"operations without a Taylor rule: {unknown}. {remedy}"
    )


def _line(reason: str) -> str:
    return reason.splitlines()[0][:200] if reason else "unknown"


def _unless_memory(error: RuntimeError) -> str:
    """Return the message; being out of memory is no missing derivative and is raised again."""
    if isinstance(error, torch.OutOfMemoryError):
        raise error
    return str(error) or type(error).__name__


@contextmanager
def _second_order_kernels() -> Generator[None]:
    """Run attention and convolutions by kernels that can be differentiated twice; the fused ones cannot."""
    with sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False):
        yield
