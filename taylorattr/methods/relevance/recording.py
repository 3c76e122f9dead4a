"""Record a model at x and at b with every value kept, and check that both ran the same operations.

Images are recorded in the memory layout in which the model is the fastest; no value depends on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from taylorattr.analysis.game import Game
from taylorattr.errors import CaptureError
from taylorattr.methods.relevance.replay import Recorded, Replay, Rows
from taylorattr.program.arguments import operands, results
from taylorattr.program.capture import refuse_frozen_values
from taylorattr.program.layers import with_biases
from taylorattr.program.program import Node, Program
from taylorattr.program.record import record
from taylorattr.program.written_out import in_reals, record_written_out, written_out


@dataclass
class Recording:
    """A program with its values at x, and at b.

    Attributes:
        program: The operations, as recorded at x.
        values: Every value at x, constants included.
        reference: Every value at b; None where there is no reference. Leading dimensions of 1 stand for the
            whole batch.
        batch: Number of examples.
        again: The same function at other rows, in the layout and the spelling of this program.
        witnessed: Whether the model itself was run beside it and gave the same f(x) of every example.
    """

    program: Program
    values: dict[int, Tensor]
    reference: dict[int, Tensor] | None
    batch: int
    again: Again
    witnessed: bool = False
    active: frozenset[int] = field(init=False)
    readers: dict[int, list[Node]] = field(init=False)
    makers: dict[int, Node] = field(init=False)
    _facts: dict[int, tuple[Node, dict[str, Any]]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Index which operation makes and which read each value."""
        self.active = frozenset(self.program.values)
        self._facts = self.again.replay.facts_of(self.program)
        self.readers, self.makers = defaultdict(list), {}
        for node in self.program.nodes:
            for i in set(operands(node)):
                self.readers[i].append(node)
            for i in results(node):
                self.makers[i] = node

    def facts_of(self, node: Node) -> dict[str, Any]:
        """Return what is known of an operation whatever its values, to be added to: it outlives this walk."""
        held = self._facts.get(id(node))
        if held is None or held[0] is not node:
            held = self._facts[id(node)] = node, {}
        return held[1]

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """x as it was recorded, tensors (B, …)."""
        return tuple(self.values[ref.index] for ref in self.program.inputs)

    @property
    def inputs_at_b(self) -> tuple[Tensor, ...]:
        """b as it was recorded, one row for each of x; 0 without a reference."""
        if self.reference is None:
            return tuple(map(torch.zeros_like, self.inputs))
        starts = (self.reference[ref.index] for ref in self.program.inputs)
        return tuple(b.expand_as(x) for b, x in zip(starts, self.inputs, strict=True))

    @property
    def output(self) -> Tensor:
        """f(x), shape (B,)."""
        return self.values[self.program.output.index]

    @property
    def output_at_b(self) -> Tensor:
        """f(b), shape (B,) or (1,) for all; 0 without a reference."""
        if self.reference is None:
            return torch.zeros_like(self.output[:1])
        return self.reference[self.program.output.index]

    @property
    def gap(self) -> Tensor:
        """f(x) − f(b), shape (B,)."""
        return self.output - self.output_at_b

    def alone(self, example: int) -> Recording:
        """Return one example's rows of every value that has the batch as its first dimension.

        Only a guess: attention merges batch and heads, and an operation may hold the batch size as a number.
        """
        active = self.active

        def row(number: int, value: Tensor) -> Tensor:
            by_example = number in active and value.dim() and len(value) == self.batch
            return value[example : example + 1] if by_example else value

        values, reference = (
            None if end is None else {i: row(i, value) for i, value in end.items()}
            for end in (self.values, self.reference)
        )
        assert values is not None
        return Recording(self.program, values, reference, 1, self.again)

    def against(self, baselines: Rows) -> Recording:
        """Return this program with the values at other baselines.

        A baseline of one row is run at batch size 1 where every value then has leading size 1; else it is
        expanded (attention merges batch and heads).

        Args:
            baselines: One tensor (1, …) or (B, …) per input.

        Returns:
            The recording with a reference.

        Raises:
            CaptureError: If the model runs other operations at b, or froze other numbers.
        """
        if all(len(b) == 1 for b in baselines) and self.batch > 1:
            try:
                at_b = self.again(baselines)
            except Exception:  # a model written for one batch size may raise anything; expanded it runs
                at_b = None
            if at_b is not None and mismatch(self.program, at_b) is None and self._serves(at_b):
                return replace(self, reference=all_values(at_b))
        at_b = self.again(tuple(b.expand(self.batch, *b.shape[1:]) for b in baselines))
        return replace(self, reference=values_beside(self.program, at_b))

    def _serves(self, at_b: Program) -> bool:
        """Whether values at batch size 1 stand for the whole batch, and constants are the same."""
        for i, value in at_b.values.items():
            mine = self.values[i]
            if value.shape == mine.shape:
                if value.dim() and value.shape[0] == self.batch and self.batch > 1:
                    return False
            elif value.dim() != mine.dim() or value.shape[1:] != mine.shape[1:] or value.shape[0] != 1:
                return False
        return True


