"""The user's model as an analysis runs it: private copies, made once for each dtype and device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from taylorattr.analysis.model_copy import ModelCopy, copy_model, exported_input_shapes, own_modules
from taylorattr.errors import NonFiniteError, ShapeError


class ModelFacts(NamedTuple):
    """What a model is made of.

    Attributes:
        dtypes: Floating dtypes of its parameters and buffers.
        device: Where the first of them lies; None if there is none.
        fixed_batch: Rows that every call must have, for a program exported with a literal batch size; else
            None.
    """

    dtypes: list[torch.dtype]
    device: torch.device | None
    fixed_batch: int | None


class PrivateModel:
    """A model that is never run itself: what runs are copies of it, which this keeps.

    Looking at the parameters and copying them is what costs before the first number of an analysis.
    Everything that is asked of the same model (other inputs, other baselines, its effects beside its scores)
    shares one of these, so that it is paid once.

    Args:
        user_model: Module or callable on torch tensors; read and never changed.
    """

    def __init__(self, user_model: Callable[..., Any]) -> None:
        self.user_model = user_model
        self._copies: dict[tuple[torch.dtype | None, torch.device | None], ModelCopy] = {}

    @cached_property
    def facts(self) -> ModelFacts:
        """What the user's model is made of, after a look for values that no analysis survives.

        Raises:
            NonFiniteError: If a parameter is NaN or infinite, or a buffer is NaN.
        """
        modules = own_modules(self.user_model)
        tensors = _finite_parameters(modules)
        return ModelFacts(
            dtypes=[tensor.dtype for tensor in tensors if tensor.is_floating_point()],
            device=tensors[0].device if tensors else None,
            fixed_batch=fixed_batch_size(modules[0]) if len(modules) == 1 else None,
        )

    def copied(self, dtype: torch.dtype | None, device: torch.device | None) -> ModelCopy:
        """Return the copy in a dtype on a device; None keeps what each tensor has.

        Raises:
            ShapeError: If a lazy module has never been run, so its parameters have no shape.
        """
        if (dtype, device) in self._copies:
            return self._copies[dtype, device]
        copied = copy_model(self.user_model, dtype=dtype, device=device)
        if self.facts.fixed_batch is not None:
            copied = replace(copied, function=in_fixed_batches(copied.function, self.facts.fixed_batch))
        self._copies[dtype, device] = copied
        if not copied.converted:  # a copy in the model's own dtypes serves where those are asked for
            self._copies.setdefault((None, device), copied)
        return copied

    def discard(self, copied: ModelCopy) -> None:
        """Forget a copy that failed while it ran: what it holds may be half written."""
        self._copies = {key: kept for key, kept in self._copies.items() if kept is not copied}


def _finite_parameters(modules: list[nn.Module]) -> list[Tensor]:
    """Return all parameters and buffers, having looked for NaN and infinity."""
    tensors: list[Tensor] = []
    for module in modules:
        for name, parameter in module.named_parameters():
            tensors.append(parameter)
            if not _finite(parameter):
                raise NonFiniteError(
                    f"parameter {name!r} holds NaN or infinity ({_count_bad(parameter)} of "
                    f"{parameter.numel()} entries); check how the model was trained or loaded"
                )
        for name, buffer in module.named_buffers():  # infinities are common there: attention masks
            tensors.append(buffer)
            if buffer.is_floating_point() and bool(torch.isnan(buffer).any()):
                raise NonFiniteError(f"buffer {name!r} holds NaN; check how the model was trained or loaded")
    return tensors


@torch.no_grad()
def _finite(tensor: Tensor) -> bool:
    tensor = tensor.detach()
    quick = tensor.sum()  # one pass, no temporaries; infinite also where finite entries overflow
    return bool(torch.isfinite(quick)) or bool(torch.isfinite(tensor).all())


def _count_bad(tensor: Tensor) -> int:
    return int((~torch.isfinite(tensor.detach())).sum())


def fixed_batch_size(module: nn.Module) -> int | None:
    """Return the batch size an exported program insists on, None if it takes any."""
    sizes = [shape[0] for shape in exported_input_shapes(module) if len(shape)]
    return next((size for size in sizes if type(size) is int), None)


def in_fixed_batches(function: Callable[..., Any], size: int) -> Callable[..., Tensor]:
    """Return a function of any number of rows that calls `function` on exactly `size` of them at a time.

    The last batch is filled up with copies of its last row, whose outputs are dropped. Tensors whose leading
    size is the number of rows are split, other arguments passed on.

    Raises:
        ShapeError: When called, if the output is not a tensor with one row per row.
    """

    def run(*args: Any) -> Tensor:
        rows = len(args[0])
        outputs = []
        for start in range(0, rows, size):
            used = min(size, rows - start)
            place = torch.arange(start, start + size, device=args[0].device).clamp_max(rows - 1)
            batch = [a[place] if isinstance(a, Tensor) and a.ndim and len(a) == rows else a for a in args]
            output = function(*batch)
            if not isinstance(output, Tensor) or output.ndim == 0 or len(output) != size:
                raise ShapeError(
                    f"a program exported for batches of {size} must return one tensor with {size} rows; "
                    "export it with a dynamic batch dimension (torch.export.Dim)"
                )
            outputs.append(output[:used])
        return torch.cat(outputs)

    return run
