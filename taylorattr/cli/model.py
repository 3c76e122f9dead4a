"""Load what ``--model`` and ``--weights`` name: ``package.module:factory`` or a ``torch.export`` file."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from taylorattr.errors import FormatError, MissingExtraError, OptionError


def load(spec: str, weights: str | None = None) -> nn.Module | Callable[..., Any]:
    """Return the model; modules come in eval mode.

    ``package.module:name`` may name a module, a function of the inputs whose first parameter has no default,
    or a factory (a class or function that can be called without arguments). The current directory is
    importable.

    Raises:
        OptionError: If the name cannot be imported or is no model.
        FormatError: If a file cannot be read.
    """
    if spec.endswith(".pt2") or (os.path.sep in spec and Path(spec).is_file()):
        if weights is not None:
            raise OptionError("--weights goes with package.module:factory; an exported program has its own")
        return _exported(spec)
    model = _from_name(spec)
    if weights is not None:
        if not isinstance(model, nn.Module):
            raise OptionError(f"--weights needs an nn.Module, and {spec} is {type(model).__name__}")
        _load_weights(model, weights)
    return model.eval() if isinstance(model, nn.Module) else model


def _from_name(spec: str) -> Any:
    module_name, colon, attribute = spec.partition(":")
    if not colon or not attribute:
        raise OptionError(f"--model {spec!r} is neither package.module:factory nor an existing .pt2 file")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise OptionError(f"--model {spec}: {error}") from error
    if isinstance(found, nn.Module):
        return found
    if not callable(found):
        raise OptionError(f"--model {spec}: expected a model or a factory, got {type(found).__name__}")
    made = found() if _callable_without_arguments(found) else found
    if not callable(made):
        raise OptionError(f"--model {spec}: the factory returned {type(made).__name__}, expected a model")
    return made


def _callable_without_arguments(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind()
    except TypeError:
        return False
    except ValueError:  # a builtin without a signature takes the inputs
        return False
    return True


def _load_weights(model: nn.Module, path: str) -> None:
    if not Path(path).is_file():
        raise FormatError(f"--weights {path}: there is no such file")
    if path.endswith(".safetensors"):
        try:
            from safetensors.torch import load_file  # the hf extra
        except ImportError as error:
            raise MissingExtraError(
                "--weights *.safetensors needs safetensors; install taylorattr[hf]"
            ) from error
        state = load_file(path)
    else:
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # whatever the unpickler raises on a foreign file
            raise FormatError(f"--weights {path}: not a state dict that loads safely ({error})") from error
    try:
        model.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise FormatError(f"--weights {path} does not fit the model: {error}") from error


class FixedBatch(nn.Module):
    """Run an exported program whose batch size is fixed in batches of that size, the last one padded.

    Args:
        program: The module of the exported program.
        size: Its batch size.
    """

    def __init__(self, program: nn.Module, size: int) -> None:
        super().__init__()
        self.program = program
        self.size = size

    def train(self, mode: bool = True) -> FixedBatch:
        """Do nothing: an exported program has no modes."""
        return self

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the program's output for any number of rows."""
        rows = inputs[0].shape[0]
        outputs = []
        for start in range(0, rows, self.size):
            block = tuple(x[start : start + self.size] for x in inputs)
            here = block[0].shape[0]
            if here < self.size:
                block = tuple(torch.cat([x, x[-1:].expand(self.size - here, *x.shape[1:])]) for x in block)
            outputs.append(self.program(*block)[:here])
        return torch.cat(outputs)


class _Modeless(nn.Module):
    """An exported program of any batch size, with a ``train`` that does nothing."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def train(self, mode: bool = True) -> _Modeless:
        return self

    def forward(self, *inputs: Tensor) -> Any:
        return self.program(*inputs)


def _exported(path: str) -> nn.Module:
    if not Path(path).is_file():
        raise FormatError(f"--model {path}: there is no such file")
    try:
        program = torch.export.load(path)
    except Exception as error:  # torch.export raises many kinds on a foreign or damaged file
        raise FormatError(f"--model {path}: not a torch.export program ({error})") from error
    sizes = [
        node.meta["val"].shape[0]
        for node in program.graph.nodes
        if node.op == "placeholder"
        and node.name in program.graph_signature.user_inputs
        and isinstance(node.meta.get("val"), Tensor)
        and node.meta["val"].dim()
    ]
    module = program.module()
    fixed = [size for size in sizes if isinstance(size, int)]
    return FixedBatch(module, fixed[0]) if fixed else _Modeless(module)
