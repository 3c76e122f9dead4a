"""A layer of the user's model: named by its path or by the module itself, found in the private copy."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from taylorattr.analysis.private_model import ModelCopy, own_modules
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.errors import OptionError, ShapeError

Layer = str | nn.Module
"""Dotted path inside the model, or the module itself."""


def find_layer(
    model: Callable[..., Any], scalar: ScalarModel | ModelCopy, layer: Layer
) -> tuple[str, nn.Module]:
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


@contextmanager
def replaced_input(module: nn.Module, replace: Callable[[Any], Tensor]) -> Generator[list[int]]:
    """Give each call of a module of the copy ``replace(input)`` in place of its first argument.

    The hook is taken off again whatever happens inside.

    Yields:
        A list that grows by one entry with each call.
    """
    calls: list[int] = []

    def hook(_: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        calls.append(1)
        return (replace(given[0] if given else None), *given[1:])

    handle = module.register_forward_pre_hook(hook)
    try:
        yield calls
    finally:
        handle.remove()


def activation_and_gradient(
    scalar: ScalarModel,
    path: str,
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    examples: Tensor,
    *,
    of_input: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return a layer's activation A and ∂f/∂A at each row.

    Args:
        scalar: The model; `module` is a part of its copy.
        path: The layer's name, for messages.
        module: The layer.
        inputs: Tensors (R, …).
        examples: Shape (R,), int64: whose target and extra arguments each row uses.
        of_input: Whether A is what the layer reads (its first argument) instead of what it gives.

    Returns:
        A and ∂f/∂A, shaped alike, leading size R, detached; the gradient is 0 where f does not depend on A.

    Raises:
        OptionError: If A is no tensor, or the layer does not run exactly once.
        ShapeError: If A has not one row per example.
    """
    found: list[Tensor] = []
    verb = "reads" if of_input else "gives"

    def keep(activation: Any) -> Tensor:
        if not isinstance(activation, Tensor):
            raise OptionError(
                f"layer {path!r} {verb} a {type(activation).__name__}; expected one tensor: choose a layer "
                "inside it, or the one before or after"
            )
        found.append(activation.detach().clone().requires_grad_())
        return found[-1].clone()  # an in-place activation may follow

    replaced = replaced_input if of_input else replaced_output
    with torch.enable_grad(), replaced(module, keep) as calls:
        total = scalar.values(inputs, examples).sum()
    if len(calls) != 1:
        raise OptionError(
            f"layer {path!r} runs {len(calls)} times in one forward pass; expected one that runs once"
        )
    if len(found[0]) != len(examples):
        raise ShapeError(
            f"layer {path!r} {verb} {len(found[0])} rows for {len(examples)} examples; expected one each"
        )
    if not total.requires_grad:
        return found[0].detach(), torch.zeros_like(found[0])
    (gradient,) = torch.autograd.grad(total, found[0], materialize_grads=True)
    return found[0].detach(), gradient


def _named(own: nn.Module, prefix: str) -> list[tuple[str, nn.Module]]:
    return [(prefix + name, module) for name, module in own.named_modules() if name or not prefix]


def _listed(paths: dict[str, nn.Module]) -> str:
    names = [name for name in paths if name]
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
