"""How many kinks lie between two points: gates of a program that switch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from taylorattr.errors import CaptureError, ShapeError
from taylorattr.program.arguments import leaves, named
from taylorattr.program.gates import Contest, State, Thresholds
from taylorattr.program.kink_table import READERS, is_smooth
from taylorattr.program.program import Node, Program, Ref
from taylorattr.program.walk import Forward, walk

aten = torch.ops.aten

_MASKED = {
    aten.where.self: 0,
    aten.where.ScalarOther: 0,
    aten.where.ScalarSelf: 0,
    aten.masked_fill.Scalar: 1,
    aten.masked_fill.Tensor: 1,
}
"""Position of the mask."""

_LOGICAL = {
    aten.logical_and.default,
    aten.logical_or.default,
    aten.logical_xor.default,
    aten.logical_not.default,
    aten.bitwise_and.Tensor,
    aten.bitwise_or.Tensor,
    aten.bitwise_xor.Tensor,
    aten.bitwise_not.default,
}

_ROWS_AT_ONCE = 2**18
"""Elements of the widest value, over all points of one vmapped replay."""


@dataclass(frozen=True)
class Switches:
    """Gates that differ between a base point and R other points; a gate is one element of a kink.

    Attributes:
        nodes: The operations with kinks.
        gates: Number of gates of the whole program.
        zeros: Gates exactly on their cut at the base (ReLU of 0); which branch a derivative takes
            there is a convention, and they are in no count.
        ties: Maxima that several candidates attain exactly at the base.
        by_node: Gates that switched, shape (R, len(nodes)), int64.
    """

    nodes: tuple[Node, ...]
    gates: int
    zeros: int
    ties: int
    by_node: Tensor

    @property
    def counts(self) -> Tensor:
        """Gates that switched, shape (R,), int64.

        Between end points this is a lower bound of the kinks passed: a gate may switch back.
        """
        return self.by_node.sum(1)


def kink_nodes(program: Program) -> list[Node]:
    """Operations of a program with kinks (jumps of the value or of a derivative).

    ReLU and its relatives (the ELU family too: its second derivative jumps at 0), abs, clamp,
    comparisons, maxima, max-pooling, rounding, casts to integers, sorting; ``where`` and ``masked_fill``
    only if their mask comes from no comparison.

    Args:
        program: A captured program.

    Returns:
        The nodes in execution order.
    """
    producer = {ref.index: node for node in program.nodes for ref in leaves(Ref, node.out)}

    def compared(ref: Any) -> bool:
        node = producer.get(ref.index) if isinstance(ref, Ref) else None
        if node is None:
            return isinstance(ref, Ref) and ref.index in program.constants
        return node.op in READERS or (
            node.op in _LOGICAL and all(compared(r) for r in leaves(Ref, node.args))
        )

    return [
        node
        for node in program.nodes
        if (node.op in READERS and not is_smooth(node.op, node.args, node.kwargs))
        or (node.op in _MASKED and not compared(node.args[_MASKED[node.op]]))
    ]


def switches(program: Program, base: Sequence[Tensor], points: Sequence[Tensor]) -> Switches:
    """Count the gates that differ between a base point and each of R points.

    Cost: R + 1 replays, vmapped in chunks; one after the other where an operation cannot be vmapped.

    Args:
        program: A captured program.
        base: One tensor (1, …) per input.
        points: One tensor (R, …) per input.

    Returns:
        The counts; see :class:`Switches`.

    Raises:
        ShapeError: If points and base do not fit together.
        CaptureError: If the program cannot be evaluated at a point (literal shapes that depend on values).
    """
    for one, many in zip(base, points, strict=True):
        if one.shape[1:] != many.shape[1:] or one.shape[0] != 1:
            raise ShapeError(
                f"base {tuple(one.shape)} and points {tuple(many.shape)}; expected (1, …) and (R, …)"
            )
    kinks = kink_nodes(program)
    start = _states(program, kinks, base)

    def count(*point: Tensor) -> Tensor:
        later = _states(program, kinks, [x[None] for x in point])
        return _count(start, later, base[0].device)

    rows = points[0].shape[0]
    if not kinks or rows == 0:
        by_node = torch.zeros(rows, len(kinks), dtype=torch.int64)
    else:
        by_node = _over_points(program, count, points)
    return _summary(kinks, start, by_node)


def segment_switches(
    program: Program, base: Sequence[Tensor], point: Sequence[Tensor], steps: int = 64
) -> Switches:
    """Count the switches met on the straight way from a base to a point.

    A gate that switches and switches back counts twice; what happens between two steps is missed, so
    this too is a lower bound.

    Cost: steps + 1 replays, vmapped as in `switches`.

    Args:
        program: A captured program.
        base: One tensor (1, …) per input.
        point: One tensor (1, …) per input.
        steps: Number of equal steps.

    Returns:
        The counts as of one point (R = 1); zeros and ties are those of the base.
    """
    kinks = kink_nodes(program)
    start = now = _states(program, kinks, base)
    total = torch.zeros(len(kinks), dtype=torch.int64, device=base[0].device)
    for first in range(1, steps + 1, _points_at_once(program)):
        last = min(first + _points_at_once(program), steps + 1)
        between = [
            torch.cat([b + (x - b) * (step / steps) for step in range(first, last)])
            for b, x in zip(base, point, strict=True)
        ]
        for later in _states_of_each(program, kinks, between):
            total = total + _count(now, later, total.device)
            now = [old.then(new) for old, new in zip(now, later, strict=True)]  # type: ignore[arg-type]
    return _summary(kinks, start, total[None])


class _Watch(Forward):
    """Plain tensors; the states of the kinks are written down."""

    def __init__(self, watched: set[int]) -> None:
        self._watched = watched
        self.states: list[State] = []

    def apply(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the operation and read its state."""
        result = super().apply(node, args, kwargs)
        if id(node) in self._watched:
            if node.op in _MASKED:
                mask = args[_MASKED[node.op]]
                self.states.append(Thresholds(mask.to(torch.int8) * 2 - 1))
            else:
                self.states.append(READERS[node.op](named(node.op, args, kwargs), result))
        return result


