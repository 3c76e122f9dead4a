"""A layer of the user's model: named by its path or by the module itself, found in the private copy."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from taylorattr.autodiff.model_copy import own_modules
from taylorattr.autodiff.scalar import ScalarModel
from taylorattr.errors import OptionError

Layer = str | nn.Module
"""Dotted path inside the model, or the module itself."""


def find_layer(model: Callable[..., Any], scalar: ScalarModel, layer: Layer) -> tuple[str, nn.Module]:
    """Return a layer's path and its counterpart in the copy that runs.

    Args:
        model: The user's model; only looked at.
        scalar: Holds the copy.
        layer: Path or module of the user's model.

    Raises:
        OptionError: If there is no such layer; suggests near names.
    """
    paths = {
        name: module
        for number, own in enumerate(own_modules(model))
        for name, module in _named(own, "" if number == 0 else f"{number}.")
    }
    copies = {
        name: module
        for number, own in enumerate(scalar.modules)
        for name, module in _named(own, "" if number == 0 else f"{number}.")
    }
    if isinstance(layer, nn.Module):
        found = [name for name, module in paths.items() if module is layer]
        if not found:
            raise OptionError(
                f"the layer {type(layer).__name__} is no part of this model; pass model.some_layer itself, "
                f"or its name: {_listed(paths)}"
            )
        name = found[0]
    else:
        name = str(layer)
    if name not in copies:
        near = difflib.get_close_matches(name, copies, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        raise OptionError(f"the model has no layer {name!r}; {hint}layers: {_listed(copies)}")
    return name, copies[name]


def last_convolution(scalar: ScalarModel) -> str | None:
    """Return the path of the last convolution in the order of definition, None if there is none."""
    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    names = [
        name
        for number, own in enumerate(scalar.modules)
        for name, module in _named(own, "" if number == 0 else f"{number}.")
        if isinstance(module, kinds)
    ]
    return names[-1] if names else None


@contextmanager
def replaced_output(module: nn.Module, replace: Callable[[Any], Tensor]) -> Generator[list[int]]:
    """Answer each call of a module of the copy with ``replace(output)``.

    The hook is taken off again whatever happens inside.

    Yields:
        A list that grows by one entry with each call.
    """
    calls: list[int] = []

    def hook(_: nn.Module, __: Any, output: Any) -> Tensor:
        calls.append(1)
        return replace(output)

    handle = module.register_forward_hook(hook)
    try:
        yield calls
    finally:
        handle.remove()


def _named(own: nn.Module, prefix: str) -> list[tuple[str, nn.Module]]:
    return [(prefix + name, module) for name, module in own.named_modules() if name or not prefix]


def _listed(paths: dict[str, nn.Module]) -> str:
    names = [name for name in paths if name]
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
