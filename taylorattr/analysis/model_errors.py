"""What a user's model raises, said in words: what it was called with, where it broke, what to do.

An error of the model passes through the analysis as it is, because the analysis may have another way that
works: a call in another dtype, without derivatives, on the captured program. Only what reaches the door of a
public function is said in the package's words there.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.errors import DtypeError, ModelError, OptionError, TaylorAttrError

Function = TypeVar("Function", bound=Callable[..., Any])

_CALL = "_taylorattr_call"
"""Attribute of an exception under which the shapes of the model's call are kept."""

_PACKAGES = (str(Path(__file__).parents[1]), str(Path(torch.__file__).parent))

_NO_DERIVATIVE = re.compile(
    r"requires grad|does not require grad|does not have a grad_fn|derivative for|derivative is not|"
    r"[Ii]nference tensor|not differentiable|automatic differentiation|without .*backward|"
    r"backward.*(not implemented|not supported)|double backward"
)
"""What torch says where a value cannot be followed by derivatives."""

_ABOUT_SHAPES = re.compile(r"shape|size|dimension|channels|mat1|out of (range|bounds)|broadcast|batch")


def at_the_model(error: Exception, xs: tuple[Any, ...], extra: tuple[Any, ...] = ()) -> None:
    """Note on an error that it comes out of the user's model, and with what that was called."""
    if hasattr(error, _CALL) or isinstance(error, TaylorAttrError):
        return
    shapes = ", ".join(f"{tuple(x.shape)} {x.dtype}".replace("torch.", "") for x in xs)
    more = f" and {len(extra)} additional argument{'s' * (len(extra) > 1)}" if extra else ""
    with suppress(AttributeError, RuntimeError):  # a batch under vmap has no shape that can be told
        setattr(error, _CALL, (f"inputs of shape {shapes}{more}", [x.ndim for x in xs]))


def analysis_door(function: Function) -> Function:
    """Return a public function that runs outside inference mode and says its model's errors in words.

    They are raised as `ModelError` or `DtypeError`, with the model's own error as the cause; errors that do
    not come from the model are left as they are. In inference mode no tensor could take part in derivatives.
    """

    @functools.wraps(function)
    def said(*args: Any, **kwargs: Any) -> Any:
        try:
            with torch.inference_mode(False) if torch.is_inference_mode_enabled() else nullcontext():
                return function(*args, **kwargs)
        except TaylorAttrError:
            raise
        except Exception as error:
            words = _in_words(error)
            if words is None:
                raise
            raise words from error

    return said  # type: ignore[return-value]


def _in_words(error: Exception) -> TaylorAttrError | None:
    """Return the error to raise in place of the model's, None for one that is not the model's."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return None
    line = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"
    if isinstance(error, (RuntimeError, NotImplementedError)) and _NO_DERIVATIVE.search(str(error)):
        return DtypeError(
            f"torch cannot differentiate the model ({line}{_place(error)}): somewhere it leaves torch's "
            "differentiable operations (.numpy(), .item(), .detach(), torch.inference_mode(), an operation "
            "without a derivative). Write that part in torch, or use occlusion_1, shapley or ta.harsanyi, "
            "which need no gradient"
        )
    call = getattr(error, _CALL, None)
    if call is None:
        return None
    given, dimensions = call
    return ModelError(
        f"the model raised {line}{_place(error)}. It was called with {given}. {_hint(error, dimensions)}"
    )


def _place(error: Exception) -> str:
    """Return the innermost module and line of the user's in which an error was raised."""
    module = line = ""
    trace = error.__traceback__
    while trace is not None:
        code, owner = trace.tb_frame.f_code, trace.tb_frame.f_locals.get("self")
        if isinstance(owner, nn.Module):
            module = type(owner).__name__
        if not code.co_filename.startswith((*_PACKAGES, "<")):
            line = f"{Path(code.co_filename).name}:{trace.tb_lineno}"
        elif code.co_filename.startswith(_PACKAGES[0]):
            line = ""  # the caller of this package, not its model
        trace = trace.tb_next
    parts = [f"in {module}" * bool(module), f"at {line}" * bool(line)]
    return f", {' '.join(filter(None, parts))}" if any(parts) else ""


def _hint(error: Exception, dimensions: list[int]) -> str:
    """Return what to look at, by the kind of error."""
    text = str(error)
    if min(dimensions, default=2) == 1:
        return (
            "Inputs of shape (n,) are read as a batch of n numbers; if this is one example, add the batch "
            "dimension: inputs[None] (inputs.unsqueeze(0))"
        )
    if isinstance(error, TypeError) and "argument" in text:
        return (
            "Check how many tensors the model takes: a tuple of inputs is one tensor for each, what comes "
            "after them is given as additional_forward_args=(…)"
        )
    if "dtype" in text or "scalar type" in text or "ScalarType" in text:
        return "Check the dtype of inputs and arguments; dtype=torch.float32 keeps the analysis in float32"
    if _ABOUT_SHAPES.search(text):
        return (
            "Check the shape of the inputs: (B, …), one row per example, as the model takes them for any "
            "batch size B"
        )
    return "Check that the model runs by itself on any batch of such inputs, model(inputs), also on one row"


def require_model(model: Any) -> None:
    """Refuse what is no model, before anything runs.

    Raises:
        OptionError: If the model is not callable, a class instead of an instance, or a coroutine function.
    """
    if isinstance(model, type):
        raise OptionError(
            f"the model is the class {model.__name__}, not an instance of it; pass {model.__name__}(…)"
        )
    if isinstance(model, Mapping):
        raise OptionError(
            f"the model is a {type(model).__name__}; expected a module or callable. If it is a state dict, "
            "build the model, call model.load_state_dict(…) and pass the model"
        )
    if not callable(model) or isinstance(model, (Tensor, np.ndarray)):
        raise OptionError(
            f"the model is a {type(model).__name__}; expected a torch module or another callable on tensors"
        )
    if inspect.iscoroutinefunction(model):
        raise OptionError(
            f"the model is the coroutine function {model.__name__!r}; expected a function that returns a "
            "tensor: write def instead of async def"
        )
