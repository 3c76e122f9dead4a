"""Fused normalisation layers: which a function runs, and what they are in elementary operations.

torch's fused LayerNorm returns wrong derivatives from order 3 when ``torch.func`` transforms are nested
(pytorch issues 175754 and 196700); a program of means, products and powers does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from taylorattr.errors import CaptureError
from taylorattr.program.arguments import leaves, with_last_uses
from taylorattr.program.program import Node, Program, Ref

aten = torch.ops.aten


def decompose_norms(program: Program) -> Program:
    """Return the program with LayerNorm, GroupNorm, BatchNorm and RMSNorm decomposed.

    Args:
        program: A recorded or promoted program.

    Returns:
        A program of the same function; the same object where there is nothing to decompose.

    Raises:
        CaptureError: If the model also uses the statistics that a fused layer returns.
    """
    if not any(node.op in _RULES for node in program.nodes):
        return program
    builder = _Builder(program)
    for node in program.nodes:
        rule = _RULES.get(node.op)
        if rule is None:
            builder.nodes.append(node)
            continue
        assert isinstance(node.out, tuple)
        out, *statistics = node.out
        if out is None or any(ref is not None for ref in statistics):
            raise CaptureError(
                f"{node.op} in module '{node.module}' at {node.where}: its mean or scale is used too; "
                "compute them from the layer's input instead"
            )
        builder.place, builder.target = node, out
        rule(builder, node, *node.args)
    nodes = with_last_uses(builder.nodes, program.output.index, builder.constants)
    return replace(program, nodes=nodes, constants=builder.constants, plan=None)


class _Builder:
    """Appends operations at the place of the one they replace."""

    def __init__(self, program: Program) -> None:
        self.nodes: list[Node] = []
        self.constants = dict(program.constants)
        self.place = program.nodes[0]
        self.target = program.output
        numbers = [*self.constants, *(ref.index for ref in program.inputs)]
        numbers += [ref.index for node in program.nodes for ref in leaves(Ref, node.out)]
        self._next = max(numbers) + 1

    def add(self, op: OpOverload, *args: Any, shape: Sequence[int]) -> Ref:
        out = self._new()
        node = replace(self.place, op=op, args=args, kwargs={}, out=out, shape=tuple(shape))
        self.nodes.append(node)
        return out

    def finish(self) -> None:
        """The last value added is the one the replaced operation returned."""
        self.nodes[-1] = replace(self.nodes[-1], out=self.target)

    def constant(self, tensor: Tensor) -> Ref:
        ref = self._new()
        self.constants[ref.index] = tensor
        return ref

    def _new(self) -> Ref:
        self._next += 1
        return Ref(self._next - 1)

    def weight(self, ref: Ref | None, shape: Sequence[int]) -> Ref | None:
        """A weight in a shape that broadcasts; computed at once where it is a constant."""
        if ref is None:
            return None
        if ref.index in self.constants:
            return self.constant(self.constants[ref.index].reshape(list(shape)))
        return self.add(aten.view.default, ref, list(shape), shape=shape)

    def scale(self, variance: Ref, shape: Sequence[int], eps: float) -> Ref:
        """1 / √(variance + eps) in a shape that broadcasts; computed at once where it is a constant."""
        if variance.index in self.constants:
            return self.constant((self.constants[variance.index].reshape(list(shape)) + eps).rsqrt())
        x = self.add(aten.view.default, variance, list(shape), shape=shape)
        return self.add(aten.rsqrt.default, self.add(aten.add.Tensor, x, eps, shape=shape), shape=shape)

    def normalise(
        self, x: Ref, shape: Sequence[int], dims: list[int], eps: float, *, centre: bool = True
    ) -> Ref:
        """(x − mean) / √(variance + eps) over dims, the variance biased; without centring x / √(x² + eps)."""
        small = [1 if i in dims else n for i, n in enumerate(shape)]
        if centre:
            mean = self.add(aten.mean.dim, x, dims, True, shape=small)
            x = self.add(aten.sub.Tensor, x, mean, shape=shape)
        square = self.add(aten.mul.Tensor, x, x, shape=shape)
        variance = self.add(aten.mean.dim, square, dims, True, shape=small)
        shifted = self.add(aten.add.Tensor, variance, eps, shape=small)
        scale = self.add(aten.rsqrt.default, shifted, shape=small)
        return self.add(aten.mul.Tensor, x, scale, shape=shape)

    def affine(self, x: Ref, weight: Ref | None, bias: Ref | None, shape: Sequence[int]) -> Ref:
        if weight is not None:
            x = self.add(aten.mul.Tensor, x, weight, shape=shape)
        if bias is not None:
            x = self.add(aten.add.Tensor, x, bias, shape=shape)
        return x


def _layer_norm(
    b: _Builder, node: Node, x: Ref, normalized: list[int], weight: Any, bias: Any, eps: float
) -> None:
    dims = list(range(len(node.shape) - len(normalized), len(node.shape)))
    b.affine(b.normalise(x, node.shape, dims, eps), weight, bias, node.shape)
    b.finish()


def _rms_norm(b: _Builder, node: Node, x: Ref, normalized: list[int], weight: Any, eps: float | None) -> None:
    dims = list(range(len(node.shape) - len(normalized), len(node.shape)))
    eps = torch.finfo(torch.float32).eps if eps is None else eps
    b.affine(b.normalise(x, node.shape, dims, eps, centre=False), weight, None, node.shape)
    b.finish()


def _group_norm(
    b: _Builder, node: Node, x: Ref, weight: Any, bias: Any, n: int, c: int, hw: int, groups: int, eps: float
) -> None:
    grouped = [n, groups, c // groups * hw]
    x = b.add(aten.view.default, x, grouped, shape=grouped)
    x = b.normalise(x, grouped, [2], eps)
    x = b.add(aten.view.default, x, list(node.shape), shape=node.shape)
    channels = _channels(node)
    b.affine(x, b.weight(weight, channels), b.weight(bias, channels), node.shape)
    b.finish()


def _batch_norm(
    b: _Builder,
    node: Node,
    x: Ref,
    weight: Any,
    bias: Any,
    mean: Any,
    variance: Any,
    training: bool,
    momentum: float,
    eps: float,
) -> None:
    channels, shape = _channels(node), node.shape
    if training:
        x = b.normalise(x, shape, [i for i in range(len(shape)) if i != 1], eps)
    else:
        x = b.add(aten.sub.Tensor, x, b.weight(mean, channels), shape=shape)
        x = b.add(aten.mul.Tensor, x, b.scale(variance, channels, eps), shape=shape)
    b.affine(x, b.weight(weight, channels), b.weight(bias, channels), shape)
    b.finish()


def _channels(node: Node) -> list[int]:
    """Shape in which one number per channel broadcasts."""
    return [size if i == 1 else 1 for i, size in enumerate(node.shape)]


_RULES: dict[OpOverload, Callable[..., None]] = {
    aten.native_layer_norm.default: _layer_norm,
    aten._fused_rms_norm.default: _rms_norm,
    aten.native_group_norm.default: _group_norm,
    aten.native_batch_norm.default: _batch_norm,
}


aten = torch.ops.aten

NORMS = frozenset(
    {
        aten.native_layer_norm.default,
        aten._fused_rms_norm.default,
        aten.native_group_norm.default,
        aten.native_batch_norm.default,
        aten._native_batch_norm_legit.default,
        aten._native_batch_norm_legit.no_stats,
        aten._native_batch_norm_legit_no_training.default,
    }
)


def fused_norms(function: Callable[..., Any], inputs: Sequence[Tensor]) -> list[str]:
    """Run a function once and return the names of the fused normalisation operations it uses, sorted."""
    with torch.no_grad(), _Names() as seen:
        function(*inputs)
    return sorted(seen.names)


class _Names(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in NORMS:
            self.names.add(str(func))
        return func(*args, **(kwargs or {}))
