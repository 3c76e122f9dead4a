"""Load what ``--model`` and ``--weights`` name: ``package.module:factory`` or a ``torch.export`` file."""

from __future__ import annotations

import copy
import importlib
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from taylorattr.errors import FormatError, MissingExtraError, OptionError


def load(spec: str, weights: str | None = None, *, prefix: str = "--") -> nn.Module | Callable[..., Any]:
    """Return the model; modules come in eval mode, exported programs as they are.

    ``package.module:name`` may name a module, a function of the inputs whose first parameter has no default,
    or a factory (a class or function that can be called without arguments). The current directory is
    importable. Weights are loaded into a copy: a factory may return the same module twice.

    Args:
        spec: The name or the file.
        weights: A state dict's file.
        prefix: Of the options ``model`` and ``weights`` in messages.

    Raises:
        OptionError: If the name cannot be imported or is no model.
        FormatError: If a file cannot be read.
    """
    if spec.endswith(".pt2") or (os.path.sep in spec and Path(spec).is_file()):
        if weights is not None:
            raise OptionError(
                f"{prefix}weights goes with package.module:factory; an exported program has its own"
            )
        return _exported(spec, f"{prefix}model")
    model = _from_name(spec, f"{prefix}model")
    if weights is not None:
        if not isinstance(model, nn.Module):
            raise OptionError(f"{prefix}weights needs an nn.Module, and {spec} is {type(model).__name__}")
        model = copy.deepcopy(model)
        _load_weights(model, weights, f"{prefix}weights")
    return model.eval() if isinstance(model, nn.Module) else model


def _from_name(spec: str, option: str) -> Any:
    module_name, colon, attribute = spec.partition(":")
    if not colon or not attribute:
        raise OptionError(f"{option} {spec!r} is neither package.module:factory nor an existing .pt2 file")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise OptionError(f"{option} {spec}: {error}") from error
    except Exception as error:  # whatever the user's module raises while it is imported
        raise OptionError(f"{option} {spec}: importing it raised {type(error).__name__}: {error}") from error
    if isinstance(found, nn.Module):
        return found
    if not callable(found):
        raise OptionError(f"{option} {spec}: expected a model or a factory, got {type(found).__name__}")
    try:
        made = found() if callable_without_arguments(found) else found
    except Exception as error:  # whatever the user's factory raises
        raise OptionError(f"{option} {spec}: the factory raised {type(error).__name__}: {error}") from error
    if not callable(made):
        raise OptionError(f"{option} {spec}: the factory returned {type(made).__name__}, expected a model")
    return made


def callable_without_arguments(function: Callable[..., Any]) -> bool:
    """Return whether a function can be called without arguments."""
    try:
        inspect.signature(function).bind()
    except TypeError:
        return False
    except ValueError:  # a builtin without a signature takes the inputs
        return False
    return True


def _load_weights(model: nn.Module, path: str, option: str) -> None:
    if not Path(path).is_file():
        raise FormatError(f"{option} {path}: there is no such file")
    if path.endswith(".safetensors"):
        try:
            from safetensors.torch import load_file  # the hf extra
        except ImportError as error:
            raise MissingExtraError(
                f"{option} *.safetensors needs safetensors; install taylorattr[hf]"
            ) from error
        state = load_file(path)
    else:
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # whatever the unpickler raises on a foreign file
            raise FormatError(f"{option} {path}: not a state dict that loads safely ({error})") from error
    try:
        model.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise FormatError(f"{option} {path} does not fit the model: {error}") from error


def _exported(path: str, option: str) -> nn.Module:
    if not Path(path).is_file():
        raise FormatError(f"{option} {path}: there is no such file")
    try:
        program = torch.export.load(path)
    except Exception as error:  # torch.export raises many kinds on a foreign or damaged file
        raise FormatError(f"{option} {path}: not a torch.export program ({error})") from error
    return program.module()
