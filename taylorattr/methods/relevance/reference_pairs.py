"""Every pair of an example and a reference as a row of one recording, so that one walk serves many of them.

Pair (e, r) of E examples and R references is row e·R + r. What the model does at an example is the same in
each of its pairs, and what it does at a reference in each of that one's: where rows lie along the first
dimension of every value, both are recorded once and their rows repeated; else the model runs at all pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from taylorattr.analysis.game import blocks
from taylorattr.analysis.question import Question
from taylorattr.autodiff.gradient import gradient_rows
from taylorattr.methods.relevance.recording import Recording, Rows, all_values, mismatch, values_beside
from taylorattr.program.program import Program

_VALUES_PER_PAIR = 3
"""Passes whose intermediate tensors are held at once: those at x, at b, and what the walk makes of them."""


def recorded_pairs(
    question: Question, at_x: Recording, first: int, *, singly: bool = False
) -> Iterator[Recording]:
    """Yield recordings of an example block against consecutive references, at most so many rows as fit.

    Args:
        question: What is asked, with its references.
        at_x: The recording of the examples first, first + 1, …
        first: Number of the first example.
        singly: Whether each reference is walked by itself, as where a rule draws at random on the way.

    Yields:
        Recordings of (example, reference) pairs, an example's pairs next to each other.

    Raises:
        CaptureError: If the model runs other operations at a reference.
    """
    game = question.game
    examples = torch.arange(first, first + at_x.batch)
    starts = references_of(question, examples)
    count = starts[0].shape[1]
    # of a model that branches on values a batch takes the branch of one row, so rows go by themselves
    at_once = 1
    if not singly and not at_x.program.notes:
        at_once = max(1, gradient_rows(game, _VALUES_PER_PAIR, count * at_x.batch) // at_x.batch)
    shared = not game.scalar.varies and len(starts[0]) == 1
    for some in blocks(count, at_once):
        part = tuple(s[:, some] for s in starts)
        recording = None
        if part[0].shape[1] > 1:
            recording = _repeated(at_x, tuple(s[0] for s in part)) if shared else None
            recording = recording or _at_all_pairs(at_x, part, examples)
        if recording is not None:
            yield recording
            continue
        for r in range(part[0].shape[1]):
            rows = tuple(s[:, r] for s in part)
            yield at_x.against(rows if shared else tuple(b.expand(at_x.batch, *b.shape[1:]) for b in rows))


def references_of(question: Question, examples: Tensor) -> Rows:
    """Return the references of some examples, tensors (E, R, …); (1, R, …) where they share them.

    Elements of no player are as in the example.
    """
    game = question.game
    shared = tuple(r[None] for r in question.reference_set)
    if not any(bool((owner < 0).any()) for owner in game.maps):
        return shared
    return tuple(
        torch.where(owner >= 0, r, x[examples.to(x.device)][:, None])
        for owner, r, x in zip(game.maps, shared, game.inputs, strict=True)
    )


def _repeated(at_x: Recording, references: Rows) -> Recording | None:
    """Return the pairs out of the rows of one recording at x and one at the references, tensors (R, …).

    None where something is not one row for each, or holds the number of rows.
    """
    examples, count = at_x.batch, len(references[0])
    # as many references as examples would hide which dimension holds them: one more tells
    spare = int(count == examples)
    rows = tuple(torch.cat([r, r[:spare]]) for r in references)
    try:
        at_b = at_x.again(rows, None)
    except Exception:  # a model written for one batch size may raise anything; at all pairs it runs
        return None
    if mismatch(at_x.program, at_b) is not None or not _by_rows(at_x, at_b, count + spare):
        return None

    at_start = torch.arange(count).repeat(examples)
    at_end = torch.arange(examples).repeat_interleave(count)
    program = replace(
        at_x.again.replay.operations(examples * count), values=_picked(at_x.program.values, at_end)
    )
    return replace(
        at_x,
        program=program,
        values=all_values(program),
        reference={**at_b.constants, **_picked(at_b.values, at_start)},
        batch=examples * count,
    )


def _picked(values: dict[int, Tensor], rows: Tensor) -> dict[int, Tensor]:
    return {i: value.index_select(0, rows.to(value.device)) for i, value in values.items()}


def _by_rows(at_x: Recording, at_b: Program, references: int) -> bool:
    """Whether two recordings differ in the first dimension of every value, and in nothing else."""
    if at_b.notes:
        return False
    for i, value in at_x.program.values.items():
        other = at_b.values[i]
        if value.dim() == 0 or value.dim() != other.dim() or value.shape[1:] != other.shape[1:]:
            return False
        if len(value) != at_x.batch or len(other) != references:
            return False
    if any(constant.shape != at_b.constants[i].shape for i, constant in at_x.program.constants.items()):
        return False
    resized = at_x.again.replay.operations(references).nodes
    if resized is at_b.nodes:
        return True
    pairs = zip(resized, at_b.nodes, strict=True)
    return all((node.args, node.kwargs) == (other.args, other.kwargs) for node, other in pairs)


def _at_all_pairs(at_x: Recording, starts: Rows, examples: Tensor) -> Recording | None:
    """Return the model recorded at both ends of all pairs; None if it branches, or does not run on so many.

    Raises:
        CaptureError: If the model runs other operations at the references.
    """
    count = starts[0].shape[1]
    pairs = examples.repeat_interleave(count)
    ends = tuple(x.repeat_interleave(count, 0) for x in at_x.inputs)
    rows = tuple(s.expand(len(examples), *s.shape[1:]).flatten(0, 1) for s in starts)
    try:
        program, at_b = at_x.again(ends, pairs), at_x.again(rows, pairs)
    except Exception:  # a model written for one batch size may raise anything; against one it runs
        return None
    if program.notes or at_b.notes or mismatch(at_x.program, program) is not None:
        return None
    reference = values_beside(program, at_b)
    return Recording(program, all_values(program), reference, len(pairs), at_x.again)
