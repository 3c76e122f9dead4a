"""A recording run again at other rows, without recording it, and believed where the model gives the same.

Recording a small network takes ten times as long as running it. What a recording without notes shows is all
that torch ran, whatever the values, so it holds at other rows of the same shape. That it does is not taken on
trust: the model itself runs on every row, and a replay with another output is not used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from taylorattr.analysis.scalar import ScalarModel
from taylorattr.program.layers import with_biases
from taylorattr.program.program import Node, Program
from taylorattr.program.walk import values_at

Rows = tuple[Tensor, ...]
"""One tensor (R, …) per input tensor."""

_ROUNDINGS = 1e3
"""Difference between a model and its operations run by themselves, in roundings of the largest output: fused
kernels are recorded in their parts."""

_KEPT_BYTES = 2**20
"""Size of the values at a baseline, or at references, up to which they are kept for the next question."""

_SIZED = frozenset({"view", "_unsafe_view", "reshape", "expand"})
"""Operations whose argument is the shape of their result, the number of rows in it as a literal."""


class Replay:
    """The operations of a function, recorded with so many rows, to be run at others.

    They are run as they were recorded, so that the numbers are those of a recording to the last bit, and
    spelled as rules read them afterwards.

    Args:
        program: The recording, composite operations written out; its values are not kept.
        spelled: The same with biases as part of their layers.
        rows: Number of rows it was recorded with.
        kept: Names of operations that stay as they are.
    """

    def __init__(
        self, program: Program, spelled: Program, rows: int, kept: frozenset[str] = frozenset()
    ) -> None:
        self.rows, self.kept = rows, kept
        self._run = {rows: replace(program, values={})}
        self._facts: dict[int, dict[int, Any]] = {}
        self._last: tuple[Rows, Program] | None = None  # a baseline or references asked about again
        self._spelled = self._run if spelled is program else {rows: replace(spelled, values={})}

    @property
    def possible(self) -> bool:
        """Whether the operations do not depend on values: none was read into Python, none was drawn."""
        return not self._run[self.rows].notes

    def operations(self, rows: int) -> Program:
        """Return the operations as rules read them, with so many rows and without values."""
        return self._sized(self._spelled, rows)

    def at(self, rows: Rows, expected: Callable[[], Tensor], *, keep: bool = False) -> Program | None:
        """Return the program with its values at rows (R, …).

        Args:
            rows: Where.
            expected: Runs the model itself there, (R,).
            keep: Whether these rows may be asked about again, as baselines and references are: where they
                take little memory, their values are kept until others come.

        Returns:
            None where the operations do not give what the model does: it takes another branch, or holds the
            number of rows in a way of its own.
        """
        if not self.possible:
            return None
        if keep and self._last is not None and all(map(torch.equal, rows, self._last[0])):
            return self._last[1]
        program = self._sized(self._run, len(rows[0]))
        try:
            with torch.no_grad():
                values, outputs = values_at(program, rows), expected()
        except Exception:  # an operation that holds a size may raise anything; recorded anew it runs
            return None
        output = values.get(program.output.index)
        if output is None or not agree(output, outputs):
            return None
        found = replace(program, values=values)
        found = found if self._spelled is self._run else with_biases(found, self.kept)
        if keep and sum(v.numel() * v.element_size() for v in found.values.values()) <= _KEPT_BYTES:
            self._last = tuple(row.clone() for row in rows), found
        return found

    def facts_of(self, program: Program) -> dict[int, Any]:
        """Return where to keep what is known of a program's operations, as long as they are held here."""
        for rows, held in self._spelled.items():
            if held.nodes is program.nodes:
                return self._facts.setdefault(rows, {})
        return {}

    def _sized(self, programs: dict[int, Program], rows: int) -> Program:
        if rows not in programs:
            programs[rows] = _resized(programs[self.rows], self.rows, rows)
        return programs[rows]


def agree(outputs: Tensor, expected: Tensor) -> bool:
    """Return whether operations run by themselves gave what the model gives on every row, up to rounding."""
    if outputs.shape != expected.shape:
        return False
    allowed = _ROUNDINGS * torch.finfo(outputs.dtype).eps * expected.abs().max()
    return bool(((outputs - expected).abs() <= allowed).all())


def _resized(program: Program, rows: int, other: int) -> Program:
    """Return a program with the number of rows that views hold as their first size exchanged."""

    def changed(node: Node) -> Node:
        size = node.args[1] if len(node.args) > 1 else None
        if node.name not in _SIZED or not isinstance(size, list) or not size:
            return node
        first = size[0]
        if not isinstance(first, int) or first <= 0 or first % rows or node.shape[:1] != (first,):
            return node
        first = first // rows * other
        shape = (first, *node.shape[1:])
        args = (*node.args[:1], [first, *size[1:]], *node.args[2:])
        return replace(node, args=args, shape=shape)

    nodes = [changed(node) for node in program.nodes]
    same = all(new is old for new, old in zip(nodes, program.nodes, strict=True))
    return program if same else replace(program, nodes=nodes, plan=None, lowered=None)


class Recorded:
    """The place of a function's recording among those of its model, by all that decides its operations.

    They are kept with the private copies, so that whoever asks the same copies again need not record them:
    which operations a model runs, their places and the constants among them depend on the program, the
    values on the rows. Not of a model with further arguments, which hold numbers of their own.

    Args:
        scalar: The model.
        examples: Which examples of the batch are recorded.
        rows: Their inputs, (R, …).
        how: What else decides the recording; hashable.
    """

    MOST = 16
    """Recordings of one model that are kept, the last ones."""

    def __init__(self, scalar: ScalarModel, examples: slice, rows: Rows, *how: Any) -> None:
        self._store = scalar.private.recordings
        whose = (examples.start, examples.stop) if scalar.varies else None
        shapes = tuple((tuple(part.shape[1:]), part.dtype) for part in rows)
        self._key: Any = (scalar.dtype, scalar.device, scalar.selector.key, whose, shapes, *how)
        if scalar.extra or not _hashable(self._key):
            self._key = None

    def find(self) -> Replay | None:
        """Return the recording, None where there is none."""
        return self._store.get(self._key)

    def keep(self, replay: Replay) -> None:
        """Keep a recording that can be run again."""
        if self._key is None or not replay.possible:
            return
        self._store.pop(self._key, None)
        while len(self._store) >= self.MOST:
            self._store.pop(next(iter(self._store)), None)
        self._store[self._key] = replay


def _hashable(key: Any) -> bool:
    try:
        hash(key)
    except TypeError:  # a target of the user's that is a callable object and has no hash
        return False
    return True
