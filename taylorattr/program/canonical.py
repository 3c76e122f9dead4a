"""Bring a recorded operation to the form a program keeps: out of place, without hidden defaults."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from taylorattr.program.program import Ref

aten = torch.ops.aten

IDENTITIES = {
    aten.detach.default,
    aten.alias.default,
    aten.lift_fresh.default,
    aten.lift_fresh_copy.default,
    aten.clone.default,
    aten.contiguous.default,
}
"""Operations that return their operand's value (memory layout is no part of a program's meaning)."""

_FILLED = {
    aten.zeros_like.default: 0,
    aten.ones_like.default: 1,
    aten.new_zeros.default: 0,
    aten.new_ones.default: 1,
    aten.empty_like.default: 0,
    aten.new_empty.default: 0,
    aten.new_empty_strided.default: 0,
    aten.empty.memory_format: 0,
    aten.empty_strided.default: 0,
    aten.empty_permuted.default: 0,
    aten.zero.default: 0,
}
"""Operations whose result depends on nothing but shapes; uninitialised memory counts as zeros."""

UNINITIALISED = {op for op in _FILLED if "empty" in op.overloadpacket.__name__}
"""Operations that return memory as they find it; a recording fills it with the zeros that it counts as."""

_FILLED_BY_ARGUMENT = {aten.full_like.default, aten.new_full.default, aten.fill.Scalar}


_SLICES = {aten.slice.Tensor: 1, aten.slice_scatter.default: 2}
"""Position of the dimension; start and end follow. An open end is written as the size."""


def out_of_place(op: OpOverload) -> OpOverload | None:
    """Return the overload that computes what a mutating one writes, None where there is none.

    Args:
        op: An in-place (``add_``) or out-variant (``add.out``) overload.

    Returns:
        The overload of the same packet, less the trailing underscore, with the same arguments.
    """
    wanted = [(a.name, str(a.type)) for a in op._schema.arguments if not a.is_out]
    packet = getattr(getattr(torch.ops, op.namespace), op._opname.rstrip("_"), None)
    for name in packet.overloads() if packet is not None else ():
        candidate = getattr(packet, name)
        if not candidate._schema.is_mutable and _signature(candidate) == wanted:
            return candidate
    return None


def _signature(op: OpOverload) -> list[tuple[str, str]]:
    return [(a.name, str(a.type)) for a in op._schema.arguments]


def canonical(
    op: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any, tensors: Sequence[Tensor]
) -> tuple[OpOverload, tuple[Any, ...], dict[str, Any]]:
    """Return the operation a program keeps in place of a recorded, out-of-place one.

    Fills become ``full`` (they depend on shapes only), ``copy`` becomes its source, broadcast or cast, batch
    normalisation with batch statistics forgets the running statistics it would update, one number put where
    a mask is true is ``where``, a factory's dtype is written down (its default belongs to the process), and
    the open end of a slice is the dimension's size.

    Args:
        op: The recorded overload.
        args: Its positional arguments, tensors replaced by Ref.
        kwargs: Its keyword arguments.
        result: What it returned.
        tensors: Value number -> tensor.

    Returns:
        Operation, positional and keyword arguments.
    """
    if op in _FILLED or op in _FILLED_BY_ARGUMENT:
        position = 2 if op is aten.new_full.default else 1
        value = _FILLED[op] if op in _FILLED else _argument(args, kwargs, position)
        value = bool(value) if result.dtype == torch.bool else value
        return (
            aten.full.default,
            (list(result.shape), value),
            {"dtype": result.dtype, "device": result.device},
        )
    if op is aten.fill.Tensor:
        return _expanded(args[1], result)
    if op is aten.copy.default:
        source = tensors[args[1].index]
        if source.dtype == result.dtype:
            same = source.shape == result.shape
            return (aten.alias.default, (args[1],), {}) if same else _expanded(args[1], result)
        if source.shape == result.shape:
            return aten._to_copy.default, (args[1],), {"dtype": result.dtype}
    if op in _SLICES and len(args) > _SLICES[op] + 2:
        dim, end = _SLICES[op], _SLICES[op] + 2
        size = tensors[args[0].index].shape[args[dim]]
        return (
            op,
            (*args[:end], size if args[end] is None else min(args[end], size), *args[end + 1 :]),
            kwargs,
        )
    if op is aten.index_put.default and _fills_a_mask(args, kwargs, tensors):
        return aten.where.self, (args[1][0], args[2], args[0]), {}
    if op is aten.native_batch_norm.default and args[5]:
        return op, (*args[:3], None, None, *args[5:]), kwargs
    if _is_factory(op) and isinstance(result, Tensor):
        return op, args, kwargs | {"dtype": result.dtype}
    return op, args, kwargs


def _expanded(source: Ref, result: Tensor) -> tuple[OpOverload, tuple[Any, ...], dict[str, Any]]:
    return aten.expand.default, (source, list(result.shape)), {}


def _fills_a_mask(args: tuple[Any, ...], kwargs: dict[str, Any], tensors: Sequence[Tensor]) -> bool:
    """``x[mask] = number``, the mask of x's shape."""
    if len(args) != 3 or kwargs.get("accumulate") or len(args[1]) != 1 or not isinstance(args[1][0], Ref):
        return False
    x, mask, value = (tensors[ref.index] for ref in (args[0], args[1][0], args[2]))
    return mask.dtype == torch.bool and mask.shape == x.shape and value.numel() == 1 and value.ndim <= x.ndim


@functools.cache
def _is_factory(op: OpOverload) -> bool:
    """A tensor made from numbers: no tensor argument, a dtype argument."""
    arguments = op._schema.arguments
    return not any("Tensor" in str(a.type) for a in arguments) and any(a.name == "dtype" for a in arguments)


def _argument(args: tuple[Any, ...], kwargs: dict[str, Any], position: int) -> Any:
    if len(args) > position:
        return args[position]
    return kwargs["value"] if "value" in kwargs else kwargs["fill_value"]
