"""The model as a program: captured for one example, and shared by all examples that it is right for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from taylorattr.aliases import Frame
from taylorattr.analysis.game import Game
from taylorattr.analysis.guards import Rows
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.autodiff.polynomial.engine import lowered, supported, values
from taylorattr.errors import CaptureError, MissingRuleError
from taylorattr.program.capture import capture
from taylorattr.program.program import Program
from taylorattr.program.walk import replay

End: TypeAlias = tuple[Rows, float]
"""A point, tensors (1, …), and the model's value there."""

POINTS_ON_THE_WAY = 16
"""Points from b to x where a program that branches on values is compared with the model."""

AGREEMENT = {torch.float64: 1e-9, torch.float32: 1e-4}
"""Largest relative difference between a program and the model at another example's point."""


@dataclass
class Captured:
    """Examples that share one captured program.

    Attributes:
        examples: Their numbers.
        program: The program; None if the model could not be captured.
        failure: Why the polynomial walk is not possible (no program, an operation without a rule), else "".
    """

    examples: list[int]
    program: Program | None
    failure: str = ""


def captured_program(
    scalar: ScalarModel,
    point: Rows,
    example: int,
    second_point: Rows | None = None,
    dtype: torch.dtype | None = None,
) -> Program:
    """Capture f of one example.

    Args:
        scalar: The model.
        point: Where to capture, tensors (1, …).
        example: Whose target and extra arguments are used.
        second_point: The program must hold from point to here; None: near the point is enough.
        dtype: Dtype of the program; None: that of the analysis.

    Returns:
        The program. It is recorded on the model in its own dtype, in which it is known to run, and promoted
        afterwards.

    Raises:
        CaptureError: If the model cannot be captured.
    """  # noqa: DOC502 -- raised by capture
    function, module = scalar.native_call(example)
    here, there = (
        None if rows is None else tuple(part.detach().to(scalar.native) for part in rows)
        for rows in (point, second_point)
    )
    assert here is not None
    return capture(function, here, module=module, second_point=there, dtype=dtype or scalar.dtype)


def captured_examples(game: Game, frame: Frame, dtype: torch.dtype) -> list[Captured]:
    """Capture every example of a game at the point where its series is taken, sharing what can be shared.

    Args:
        game: The game.
        frame: ``baseline``: captured at b and compared at x; ``input``: the other way round.
        dtype: Dtype of the programs.

    Returns:
        The groups; each example is in one of them.
    """

    def captured(example: int) -> tuple[Program | None, str]:
        (point, _), (far, _) = ends_of(game, frame, example, dtype)
        try:
            program = captured_program(game.scalar, point, example, far, dtype)
        except CaptureError as error:
            return None, str(error)
        return program, without_rule(program)

    return [Captured(*group) for group in _grouped(game, frame, dtype, "series", captured)]


def _grouped(
    game: Game,
    frame: Frame,
    dtype: torch.dtype,
    kind: str,
    captured: Callable[[int], tuple[Program | None, str]],
) -> Iterator[tuple[list[int], Program | None, str]]:
    """Yield examples that share a program, the program, and why it cannot be walked.

    The first example that has none yet is captured, and its program asked about all others that have none.
    """
    left = list(range(game.batch))
    kept = _kept_programs(game, dtype, kind)
    for program in kept if kept is not None else ():
        served = _served(program, "", game, frame, dtype, left[0], left) if left else []
        if served:
            yield served, program, ""
            left = [example for example in left if example not in set(served)]
    while left:
        first, *others = left
        program, failure = captured(first)
        joined = [] if program is None else _served(program, failure, game, frame, dtype, first, others)
        if kept is not None and program is not None and not failure and not program.notes:
            del kept[: 1 - MOST_KEPT]
            kept.append(program)
        yield [first, *joined], program, failure
        known = {first, *joined}
        left = [example for example in others if example not in known]


MOST_KEPT = 4
"""Programs of one function that are kept for further questions to the same copies of a model."""


def _kept_programs(game: Game, dtype: torch.dtype, kind: str) -> list[Program] | None:
    """Return the list of programs kept of the model for such inputs; None where none are.

    A program without a branch on values is the same wherever it is captured; whether it gives the model's
    values is asked at the ends of every example. One of further arguments holds their numbers.
    """
    scalar = game.scalar
    if scalar.private.scalars is None or scalar.varies or scalar.extra:
        return None
    shapes = tuple((tuple(x.shape[1:]), x.dtype) for x in game.inputs)
    key = kind, dtype, scalar.dtype, scalar.selector.key, shapes
    try:
        return scalar.private.programs.setdefault(key, [])
    except TypeError:  # a target of the user's that is a callable object and has no hash
        return None


