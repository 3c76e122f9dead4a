"""Load what ``--model`` and ``--weights`` name: ``package.module:factory`` or a ``torch.export`` file."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from taylorattr.analysis.exported import fixed_batch_size, in_fixed_batches
from taylorattr.cli.own_code import callable_without_arguments, imported
from taylorattr.errors import FileError, MissingExtraError, OptionError
from taylorattr.files import reading


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
        FileError: If a file cannot be read.
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


def load_fitting(
    spec: str, weights: str | None, inputs: tuple[Tensor, ...], data: str, *, prefix: str = "--"
) -> Any:
    """Load a model onto the device of the inputs and run it on the first row.

    Args:
        spec: Name or file of the model.
        weights: File of its weights, or None.
        inputs: What it has to run on.
        data: Where the inputs come from, for messages.
        prefix: Of the options ``model`` and ``weights`` in messages.

    Returns:
        The model.

    Raises:
        OptionError: If it cannot be loaded or does not run on a row.
    """
    model = load(spec, weights, prefix=prefix)
    if isinstance(model, nn.Module):
        model = model.to(inputs[0].device)
    _require_fit(model, inputs, f"{prefix}model {spec} does not run on a row of {data}")
    return model


def _require_fit(model: Any, inputs: tuple[Tensor, ...], sentence: str) -> None:
    """Run the model on the first row in its own dtype; say in one line why it does not run.

    Raises:
        OptionError: If it raises anything.
    """
    fixed = fixed_batch_size(model) if isinstance(model, nn.Module) else None
    function = model if fixed is None else in_fixed_batches(model, fixed)
    own = model.parameters() if isinstance(model, nn.Module) else ()
    dtype = next((p.dtype for p in own if p.is_floating_point()), None)
    row = [x[:1].to(dtype) if dtype and x.is_floating_point() else x[:1].clone() for x in inputs]
    try:
        with torch.no_grad():
            function(*row)
    except Exception as error:  # a model may refuse its input in any way it likes
        shapes = " and ".join(f"{tuple(x.shape)} of {x.dtype}" for x in row)
        raise OptionError(
            f"{sentence}, {shapes}: {type(error).__name__}: {error}. The arrays of --data are the model's "
            "inputs; a label column is left out with --drop"
        ) from error


def _from_name(spec: str, option: str) -> Any:
    """Return the model that ``package.module:name`` is, or that its factory makes.

    Raises:
        OptionError: If it is no model and makes none.
    """
    _, colon, attribute = spec.partition(":")
    if not colon or not attribute:
        raise OptionError(f"{option} {spec!r} is neither package.module:factory nor an existing .pt2 file")
    value = imported(spec, option)
    if isinstance(value, nn.Module):
        return value
    if not callable(value):
        raise OptionError(f"{option} {spec}: expected a model or a factory, got {type(value).__name__}")
    try:
        model = value() if callable_without_arguments(value) else value
    except Exception as error:  # whatever the user's factory raises
        raise OptionError(f"{option} {spec}: the factory raised {type(error).__name__}: {error}") from error
    if not callable(model):
        raise OptionError(f"{option} {spec}: the factory returned {type(model).__name__}, expected a model")
    return model


def _load_weights(model: nn.Module, path: str, option: str) -> None:
    """Load a state dict into a module.

    Raises:
        FileError: If there is no such file, it is no state dict, or does not fit the module.
        MissingExtraError: If the file is of a kind that needs a library that is not installed.
    """
    if not Path(path).is_file():
        raise FileError(f"{option} {path}: there is no such file")
    with reading(f"{option} {path}", "a state dict that loads safely"):
        if path.endswith(".safetensors"):
            try:
                from safetensors.torch import load_file  # the hf extra
            except ImportError as error:
                raise MissingExtraError(
                    f"{option} *.safetensors needs safetensors; install taylorattr[hf]"
                ) from error
            state = load_file(path)
        else:
            # weights_only: a pickle may run any code, and weights come from strangers
            state = torch.load(path, map_location="cpu", weights_only=True)
    try:
        model.load_state_dict(state)
    except Exception as error:  # names, shapes and kinds of a foreign state dict may be anything
        raise FileError(f"{option} {path} does not fit the model: {error}") from error


def _exported(path: str, option: str) -> nn.Module:
    """Return the module of a ``torch.export`` file.

    Raises:
        FileError: If there is no such file or it holds something else.
    """
    if not Path(path).is_file():
        raise FileError(f"{option} {path}: there is no such file")
    with reading(f"{option} {path}", "a torch.export program"):
        return torch.export.load(path).module()
