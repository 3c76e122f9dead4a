"""What second derivatives do not show: kinks, and points where an operation has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from taylorattr.analysis.scalar import ScalarModel
from taylorattr.autodiff.captured import captured_program
from taylorattr.autodiff.derivative_check import goes_in_steps
from taylorattr.errors import KinkWarning, NonFiniteError, warn
from taylorattr.program.arguments import leaves, map_leaves
from taylorattr.program.kinks import kink_nodes
from taylorattr.program.program import Node, Program
from taylorattr.program.walk import Forward, walk

Rows = tuple[Tensor, ...]
"""One tensor (1, …) per input tensor."""


def say_kinks(
    what: str, programs: Sequence[Program | str], scalar: ScalarModel, points: Sequence[Rows], result: Tensor
) -> None:
    """Warn where second derivatives of a model with kinks were taken.

    Args:
        what: What was computed, in the plural.
        programs: Each example's program; a model that cannot be walked is captured for its kinks alone.
        scalar: The model.
        points: Each example's point.
        result: Shape (B, …): zero in full is said too.
    """
    for example, program in {id(p): (e, p) for e, p in reversed(list(enumerate(programs)))}.values():
        captured = recorded(scalar, points[example], example) if isinstance(program, str) else program
        kinks = [] if captured is None else kink_nodes(captured)
        if kinks:
            zero = (
                "" if bool(result.any()) else f" (the {what} are zero: the model is piecewise linear there)"
            )
            warn(
                f"the model has {len(kinks)} operations with kinks (ReLU, max, abs, clamp or the like; the "
                f"first is {_place(kinks[0])}), and {what} miss what happens at them{zero}; ta.harsanyi "
                "computes exact interaction effects for such a model",
                KinkWarning,
            )
            return
    say_steps(what, scalar, points, result)


def say_steps(what: str, scalar: ScalarModel, points: Sequence[Rows], result: Tensor) -> None:
    """Warn where derivatives are all zero because the model goes in steps, as trees behind numpy do.

    Args:
        what: What was computed, in the plural.
        scalar: The model.
        points: Each example's point.
        result: Shape (B, …).
    """
    if bool(result.any()):
        return
    rows = tuple(torch.cat(parts) for parts in zip(*points, strict=True))

    def derive(at: Rows, examples: Tensor) -> tuple[Tensor, Rows]:
        leaves = tuple(p.detach().clone().requires_grad_() for p in at)
        with torch.enable_grad():
            values = scalar.values(leaves, examples)
            if not values.requires_grad:
                return values, tuple(torch.zeros_like(p) for p in leaves)
            return values.detach(), torch.autograd.grad(values.sum(), leaves, materialize_grads=True)

    try:
        steps = goes_in_steps(scalar.values, derive, rows, scalar.coarsest_eps)
    except (RuntimeError, ValueError):  # a model may refuse points it was not asked about
        return
    if steps:
        warn(
            f"the {what} are zero because the model is piecewise constant: its output moves in steps (trees, "
            "rounding, comparisons, argmax), which no derivative sees. ta.harsanyi and shapley need none",
            KinkWarning,
        )


def require_finite_derivatives(
    what: str, programs: Sequence[Program | str], scalar: ScalarModel, points: Sequence[Rows], result: Tensor
) -> None:
    """Refuse a result that is not finite in some example, naming the operation where that begins.

    Args:
        what: What was computed, in the singular.
        programs: Each example's program; a model that cannot be walked is captured for the name alone.
        scalar: The model.
        points: Each example's point.
        result: Shape (B, …).

    Raises:
        NonFiniteError: If an entry is NaN or infinite.
    """  # noqa: DOC501 -- made by not_finite
    if bool(torch.isfinite(result.sum())):
        return  # one pass; large finite entries may overflow in it
    bad = ~torch.isfinite(result.reshape(len(result), -1))
    if not bool(bad.any()):
        return
    example = int(bad.any(1).nonzero()[0])
    first = (~torch.isfinite(result[example])).nonzero()[0].tolist()
    program = programs[example]
    raise not_finite(
        f"{what} of example {example} holds NaN or infinity in {int(bad[example].sum())} of "
        f"{bad.shape[1]} entries, the first at index {first}",
        recorded(scalar, points[example], example) if isinstance(program, str) else program,
        [points[example]],
    )


def not_finite(found: str, program: Program | None, points: Sequence[Rows]) -> NonFiniteError:
    """Return the error about derivatives that are not finite, naming the operation where that begins.

    Args:
        found: What is not finite.
        program: The captured model, if there is one.
        points: Where to look for the operation, in turn.
    """
    cause = singular_place(program, points) or "the model has no finite derivatives of an operation there"
    return NonFiniteError(
        f"{found}: {cause}. Move the point off it, or use ta.harsanyi, which needs no derivatives"
    )


def singular_place(program: Program | None, points: Sequence[Rows]) -> str:
    """Return which operation has no finite derivatives at one of the points, "" where none is seen."""
    nodes = () if program is None else (singular_node(program, point) for point in points)
    node = next((n for n in nodes if n is not None), None)
    return "" if node is None else f"{_place(node)} has no finite derivatives at the value it gets there"


def singular_node(program: Program, point: Rows) -> Node | None:
    """Return the first operation whose own first or second derivatives at a point (1, …) are not finite."""
    probe = _Probe()
    with torch.enable_grad():
        walk(program, [p.detach() for p in point], probe)
    return probe.node


class _Probe(Forward):
    """Plain tensors; each operation is differentiated twice by itself, until one is singular."""

    def __init__(self) -> None:
        self.node: Node | None = None

    def apply(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the operation and its derivatives."""
        if self.node is not None:
            return super().apply(node, args, kwargs)
        fresh: list[Tensor] = []

        def leaf(tensor: Tensor) -> Tensor:
            if not tensor.is_floating_point():
                return tensor
            fresh.append(tensor.detach().requires_grad_())
            return fresh[-1]

        result = super().apply(node, map_leaves(Tensor, leaf, args), map_leaves(Tensor, leaf, kwargs))
        if not _finite_derivatives([t for t in leaves(Tensor, result) if t.requires_grad], fresh):
            self.node = node
        return map_leaves(Tensor, Tensor.detach, result)


def _finite_derivatives(outputs: list[Tensor], inputs: list[Tensor]) -> bool:
    """Return whether both derivatives are finite, as far as torch has them."""
    for _ in range(2):
        if not outputs:
            return True
        try:
            total = torch.stack([output.sum() for output in outputs]).sum()
            outputs = list(torch.autograd.grad(total, inputs, create_graph=True, materialize_grads=True))
        except RuntimeError:
            return True
        if not all(bool(torch.isfinite(g).all()) for g in outputs):
            return False
        outputs = [g for g in outputs if g.requires_grad]
    return True


def recorded(scalar: ScalarModel, point: Rows, example: int) -> Program | None:
    """Return the captured model, captured or not; None where it cannot be captured."""
    try:
        return captured_program(scalar, point, example)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:  # it cannot be captured, or not run in its own dtype
        return None


def _place(node: Node) -> str:
    return f"{node.op} (module {node.module or '-'}, {node.where or '?'})"