def _served(
    program: Program,
    failure: str,
    game: Game,
    frame: Frame,
    dtype: torch.dtype,
    first: int,
    examples: list[int],
) -> list[int]:
    """Return the examples for which a program captured for another one gives the model's values at both ends.

    One that branches on values is not shared: it may take another branch between the ends.
    """
    examples = game.scalar.alike(first, examples)
    if program.notes or not examples:
        return []
    if failure:  # it is not walked, only replayed
        return [e for e in examples if agrees_at(program, ends_of(game, frame, e, dtype), game.dtype)]
    rows = torch.tensor(examples, device=game.device)
    ends = [
        (tuple(part[rows].to(dtype) for part in parts), known[rows].to(dtype))
        for parts, known in ((game.baselines, game.f_baseline), (game.inputs, game.f_input))
    ]
    largest = torch.maximum(ends[0][1].abs(), ends[1][1].abs()).clamp_min(1e-30)
    agree = torch.ones(len(rows), dtype=torch.bool, device=game.device)
    for points, known in ends:
        gap = (values(program, points) - known).abs()
        agree &= gap <= AGREEMENT.get(game.dtype, 1e-2) * largest
    return [e for e, good in zip(examples, agree.tolist(), strict=True) if good]


def ends_of(game: Game, frame: Frame, example: int, dtype: torch.dtype) -> tuple[End, End]:
    """Return the expansion point and the other end of an example, each with the model's value there."""
    b = tuple(part.to(dtype) for part in game.baseline(example)), float(game.f_baseline[example])
    x = tuple(part.to(dtype) for part in game.input(example)), float(game.f_input[example])
    return (b, x) if frame == "baseline" else (x, b)


def agrees_at(program: Program, ends: Sequence[End], dtype: torch.dtype) -> bool:
    """Return whether a program gives the model's values, up to the rounding of a dtype.

    The scale is the largest of the values, so that one of them may vanish.
    """
    tolerance = AGREEMENT.get(dtype, 1e-2) * max(*(abs(value) for _, value in ends), 1e-30)
    try:
        with torch.no_grad():
            return all(abs(float(replay(program, point)[0]) - value) <= tolerance for point, value in ends)
    except (RuntimeError, IndexError):  # shapes that depend on values do not fit this example
        return False


def without_rule(program: Program) -> str:
    """Return which operation has no Taylor rule, "" if all have one."""
    missing = supported(program)
    if not missing:
        return ""
    node = missing[0]
    return f"{node.op} has no Taylor rule (module {node.module or '-'}, {node.where or 'unknown line'})"


def capture_at(
    scalar: ScalarModel, point: Rows, example: int, second_point: Rows | None = None
) -> Program | str:
    """Capture f of one example for second derivatives by walks, in the dtype of the analysis.

    A guard such as ``if x.isnan().any()`` does no harm; a branch taken differently on the way does.

    Args:
        scalar: The model.
        point: Where to capture, tensors (1, …).
        example: Whose target and extra arguments are used.
        second_point: The program must hold from point to here; None: near the point is enough.

    Returns:
        The program, or why there is none that can be walked.

    Raises:
        OutOfMemoryError: As torch raises it.
    """
    try:
        program = captured_program(scalar, point, example, second_point)
        missing = without_rule(program)
        if missing:
            return missing
        lowered(program, point)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, MissingRuleError) as error:  # also the model's own, where it runs in one dtype only
        return str(error)
    if program.notes and second_point is not None:
        note = program.notes[0]
        if not _holds_between(program, scalar, point, second_point, example):
            return f"{note.op} takes another branch on the way (module {note.module or '-'}, {note.where})"
    return program


def programs_between(game: Game, frame: Frame = "baseline") -> Iterator[Program | str]:
    """Yield for each example a program that is right from b to x, or why there is none.

    An example takes the program of an earlier one where that gives the model's values at both of its ends.

    Args:
        game: The game.
        frame: ``baseline``: captured at b and compared at x; ``input``: the other way round.

    Yields:
        The program of the next example, as `capture_at` has it.
    """

    def captured(example: int) -> tuple[Program | None, str]:
        (point, _), (far, _) = ends_of(game, frame, example, game.dtype)
        program = capture_at(game.scalar, point, example, far)
        return (program, "") if isinstance(program, Program) else (None, program)

    answers: dict[int, Program | str] = {}
    for examples, program, failure in _grouped(game, frame, game.dtype, "second order", captured):
        answers |= dict.fromkeys(examples, failure if program is None else program)
    yield from (answers[example] for example in range(game.batch))


@torch.no_grad()
def _holds_between(program: Program, scalar: ScalarModel, a: Rows, b: Rows, example: int) -> bool:
    """Return whether a program that branches on values or reads them gives the model's from a to b."""
    which = torch.tensor([example])
    for share in torch.linspace(0, 1, POINTS_ON_THE_WAY, dtype=torch.float64).tolist():
        spot = tuple(torch.lerp(p, q, share) for p, q in zip(a, b, strict=True))
        if not agrees_at(program, [(spot, float(scalar.values(spot, which)[0]))], scalar.dtype):
            return False
    return True


def holds_at(program: Program, scalar: ScalarModel, point: Rows, value: Tensor) -> bool:
    """Return whether a program captured for another example gives f = value at a point (1, …)."""
    if scalar.varies or program.notes:
        return False
    return agrees_at(program, [(point, float(value))], scalar.dtype)
