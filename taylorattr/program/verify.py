"""Does a captured program compute what the function computes?"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.errors import CaptureError
from taylorattr.program.isolate import kept_randomness, kept_state, unfused
from taylorattr.program.program import Program
from taylorattr.program.walk import replay

ROUNDINGS = 64
_DRAWS = 8


def verify(
    program: Program,
    function: Callable[..., Tensor],
    points: Sequence[Sequence[Tensor]],
    *,
    module: nn.Module | None = None,
) -> None:
    """Compare the replay of a recorded program with its function, in the dtype of the recording.

    At the captured point the two agree however the function works; a second point shows what escaped
    the recording: values that went through ``.numpy()`` or ``.item()``, branches, random numbers. The
    random state differs between the calls, and a program that draws is compared eight times more (a small
    dropout mask may come out equal).

    Args:
        program: A program in the function's own dtype.
        function: What was recorded.
        points: Points (tuples of inputs) to compare at; the first is the captured one.
        module: The module behind the function, whose state is restored.

    Raises:
        CaptureError: If the two differ by more than 64 roundings of the largest output (on one
            machine they are equal to the bit; parallel reductions on an accelerator need not be); the message
            lists every branch, scalar read and random operation with module and line.
    """
    drawn = any(note.kind == "random" for note in program.notes)
    again = [points[0]] * _DRAWS if drawn else []
    gaps = differences(program, function, [*points, *again], module=module)
    for number, (gap, scale, eps) in enumerate(gaps):
        if not gap <= ROUNDINGS * eps * scale:
            raise CaptureError(_complaint(program, number, gap))


def agrees(
    program: Program,
    function: Callable[..., Tensor],
    point: Sequence[Tensor],
    *,
    module: nn.Module | None = None,
    roundings: int = ROUNDINGS,
) -> bool:
    """Whether replay and function agree at one point, as :func:`verify` understands it.

    Args:
        program: A program in the function's own dtype.
        function: What was recorded.
        point: The inputs.
        module: The module behind the function, whose state is restored.
        roundings: Difference allowed, in roundings of the largest output.

    Returns:
        True if they agree.
    """
    gap, scale, eps = differences(program, function, [point], module=module)[0]
    return gap <= roundings * eps * scale


def differences(
    program: Program,
    function: Callable[..., Tensor],
    points: Sequence[Sequence[Tensor]],
    *,
    module: nn.Module | None = None,
) -> list[tuple[float, float, float]]:
    """Largest difference, largest output over all points, and machine epsilon, for each point.

    Args:
        program: A program in the function's own dtype.
        function: What was recorded.
        points: Points to compare at.
        module: The module behind the function, whose state is restored.

    Returns:
        One triple per point; the difference is inf where shapes differ or one side is not finite.
    """
    pairs = []
    with unfused(), torch.no_grad(), kept_randomness():
        for seed, point in enumerate(points):
            _seed(2 * seed + 1)
            with kept_state(module):
                expected = function(*(x.detach().clone() for x in point))
            _seed(2 * seed + 2)
            pairs.append((expected, replay(program, tuple(x.detach() for x in point))))
    scale = max((_largest(expected) for expected, _ in pairs), default=0.0)
    return [
        (
            _gap(expected, value),
            scale,
            torch.finfo(expected.dtype).eps if expected.is_floating_point() else 0.0,
        )
        for expected, value in pairs
    ]


def _seed(seed: int) -> None:
    """Different random states on the two sides, so that randomness shows."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    random.seed(seed)
    np.random.seed(seed)


def _largest(value: Tensor) -> float:
    finite = value[value.isfinite()].abs()
    return float(finite.max()) if finite.numel() else 0.0


def _gap(expected: Tensor, value: Tensor) -> float:
    if expected.shape != value.shape or expected.dtype != value.dtype:
        return float("inf")
    if torch.equal(expected, value):
        return 0.0
    same = (expected == value) | (expected.isnan() & value.isnan())
    gap = torch.where(same, 0.0, (expected - value).abs().double())
    return float(gap.nan_to_num(nan=float("inf")).max())


def _complaint(program: Program, number: int, gap: float) -> str:
    where = f"point {number + 1}, away from the captured one" if number == 1 else "the captured point"
    names = {
        "branch": "branches on a value",
        "scalar": "reads a number into Python",
        "random": "draws random numbers",
    }
    listed = "; ".join(f"{n.op} {names[n.kind]} in module '{n.module}' at {n.where}" for n in program.notes)
    cause = listed or (
        "no operation is to blame that torch can see: look for .numpy(), .tolist(), global state or "
        "randomness outside torch in the model's forward"
    )
    return (
        f"the recorded operations differ from the model by {gap:.3g} at {where}, so an input-dependent value "
        f"escaped the recording ({cause}). Keep the computation in torch operations, or use harsanyi, "
        "which needs forwards only"
    )
