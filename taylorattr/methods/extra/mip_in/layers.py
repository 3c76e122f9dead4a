"""The layers of a recorded program, one by one, and the operations that have no inverse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from taylorattr.errors import UnsupportedLayerError
from taylorattr.program.arguments import Arguments, leaves, map_leaves, named, operands
from taylorattr.program.operations import names_of
from taylorattr.program.program import Node, Program, Ref

Kind: TypeAlias = Literal["linear", "convolution", "max_pool", "average", "relu", "move", "scale"]

_MAX_POOLS = frozenset(
    "max_pool2d_with_indices max_pool3d_with_indices adaptive_max_pool2d adaptive_max_pool3d".split()
)
_AVERAGES = frozenset(
    "avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d "
    "_adaptive_avg_pool2d _adaptive_avg_pool3d mean".split()
)
_RESHAPES = frozenset(
    "view _unsafe_view reshape _reshape_alias squeeze unsqueeze flatten unflatten select slice expand".split()
)
"""Where they keep the number of entries they are reshapes; run as such, they name no size of the batch."""

_REARRANGEMENTS = _RESHAPES | frozenset(
    "permute transpose flip alias clone contiguous detach pixel_shuffle pixel_unshuffle".split()
)


@dataclass(frozen=True)
class ChainLayer:
    """One layer f_l of the chain: X_l = f_l(X_{l−1}).

    Attributes:
        name: Path of its module, else its operation; unique in the chain.
        kind: What it is, which decides how it is inverted.
        nodes: Its operations in order. A linear layer or a convolution has the constant factors and shifts
            beside it, batch normalisation among them, as a part of it.
        before: Shape of one example of X_{l−1}.
        after: Shape of one example of X_l.
        constants: Weights of the whole chain, by value number.
    """

    name: str
    kind: Kind
    nodes: tuple[Node, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    constants: dict[int, Tensor]

    @cached_property
    def functions(self) -> tuple[Callable[[Tensor], Any], ...]:
        """Its operations, for any number of rows."""
        return tuple(_bound(node, self.constants) for node in self.nodes)

    @cached_property
    def arguments(self) -> Arguments:
        """Arguments of the operation that gives the layer its kind."""
        node = next(node for node in self.nodes if _kind(node) == self.kind)
        return named(node.op, node.args, node.kwargs)

    @cached_property
    def reshapes(self) -> bool:
        """Whether it leaves every entry where it is in memory."""
        return all(_operation(node) in _RESHAPES for node in self.nodes)

    @property
    def modules(self) -> set[str]:
        """Paths of the modules that run in it."""
        return {node.module for node in self.nodes}


def layers_of(program: Program, inside: str | None) -> Iterator[ChainLayer]:
    """Yield the layers of a recorded program from the bottom up."""
    makers = {ref.index: node for node in program.nodes for ref in leaves(Ref, node.out)}
    nodes: list[Node] = []
    index = program.output.index
    while index in makers:
        node = makers[index]
        _require_invertible(node, index, program, nodes, inside)
        nodes.append(node)
        (index,) = _moving(node, program)
    nodes.reverse()
    names: Counter[str] = Counter()
    for group in _grouped(nodes, program, inside):
        # the operation that gives the layer its kind: the weights, or the only one
        main = next(node for node in group if _kind(node) != "scale")
        kind, name = _kind(main), main.module or _operation(main)
        assert kind is not None
        first, last = program.values[_moving(group[0], program)[0]], program.values[_output(group[-1])]
        names[name] += 1
        yield ChainLayer(
            name if names[name] == 1 else f"{name}#{names[name]}",
            kind,
            group,
            tuple(first.shape[1:]),
            tuple(last.shape[1:]),
            program.constants,
        )


def _grouped(nodes: list[Node], program: Program, inside: str | None) -> Iterator[tuple[Node, ...]]:
    """Yield operations that are one layer: constant factors and shifts belong to the weights beside them."""
    groups: list[list[Node]] = []
    waiting: list[Node] = []
    for node in nodes:
        kind = _kind(node)
        if kind == "scale":
            if groups and not waiting and _has_weights(groups[-1]):
                groups[-1].append(node)
            else:
                waiting.append(node)
        elif kind in ("linear", "convolution"):
            groups.append([*waiting, node])
            waiting = []
        elif waiting:
            break
        else:
            groups.append([node])
    if waiting:
        raise _refusal(
            waiting[0],
            "it scales or shifts values, and neither the layer before nor the one after it is linear or a "
            "convolution, into which that could be folded",
            nodes[nodes.index(waiting[0]) + 1 :],
            inside,
        )
    yield from map(tuple, groups)


def _has_weights(group: list[Node]) -> bool:
    return any(_kind(node) in ("linear", "convolution") for node in group)


def _require_invertible(
    node: Node, index: int, program: Program, above: list[Node], inside: str | None
) -> None:
    """Refuse an operation whose inverse is not known."""
    reason = _obstacle(node, index, program)
    if reason is not None:
        raise _refusal(node, reason, list(reversed(above)), inside)


def _obstacle(node: Node, index: int, program: Program) -> str | None:
    """Return why an operation has no inverse here, None if it has one."""
    moving, name = _moving(node, program), _operation(node)
    kind = _kind(node)
    if len(moving) != 1:
        if name in ("add", "sub"):
            return "it adds two values that depend on the input (a residual sum)"
        if name in ("cat", "stack"):
            return "it joins several values that depend on the input (a concatenation)"
        if name in ("mul", "mm", "bmm", "matmul", "div"):
            return "it multiplies values that depend on the input (a gate, or attention)"
        return "it reads several values that depend on the input"
    if name in ("softmax", "_softmax", "_safe_softmax", "log_softmax", "_log_softmax"):
        return "it is no layer of logits: pass the model without it, as MIP-IN starts from the logits"
    if kind is None:
        return "it is none of the layers whose inverse is known"
    a = named(node.op, node.args, node.kwargs)
    x, y = program.values[moving[0]], program.values[index]
    if x.dim() < 1 or y.dim() < 1 or len(x) != len(y):
        return "it merges or drops the rows of examples"
    if kind == "linear" and not isinstance(a.get("mat1", a.get("self")), Ref):
        return "its weights depend on the input"
    if kind == "linear" and a.get("mat1", a["self"]).index != moving[0]:
        return "its weights stand on the left, so that it mixes examples, or depend on the input"
    if kind == "convolution" and (a["input"] != Ref(moving[0]) or a["transposed"]):
        return "it is a transposed convolution" if a["transposed"] else "its weights depend on the input"
    if kind == "scale" and any(
        program.constants[ref.index].dim() == y.dim() and len(program.constants[ref.index]) > 1
        for ref in leaves(Ref, (node.args, node.kwargs))
        if ref.index in program.constants
    ):
        return "its constant holds a number per example, such as a path around the layer"
    if kind == "move":
        return _mixes(node, program, x, y, a)
    if kind == "average" and name == "mean":
        dims = a.get("dim") or []
        if not dims or any(d % x.dim() == 0 for d in dims):
            return "it averages over examples"
    return None


def _mixes(node: Node, program: Program, x: Tensor, y: Tensor, a: dict[str, Any]) -> str | None:
    """Return why a rearrangement has no inverse."""
    if _operation(node) == "constant_pad_nd":
        return None if min(a["pad"]) >= 0 else "it cuts values off"
    if x.numel() != y.numel():
        return "it drops or repeats values"
    numbers = torch.arange(len(x), dtype=x.dtype, device=x.device)
    marked = numbers.reshape(-1, *[1] * (x.dim() - 1)).expand(x.shape)
    moved = _bound(node, program.constants)(marked)
    if not bool((moved == numbers.reshape(-1, *[1] * (y.dim() - 1))).all()):
        return "it moves values from one example to another"
    return None


def _refusal(node: Node, reason: str, above: list[Node], inside: str | None) -> UnsupportedLayerError:
    """Return the error for an operation; `above` are the operations after it."""
    where = f" at {node.where}" if node.where else ""
    stop = next((path for path in (node.module, *(after.module for after in above)) if path), None)
    above_it = (
        f"layer={stop!r}" if stop and stop != inside else "layer=… (a module whose output comes after it)"
    )
    return UnsupportedLayerError(
        f"MIP-IN cannot invert {node.op} in module {node.module!r}{where}: {reason}. Stop above it: "
        f"fitted = ta.MIPIN(model, {above_it}).fit(data) trains the layers above only, and "
        "fitted.upper(x, c) shows that feature map at the size of the input"
    )


def _kind(node: Node) -> Kind | None:
    """Return what an operation is to MIP-IN, None for one without an inverse."""
    name = _operation(node)
    if name in ("mm", "addmm"):
        return "linear"
    if name == "convolution":
        return "convolution"
    if name in _MAX_POOLS:
        return "max_pool"
    if name in _AVERAGES:
        return "average"
    if name in _REARRANGEMENTS or name == "constant_pad_nd":
        return "move"
    if name in ("add", "sub", "rsub", "mul", "div", "neg") or name in names_of("batch_norm"):
        return "scale"
    return "relu" if _is_relu(node, name) else None


def _is_relu(node: Node, name: str) -> bool:
    a = named(node.op, node.args, node.kwargs)
    if name in ("clamp", "clamp_min"):
        return a.get("min") == 0 and a.get("max") is None
    return name == "relu" or (name == "threshold" and a["threshold"] == 0 and a["value"] == 0)


def _moving(node: Node, program: Program) -> list[int]:
    """Return the numbers of the values an operation reads that depend on the bottom."""
    return [i for i in operands(node) if i not in program.constants]


def _operation(node: Node) -> str:
    return str(node.op).split(".")[1]


def _output(node: Node) -> int:
    """Return the number of an operation's first result."""
    first = node.out if isinstance(node.out, Ref) else node.out[0]
    assert first is not None
    return first.index


def _bound(node: Node, constants: dict[int, Tensor]) -> Callable[[Tensor], Any]:
    """Return one operation as a function of the value it reads, for any number of rows."""
    if _operation(node) in _RESHAPES:
        return lambda x: x.reshape(len(x), *node.shape[1:])
    # constants are put in their places once; what is left is the value, at most once
    args, kwargs = map_leaves(Ref, lambda ref: constants.get(ref.index, ref), (node.args, node.kwargs))
    places = [k for k, argument in enumerate(args) if isinstance(argument, Ref)]
    if len(places) != 1:
        return lambda x: node.op(*map_leaves(Ref, lambda _: x, args), **map_leaves(Ref, lambda _: x, kwargs))
    (place,) = places
    before, after = args[:place], args[place + 1 :]
    return lambda x: node.op(*before, x, *after, **kwargs)


def run(layer: ChainLayer, x: Tensor) -> Tensor:
    """Return f_l(x), shapes (N, …)."""
    for function in layer.functions:
        result = function(x)
        x = result if isinstance(result, Tensor) else result[0]
    return x


def with_switches(layer: ChainLayer, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return a max-pool's result, and the place of each maximum in its plane of x."""
    (function,) = layer.functions
    return function(x)[:2]