def _states(program: Program, kinks: Sequence[Node], point: Sequence[Tensor]) -> list[State]:
    """Return the state of every kink at a point."""
    watch = _Watch({id(node) for node in kinks})
    with torch.no_grad():
        walk(program, point, watch)
    return watch.states


def _states_of_each(
    program: Program, kinks: Sequence[Node], points: Sequence[Tensor]
) -> Iterator[list[State]]:
    """Yield the states of every kink at each of R points: of one vmapped replay, or one after the other."""
    kinds: list[type[State]] = []

    def read(*point: Tensor) -> tuple[Tensor, ...]:
        states = _states(program, kinks, [x[None] for x in point])
        kinds[:] = [type(state) for state in states]
        return tuple(state.read for state in states)

    try:
        stacked = torch.vmap(read)(*points) if kinks else ()
    except RuntimeError:  # an operation without batching rule, or shapes that depend on values
        for point in zip(*(x.split(1) for x in points), strict=True):
            yield _states(program, kinks, point)
        return
    for row in range(len(points[0])):
        yield [kind.of_read(table[row]) for kind, table in zip(kinds, stacked, strict=True)]


def _count(before: Sequence[State], later: Sequence[State], device: torch.device) -> Tensor:
    """Gates that switched, by node."""
    pairs = zip(before, later, strict=True)
    counts = [old.switched(new).sum() for old, new in pairs]  # type: ignore[arg-type]
    return torch.stack(counts) if counts else torch.zeros(0, dtype=torch.int64, device=device)


def _points_at_once(program: Program) -> int:
    """Return how many points one vmapped replay takes."""
    widest = max((torch.Size(node.shape).numel() for node in program.nodes), default=1)
    return max(1, _ROWS_AT_ONCE // max(1, widest))


def _over_points(program: Program, count: Any, points: Sequence[Tensor]) -> Tensor:
    try:
        return torch.vmap(count, chunk_size=_points_at_once(program))(*points)
    except RuntimeError:  # an operation without batching rule, or shapes that depend on values
        pass
    try:
        return torch.stack([count(*point) for point in zip(*points, strict=True)])
    except (RuntimeError, IndexError) as error:
        raise CaptureError(
            f"the program cannot be evaluated away from its own point, so its kinks are unknown: {error}"
        ) from error


def _summary(kinks: Sequence[Node], start: Sequence[State], by_node: Tensor) -> Switches:
    return Switches(
        nodes=tuple(kinks),
        gates=sum(state.gates() for state in start),
        zeros=sum(state.undecided() for state in start if not isinstance(state, Contest)),
        ties=sum(state.undecided() for state in start if isinstance(state, Contest)),
        by_node=by_node.cpu(),
    )
