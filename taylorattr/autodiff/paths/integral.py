"""The averaged gradients of a game by pieces, whatever the memory: paths are walked together or in parts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from taylorattr.analysis.game import Game
from taylorattr.autodiff.captured import captured_program
from taylorattr.autodiff.paths.grid import TooManyPiecesError
from taylorattr.autodiff.paths.operations import NotPiecewiseLinearError
from taylorattr.autodiff.paths.pieces import FOLLOWED, Rows, integrated_gradient
from taylorattr.errors import MissingRuleError
from taylorattr.memory import available, keep_freed_blocks
from taylorattr.program.kinks import kink_nodes
from taylorattr.program.program import Program
from taylorattr.program.written_out import without_formulas

TOGETHER = 16
"""Paths walked together at first; later as many as fit by the number of pieces that the last ones had."""

_WALK_BYTES = 128 * 2**20
"""Bytes of all values of a walk at most; less where the memory is short."""

_LEAST_ROWS = 64
"""Breakpoints walked together, however little memory there is."""

_SHORTEST = 2.0**-40
"""Part of a path that is not divided further: its ends differ in the last 12 bits of float64."""


@dataclass
class PieceAverages:
    """∫∇f of every example, tensors (B, …), and the number of pieces of each, int64 (B,)."""

    averages: Rows
    pieces: Tensor


def average_by_pieces(game: Game, most: int) -> PieceAverages:
    """Return ∫₀¹ ∇f(b + αΔ) dα of every example of a piecewise linear model.

    Args:
        game: The game.
        most: Largest number of pieces per example, on average over those begun.

    Raises:
        CaptureError: If the model cannot be captured.
        NotPiecewiseLinearError: If it is not piecewise linear in a known way, or has more pieces.
    """
    keep_freed_blocks()
    averages = tuple(torch.zeros_like(x) for x in game.inputs)
    pieces = torch.zeros(game.batch, dtype=torch.int64)
    for alike in _alike(game):
        program = _program(game, alike[0])
        _Walks(game, program, averages, pieces, most).run(alike)
    return PieceAverages(averages, pieces)


def _alike(game: Game) -> list[list[int]]:
    """Return the examples in groups that one program serves: same target, no arguments of their own."""
    scalar = game.scalar
    if not scalar.varies:
        return [list(range(game.batch))]
    own = any(scalar.arguments.per_example)
    if own or scalar.selector.each is None:
        return [[example] for example in range(game.batch)]
    groups: dict[tuple[int, ...], list[int]] = {}
    for example, index in enumerate(scalar.selector.each.tolist()):
        groups.setdefault(tuple(index), []).append(example)
    return list(groups.values())


def _program(game: Game, example: int) -> Program:
    """Return the program of one example with every kink in sight.

    Raises:
        NotPiecewiseLinearError: If it branches on values, a part cannot be written out, or nothing bends,
            so that a quadrature is the better way.
    """
    program = captured_program(game.scalar, game.input(example), example, game.baseline(example))
    if program.notes:
        raise NotPiecewiseLinearError(f"it branches on values or freezes a number ({program.notes[0].where})")
    # after writing out, so that kinks inside composite operations (scatter_reduce, aminmax) are seen
    try:
        program = without_formulas(program, [x.to(game.dtype) for x in game.input(example)], FOLLOWED)
    except MissingRuleError as error:
        raise NotPiecewiseLinearError(str(error)) from error
    if not kink_nodes(program):
        raise NotPiecewiseLinearError("it has no kinks")
    return program


class _Walks:
    """The paths of examples of one program, walked in parts that memory allows.

    A part is (example, low, high): the example's path from the share low to the share high.

    Attributes:
        rows: Breakpoints that fit into memory at once.
    """

    def __init__(self, game: Game, program: Program, averages: Rows, pieces: Tensor, most: int) -> None:
        self.game, self.program, self.averages, self.pieces = game, program, averages, pieces
        self.most = most
        self._begun: set[int] = set()
        itemsize = torch.empty(0, dtype=game.dtype).element_size()
        # values are kept for the way back, with copies on finer grids, beside their gradients
        row = 3 * itemsize * sum(math.prod(node.shape) for node in program.nodes)
        self.rows = max(_LEAST_ROWS, min(_WALK_BYTES, available()) // max(row, 1))

    def run(self, examples: list[int]) -> None:
        """Walk the paths of these examples."""
        waiting = [(example, 0.0, 1.0) for example in reversed(examples)]
        together = min(TOGETHER, self.rows // 4)  # two ends of each, and room for cuts
        while waiting:
            part = [waiting.pop() for _ in range(min(together, len(waiting)))]
            self._begun.update(example for example, _, _ in part)
            left = self.most * len(self._begun) - int(self.pieces[sorted(self._begun)].sum())
            try:
                # a path of p pieces has p + 1 breakpoints
                count = self._walk(part, min(self.rows, left + len(part)))
            except TooManyPiecesError as error:
                if error.count - len(part) > left:
                    raise NotPiecewiseLinearError(f"more than {self.most} pieces per example") from error
                waiting += reversed(_divided(part))
                together = max(1, len(part) // 2)
                continue
            together = max(1, min(2 * together, self.rows // (2 * max(count // len(part), 1))))

    def _walk(self, part: list[tuple[int, float, float]], limit: int) -> int:
        """Add these parts of paths to the averages; return their number of pieces."""
        game = self.game
        who = torch.tensor([example for example, _, _ in part])
        low, high = (torch.tensor([p[side] for p in part], dtype=torch.float64) for side in (1, 2))
        starts, ends = [], []
        for b, x in zip(game.baselines, game.inputs, strict=True):
            own_b, own_x = b[who.to(b.device)], x[who.to(x.device)]
            shares = [s.to(x).reshape(-1, *([1] * (x.ndim - 1))) for s in (low, high)]
            starts.append(torch.lerp(own_b, own_x, shares[0]))
            ends.append(torch.lerp(own_b, own_x, shares[1]))
        averages, pieces = integrated_gradient(self.program, tuple(starts), tuple(ends), limit)
        for total, gradient in zip(self.averages, averages, strict=True):
            length = (high - low).to(total).reshape(-1, *([1] * (total.ndim - 1)))
            total.index_add_(0, who.to(total.device), gradient * length)
        self.pieces.index_add_(0, who, pieces.cpu())
        return int(pieces.sum())


def _divided(part: list[tuple[int, float, float]]) -> list[tuple[int, float, float]]:
    """Return the same parts, a single one in two halves.

    Raises:
        NotPiecewiseLinearError: If it is too short to be divided.
    """
    if len(part) > 1:
        return part
    ((example, low, high),) = part
    if high - low <= _SHORTEST:
        raise NotPiecewiseLinearError("too many pieces on a short part of the path for the memory there is")
    middle = (low + high) / 2
    return [(example, low, middle), (example, middle, high)]