class Again:
    """Records a function at other rows, or runs there what was recorded, in the layout of that recording.

    Args:
        function: Inputs, and the example of each row where it is not the one in its place, to (R,).
        module: The module whose submodules name the operations.
        kept: Names of operations that are not written out by their formula.
        lay: Puts rows into the memory layout in which they are recorded.
        replay: What was recorded.
    """

    def __init__(
        self,
        function: Callable[..., Tensor],
        module: nn.Module | None,
        kept: frozenset[str],
        lay: Callable[[Rows], Rows],
        replay: Replay,
    ) -> None:
        self.function, self.module, self.kept, self.lay, self.replay = function, module, kept, lay, replay

    def __call__(self, rows: Rows, examples: Tensor | None = None) -> Program:
        """Return the program with its values at rows (R, …); examples as the function takes them."""
        rows, function = self.lay(rows), self.function
        if examples is None:
            known = self.replay.at(rows, lambda: function(*(row.clone() for row in rows)), keep=True)
            if known is not None:
                return known
        at = function if examples is None else partial(function, examples=examples)
        program = record_written_out(at, rows, module=self.module, kept=self.kept)
        return with_biases(program, self.kept)


def record_at(
    function: Callable[..., Tensor],
    inputs: Rows,
    module: nn.Module | None,
    *,
    kept: frozenset[str] = frozenset(),
    lay: Callable[[Rows], Rows] = tuple,
) -> Recording:
    """Record a function of the inputs (B, …) at x, every value kept.

    Args:
        function: Inputs to (B,).
        inputs: The point.
        module: The module whose submodules name the operations.
        kept: Names of operations that are not written out by their formula.
        lay: Puts rows into the memory layout in which they are recorded.

    Returns:
        The recording, without a reference.

    Raises:
        CaptureError: If a number that depends on the inputs left torch and came back as a constant.
    """
    inputs = lay(inputs)
    program = record(function, inputs, module=module, keep_values=True, whole=kept)
    refuse_frozen_values(program, function, inputs, module=module)
    program = written_out(in_reals(program), kept)
    spelled = with_biases(program, kept)
    again = Again(function, module, kept, lay, Replay(program, spelled, len(inputs[0]), kept))
    return Recording(spelled, all_values(spelled), None, len(inputs[0]), again)


def record_rows(game: Game, part: slice, *, reference: bool, kept: frozenset[str] = frozenset()) -> Recording:
    """Record a game's model at some of its examples and, if asked, at their baselines.

    Args:
        game: The game, in the dtype of the analysis.
        part: Which examples; row r has the target and arguments of the one it starts with, r further on.
        reference: Whether to run the baselines too, once where the examples share one.
        kept: Names of operations that are not written out by their formula.

    Returns:
        The recording, in the memory layout in which the model is the fastest.
    """
    x, b = (tuple(rows[part] for rows in end) for end in (game.inputs, game.baselines))
    if not game.scalar.varies and all(bool((rows == rows[:1]).all()) for rows in b):
        b = tuple(rows[:1] for rows in b)

    def function(*rows: Tensor, examples: Tensor | None = None) -> Tensor:
        if examples is None:
            examples = torch.arange(part.start, part.start + len(rows[0]))
        return game.scalar.values(rows, examples)

    def recorded(lay: Callable[[Rows], Rows]) -> Recording:
        place = Recorded(game.scalar, part, x, kept, lay)
        at_x = _replayed(lay(x), place.find(), function, game.scalar.module, kept, lay)
        if at_x is None:
            at_x = record_at(function, x, game.scalar.module, kept=kept, lay=lay)
            place.keep(at_x.again.replay)
        return at_x.against(b) if reference else at_x

    if channels_last(game):
        try:
            return recorded(side_by_side)
        except RuntimeError:  # a view in the model that needs the other layout, or what fails in both
            pass
    return recorded(tuple)


