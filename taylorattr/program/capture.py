"""From a function to a verified program in the analysis dtype.

A recording shows what torch saw at one point. Whether it is the function is asked by running both, there and
at a second point: what went through NumPy or Python, a branch or a random number shows as a difference.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.errors import CaptureError
from taylorattr.program.arguments import leaves, map_leaves, results
from taylorattr.program.isolate import kept_state, preserved_rng, unfused
from taylorattr.program.norms import decompose_norms
from taylorattr.program.program import Node, Program, Ref
from taylorattr.program.record import record
from taylorattr.program.walk import replay, values_at

aten = torch.ops.aten

_COMPLEX = {torch.float64: torch.complex128, torch.float32: torch.complex64, torch.float16: torch.complex32}

ROUNDINGS = 64
"""Difference between replay and function, in roundings of the largest output, that parallel sums may make."""

_DRAWS = 8
"""Comparisons more of a program that draws: two small dropout masks may come out equal, nine hardly."""

NEARER = (0.25, 0.0625, 0.015625)
"""Shares of the way to a second point at which it is asked again where it is on another branch."""


def capture(
    function: Callable[..., Tensor],
    inputs: tuple[Tensor, ...],
    *,
    module: nn.Module | None = None,
    second_point: tuple[Tensor, ...] | None = None,
    dtype: torch.dtype | None = torch.float64,
) -> Program:
    """Record a function, check the recording at two points, and promote it.

    Normalisation layers are decomposed into elementary operations, because torch's fused ones have
    wrong derivatives from order 3. Where the function branches on values or reads scalars, a displaced
    point is checked too (the two ends may agree by symmetry), and where the recording fails at a point,
    points nearer the first decide, to one rounding: a recording that holds there holds around the captured
    point, and its notes say so.

    Args:
        function: ``function(*inputs)`` -> shape (1,), in the model's own dtype.
        inputs: The point, each tensor with batch size 1.
        module: The module whose submodules name the operations; a copy nobody else uses.
        second_point: Where the recording is checked besides; by default a fixed displacement of the
            inputs by about their own size.
        dtype: Floating dtype of the program; None keeps the function's.

    Returns:
        The program; its notes list branches, scalar reads and random operations.

    Raises:
        CaptureError: If recording fails or replay and function differ; operation, module and line are
            named.
    """
    program = record(function, inputs, module=module)
    points = [inputs, second_point if second_point is not None else displaced(inputs)]
    if program.notes:
        ends = [points[1], displaced(inputs)]
        points = [inputs, *(_nearest_on_branch(program, function, inputs, end, module) for end in ends)]
    verify(program, function, points, module=module)
    return decompose_norms(program if dtype is None else promote(program, dtype))


def promote(program: Program, dtype: torch.dtype) -> Program:
    """Return the program with every floating tensor and dtype argument in one dtype.

    Constants that were computed while recording are computed again, so they carry no rounding of the
    narrower dtype; integer and boolean tensors keep theirs.

    Args:
        program: A recorded program.
        dtype: A floating dtype, usually float64.

    Returns:
        A program that takes inputs of that dtype. It has no prelude and no kept values.

    Raises:
        CaptureError: If the program looks at the bits of a number (``view`` with a dtype).
    """
    for node in (*program.prelude, *program.nodes):
        if node.op is aten.view.dtype:
            raise CaptureError(
                f"view({node.args[1]}) reads the bits of a tensor (module '{node.module}', {node.where}); "
                f"such a program holds in its own dtype only: pass dtype=None"
            )
    constants = {i: _cast(tensor, dtype) for i, tensor in program.constants.items()}
    sources = {i: _cast(tensor, dtype) for i, tensor in program.sources.items()}
    prelude = _converted(program.prelude, dtype)
    before = [*program.prelude, *program.constants.values(), *program.sources.values()]
    after = [*prelude, *constants.values(), *sources.values()]
    if prelude and any(new is not old for new, old in zip(after, before, strict=True)):
        computed = {i for node in prelude for i in results(node)}
        known = {i: tensor for i, tensor in (constants | sources).items() if i not in computed}
        values = values_at(Program((), known, prelude, Ref(results(prelude[-1])[0])), ())
        constants |= {i: values[i] for i in constants if i in computed}
    return Program(
        inputs=program.inputs,
        constants=constants,
        nodes=_converted(program.nodes, dtype),
        output=program.output,
        notes=program.notes,
        learned=program.learned,
        unshared=program.unshared,
    )


def _cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    if tensor.is_floating_point():
        return tensor.to(dtype)
    return tensor.to(_COMPLEX[dtype]) if tensor.is_complex() else tensor


def _converted(nodes: Sequence[Node], dtype: torch.dtype) -> list[Node]:
    def convert(old: torch.dtype) -> Any:
        if old.is_floating_point:
            return dtype
        return _COMPLEX[dtype] if old.is_complex else old

    return [
        replace(
            node,
            args=map_leaves(torch.dtype, convert, node.args),
            kwargs=map_leaves(torch.dtype, convert, node.kwargs),
        )
        if any(convert(old) != old for old in leaves(torch.dtype, (node.args, node.kwargs)))
        else node
        for node in nodes
    ]


def _nearest_on_branch(
    program: Program,
    function: Callable[..., Tensor],
    inputs: tuple[Tensor, ...],
    end: tuple[Tensor, ...],
    module: nn.Module | None,
) -> tuple[Tensor, ...]:
    """Return the end, or where the recording fails there the farthest point towards it at which it holds."""
    if agrees(program, function, end, module=module):
        return end
    for share in NEARER:
        point = between(inputs, end, share)
        if agrees(program, function, point, module=module, roundings=1):
            return point
    return end


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
    with unfused(), torch.no_grad(), preserved_rng():
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


def refuse_frozen_values(
    program: Program, function: Callable[..., Tensor], inputs: tuple[Tensor, ...], *, module: nn.Module | None
) -> None:
    """Raise if a number in a recording came from the inputs by a way that torch does not see.

    Such a number is in the program as a constant, so the program is right at the recorded point and wrong
    everywhere else. Both run again at a second point; where they differ, points nearer the first decide,
    for a Python branch or a rounded number may be another one far away and the same nearby.

    Nothing is run again where no number can have come that way: every constant is a parameter or a buffer
    of the module or made from such by recorded operations, and no number was read into Python.

    Args:
        program: Recorded at the inputs, in their dtype.
        function: What was recorded.
        inputs: The recorded point.
        module: The module behind the function, whose state is restored.

    Raises:
        CaptureError: If program and function differ at every one of the points.
    """
    if not _may_hold_frozen_values(program, module):
        return
    end, gaps = displaced(inputs), []
    for share in (1.0, *NEARER):
        point = end if share == 1 else between(inputs, end, share)
        try:
            gap = _frozen_part(program, function, inputs, point, module)
        except Exception:  # a model may refuse inputs that nobody asked it for, with any error
            continue
        if gap == 0:
            return
        gaps.append(gap)
    if gaps:
        raise CaptureError(_complaint(program, 1, gaps[0]))


def _may_hold_frozen_values(program: Program, module: nn.Module | None) -> bool:
    """Whether a number was read into Python, or a constant belongs neither to torch nor to the module."""
    if any(note.kind == "scalar" for note in program.notes):
        return True
    computed = {i for node in program.prelude for i in results(node)}
    own = [] if module is None else [*module.parameters(), *module.buffers()]
    # a buffer that forward replaces is restored by now, so that what replaced it is not among these
    memory = {tensor.untyped_storage().data_ptr() for tensor in own}
    return any(
        number not in computed and tensor.numel() and tensor.untyped_storage().data_ptr() not in memory
        for number, tensor in (*program.constants.items(), *program.sources.items())
    )


def _frozen_part(
    program: Program,
    function: Callable[..., Tensor],
    inputs: tuple[Tensor, ...],
    point: tuple[Tensor, ...],
    module: nn.Module | None,
) -> float:
    """Return by how much program and function differ at a point, 0 where rounding explains it.

    A frozen value misses its part of the change from the recorded point, so half the digits of the change
    are asked for besides the roundings of the output. What the replay's other memory layout costs in
    rounding shows at the recorded point itself, and is looked at only where there is a difference.
    """
    ((gap, scale, eps),) = differences(program, function, [point], module=module)
    if gap <= ROUNDINGS * eps * scale:
        return 0.0
    with unfused(), torch.no_grad(), preserved_rng(), kept_state(module):
        there, here = (function(*(x.detach().clone() for x in rows)) for rows in (point, inputs))
        change = _largest((there - here).double())
    ((rounding, _, _),) = differences(program, function, [inputs], module=module)
    return gap if gap > eps**0.5 * change + 4 * rounding or not math.isfinite(gap) else 0.0


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
        "no operation is to blame that torch can see: look for .numpy(), .tolist(), a custom "
        "autograd.Function, global state or randomness outside torch in the model's forward"
    )
    return (
        f"the recorded operations differ from the model by {gap:.3g} at {where}, so an input-dependent value "
        f"escaped the recording ({cause}). Keep the computation in torch operations, or use harsanyi, "
        "shapley or occlusion_1, which need forwards only"
    )


def displaced(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Another point for the check: every floating element moved by up to the inputs' own size.

    Args:
        inputs: The captured point.

    Returns:
        Tensors of the same shapes and dtypes; integer tensors unchanged.
    """
    generator = torch.Generator().manual_seed(0)
    moved = []
    for x in inputs:
        if x.is_floating_point():
            size = float(x.detach().abs().mean()) if x.numel() else 0.0
            noise = torch.rand(x.shape, generator=generator, dtype=torch.float64) - 0.5
            moved.append(x.detach() + (noise * (size or 1.0)).to(x))
        else:
            moved.append(x)
    return tuple(moved)


def between(a: tuple[Tensor, ...], b: tuple[Tensor, ...], share: float) -> tuple[Tensor, ...]:
    """Return the point a share of the way from a to b; integer tensors stay those of a."""
    return tuple(x + share * (y - x) if x.is_floating_point() else x for x, y in zip(a, b, strict=True))
