"""Run a function once and write down its operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from taylorattr.errors import CaptureError
from taylorattr.program.isolate import unfused, untouched
from taylorattr.program.location import ModulePath
from taylorattr.program.program import Program
from taylorattr.program.prune import prune
from taylorattr.program.tape import Tape


def record(
    function: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    *,
    module: nn.Module | None = None,
    keep_values: bool = False,
    whole: frozenset[str] = frozenset(),
) -> Program:
    """Capture the operations a function runs at one point, in its own dtype.

    The function is run eagerly under a dispatch mode, inside ``torch.func.functionalize``; where that
    fails (an ``autograd.Function`` without ``setup_context``, a buffer that is written with data of the
    input), once more without it. Module state and random states are restored, hooks removed, also after an
    exception. What the function itself raises passes through.

    Args:
        function: Function of the inputs returning one tensor. It is called one to three times.
        inputs: The point. Copies are passed on; shapes are literal in the program.
        module: The module whose submodules name the operations; None for a plain function.
        keep_values: Whether the program carries every value of this run.
        whole: Names of operations that are not written as what they are made of (`recorded_as`).

    Returns:
        The program, not verified and not promoted.

    Raises:
        CaptureError: If the function ran but could not be recorded; the message names operation,
            module and line.
    """
    refusals: list[Exception] = []
    recurrent = not keep_values or _may_be_recurrent(module)
    for functional in (True, False):
        tape = Tape(path := ModulePath(), keep_values, whole)
        copies = tuple(x.detach().clone() for x in inputs)
        try:
            with unfused(recurrent), untouched(module), path.following(module):
                tape.run(function, copies, functional)
            break
        except Exception as error:  # whatever a user's forward may raise under a foreign mode
            refusals.append(error)
    else:
        with torch.no_grad(), untouched(module):
            function(*(x.detach().clone() for x in inputs))
        raise CaptureError(_refusal(refusals)) from refusals[-1]
    return prune(
        tape.nodes,
        range(len(copies)),
        tape.output,
        tape.tensors,
        tape.random,
        tape.notes,
        keep_values,
    )


def _may_be_recurrent(module: nn.Module | None) -> bool:
    """Whether layers that oneDNN or cuDNN would fuse may run; recordings with values are not replayed."""
    return module is None or any(isinstance(part, nn.RNNBase) for part in module.modules())


def _refusal(refusals: Sequence[Exception]) -> str:
    reasons = "; without functionalization: ".join(f"{type(e).__name__}: {e}" for e in refusals)
    return (
        f"the model runs, but its operations could not be recorded ({reasons}); "
        "harsanyi analyses it with forwards only"
    )
