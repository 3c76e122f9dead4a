"""Every call of a ReLU while a model runs: its outputs, the derivatives there, and neurons set to 0.

A module, a function, a method, an in-place call, scripted code and an exported program end in the same two
kernels of torch's dispatcher, so that is where they are seen, without a hook on the user's modules. The
dispatcher lies below autograd: what is returned there is what autograd keeps for the derivative
1[output > 0]. A neuron that is set to 0 there has derivative 0 as well, and the pass back needs no mask of
its own. On the way back ``threshold_backward`` is handed ∂y/∂a of just these outputs a.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from taylorattr.analysis.scalar import ScalarModel
from taylorattr.errors import OptionError
from taylorattr.program.isolate import preserved_rng, unfused

_FORWARD = (torch.ops.aten.relu.default, torch.ops.aten.relu_.default)
_BACKWARD = torch.ops.aten.threshold_backward.default

Change = Callable[[int, Tensor], None]
"""(number of the call, output a of that call) -> nothing; writes to a in place."""

Meet = Callable[[int, Tensor, Tensor], None]
"""(number of the call, its output a, ∂y/∂a) -> nothing; called on the way back, which frees both."""


class ReluCalls(TorchDispatchMode):
    """Watches, and may change, the outputs of every ReLU that runs inside.

    Calls are counted from 0 in the order in which they are made: a module that runs twice is two calls.

    Args:
        change: Applied to the output of each call.
        meet: Told of each call that the pass back meets.
        on_the_way: Whether to note only the calls that autograd follows back to the model's inputs: not
            those of a gate made of parameters, nor of code that has a backward pass of its own.

    Attributes:
        shapes: Shape (R, …) of the output, by call.
        unmet: Outputs that the pass back has not met, by call, where `meet` is to be told.
        count: Calls so far.
    """

    def __init__(
        self, change: Change | None = None, meet: Meet | None = None, *, on_the_way: bool = True
    ) -> None:
        """Start with no call."""
        super().__init__()
        self.change, self.meet, self.on_the_way = change, meet, on_the_way
        self.shapes: dict[int, torch.Size] = {}
        self.unmet: dict[int, Tensor] = {}
        self.count = 0
        self._calls: dict[int, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the operation and look at it."""
        if func in _FORWARD:
            followed = args[0].requires_grad and torch.is_grad_enabled()
            result = func(*args, **(kwargs or {}))
            if self.change is not None:
                self.change(self.count, result)
            if followed or not self.on_the_way:
                self.shapes[self.count] = result.shape
            if followed and self.meet is not None:
                # an output is told by its place in memory, where no other lies as long as it is held
                self.unmet[self.count] = result
                self._calls[result.data_ptr()] = self.count
            self.count += 1
            return result
        if self.meet is not None and func is _BACKWARD:
            call = self._calls.pop(args[1].data_ptr(), None)
            if call is not None:
                self.meet(call, self.unmet.pop(call), args[0])
        return func(*args, **(kwargs or {}))


@dataclass
class WatchedPass:
    """A run of the model on R rows with its ReLUs watched.

    Attributes:
        values: f, shape (R,), detached.
        output: All that the model returned, detached where it is one tensor.
        gradients: ∇f with respect to the inputs, tensors (R, …), detached; empty where none was asked for.
    """

    values: Tensor
    output: Any
    gradients: tuple[Tensor, ...]


def watched_pass(
    scalar: ScalarModel,
    xs: tuple[Tensor, ...],
    examples: Tensor,
    calls: ReluCalls,
    *,
    backward: bool = True,
) -> WatchedPass:
    """Run f on rows, and back, with every ReLU watched.

    Args:
        scalar: The model.
        xs: Input tensors (R, …); not changed.
        examples: Shape (R,), int64: whose target and extra arguments each row uses.
        calls: The watch, which has seen nothing yet.
        backward: Whether to differentiate.

    Returns:
        What was seen; a gradient that f does not depend on is 0.

    Raises:
        OptionError: If ReLUs run again in the pass back, as with activation checkpointing.
    """
    leaves = tuple(x.detach().clone().requires_grad_(backward) for x in xs)
    gradients: tuple[Tensor, ...] = ()
    guarded = preserved_rng() if scalar.draws else nullcontext()
    with torch.inference_mode(False), torch.set_grad_enabled(backward), _seen_whole(scalar), guarded, calls:
        output = scalar.output(leaves, examples)
        values = scalar.selector.select(output, examples).to(scalar.dtype)
        forward_calls = calls.count
        if backward and values.requires_grad:
            gradients = torch.autograd.grad(values.sum(), leaves, materialize_grads=True)
        elif backward:
            gradients = tuple(torch.zeros_like(x) for x in leaves)
    if calls.count != forward_calls:
        raise OptionError(
            "the model runs its ReLUs again in the backward pass (activation checkpointing), where they "
            "cannot be told from others: switch it off, as model.gradient_checkpointing_disable() does"
        )
    output = output.detach() if isinstance(output, Tensor) else output
    return WatchedPass(values.detach(), output, tuple(g.detach() for g in gradients))


@contextmanager
def _seen_whole(scalar: ScalarModel) -> Generator[None, None, None]:
    """Keep torch from fusing a ReLU with its neighbours: encoder layers, and scripted code run often."""
    scripted = any(isinstance(m, torch.jit.ScriptModule) for own in scalar.modules for m in own.modules())
    plain = torch.jit.optimized_execution(False) if scripted else nullcontext()  # pyright: ignore[reportPrivateImportUsage]
    with unfused(recurrent=False), plain:
        yield