def _replayed(x: Rows, known: Replay | None, function: Callable[..., Tensor], *how: Any) -> Recording | None:
    """Return what was recorded before with its values at some examples; None where it is not the model's."""
    program = None
    if known is not None:
        program = known.at(x, lambda: function(*(rows.clone() for rows in x)))
    if known is None or program is None:
        return None
    again = Again(function, *how, replay=known)  # pyright: ignore[reportCallIssue]
    return Recording(program, all_values(program), None, len(x[0]), again, witnessed=True)


def all_values(program: Program) -> dict[int, Tensor]:
    """Return every value of a recording by number, constants included."""
    return {**program.constants, **program.values}


def values_beside(at_x: Program, at_b: Program) -> dict[int, Tensor]:
    """Return every value of a recording at baselines, which must name the operations of the one at x.

    Raises:
        CaptureError: If the model ran other operations at b, or froze other numbers.
    """
    problem = mismatch(at_x, at_b)
    if problem is not None:
        raise CaptureError(
            f"the model takes another branch on the baseline: {problem}. Difference rules compare the "
            "same operations at both ends; choose a baseline that runs the same branch"
        )
    return all_values(at_b)


def mismatch(at_x: Program, at_b: Program) -> str | None:
    """Say where two recordings of one model differ; shapes and sizes may differ in the batch."""
    if at_x.nodes is at_b.nodes and at_x.constants is at_b.constants:  # one recording, run twice
        return None
    if len(at_x.nodes) != len(at_b.nodes):
        return f"{len(at_x.nodes)} operations at the input, {len(at_b.nodes)} at the baseline"
    if at_x.output != at_b.output:
        return "the outputs are different values"
    frozen = any(note.kind == "scalar" for note in (*at_x.notes, *at_b.notes))
    for mine, other in zip(at_x.nodes, at_b.nodes, strict=True):
        if mine.op is not other.op or operands(mine) != operands(other) or mine.out != other.out:
            return f"{mine.op} at the input is {other.op} at the baseline (module '{mine.module}')"
        if frozen and (mine.args, mine.kwargs) != (other.args, other.kwargs):
            return f"{mine.op} was given another number read from a value (module '{mine.module}')"
    for i, constant in at_x.constants.items():
        other = at_b.constants[i]
        same = constant.shape == other.shape and (
            constant.data_ptr() == other.data_ptr() or torch.equal(constant, other)
        )
        if not same and (frozen or constant.shape == other.shape):
            return f"a constant of shape {tuple(constant.shape)} differs"
    return None


_LAYOUT_SHOWS = frozenset(
    "view view_as as_strided as_strided_ set_ stride is_contiguous data_ptr storage storage_offset "
    "untyped_storage numpy __array__ resize_ resize_as_".split()
)
"""Functions whose result or success depends on how a tensor lies in memory."""


def channels_last(game: Game) -> bool:
    """Return whether a game's images are recorded with their channels side by side.

    On a CPU, convolutions of float32 then run 1.3 times as fast and pools several times. Not for a model
    that was seen to look at the layout of its tensors, nor for scripted ones, into which nobody sees; nor
    where weights are large beside the images, since each convolution then copies its weights.
    """
    seen = game.scalar.operations
    if game.dtype != torch.float32 or "conv2d" not in seen or game.device.type != "cpu":
        return False
    weights = [w.numel() for m in game.scalar.modules for w in m.parameters() if w.dim() == 4]
    images = game.batch * game.scalar.widest / game.dtype.itemsize
    return (
        seen.isdisjoint(_LAYOUT_SHOWS)
        and any(x.dim() == 4 for x in game.inputs)
        and images >= 2 * max(weights, default=0)
        and not any(
            isinstance(part, torch.jit.ScriptModule) for m in game.scalar.modules for part in m.modules()
        )
    )


def side_by_side(rows: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return the rows, images (R, C, H, W) with their channels side by side."""
    return tuple(r.contiguous(memory_format=torch.channels_last) if r.dim() == 4 else r for r in rows)
