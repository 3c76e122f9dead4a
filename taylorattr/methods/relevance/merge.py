"""Fold affine chains: BatchNorm into the layer before it, two dense layers in a row into one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from taylorattr.methods.relevance.linear_map import channel_scale
from taylorattr.methods.relevance.propagate import site_of
from taylorattr.methods.relevance.recording import Recording
from taylorattr.methods.relevance.site import Site
from taylorattr.program.program import Node, Ref

aten = torch.ops.aten


def merged(recording: Recording) -> Recording:
    """Return the recording with constant affine chains as single operations; values stay as recorded.

    convolution or dense layer, then evaluated BatchNorm: weights times γ/√(variance + eps), the shift in the
    bias. Dense after dense: the product of the matrices. A value that something else reads too is kept.
    Relevance methods other than LRP-0 and Rescale give other scores then: ε, α–β and γ see one sum.

    Args:
        recording: Any recording.

    Returns:
        A new recording; the same one where there is nothing to fold.
    """
    program = recording.program
    constants = dict(program.constants)
    nodes: list[Node] = []
    folded = False
    for node in program.nodes:
        current = None
        if _may_end(node):
            so_far = replace(program, nodes=nodes, constants=constants)
            current = replace(recording, program=so_far, values=recording.values | constants)
        joined = _joined(recording, current, node, constants, program.output.index) if current else None
        if joined is not None:
            first, merged_node = joined
            del nodes[nodes.index(first)]
            nodes.append(merged_node)
            folded = True
        else:
            nodes.append(node)
    if not folded:
        return recording
    reference = recording.reference
    return replace(
        recording,
        program=replace(program, nodes=nodes, constants=constants, plan=None),
        values=recording.values | constants,
        reference=None if reference is None else reference | constants,
    )


def _may_end(node: Node) -> bool:
    return node.name in ("native_batch_norm", "_native_batch_norm_legit_no_training", "addmm", "mm")


def _joined(
    original: Recording, current: Recording, node: Node, constants: dict[int, Tensor], output: int
) -> tuple[Node, Node] | None:
    """Return the operation that is absorbed and the one for both, None where they do not fit."""
    site = site_of(current, node)
    if len(site.operands) != 1:
        return None
    (index,) = site.operands
    maker = current.makers.get(index)
    if maker is None or index == output or len(original.readers[index]) != 1:
        return None
    first = site_of(current, maker)
    if first.kind != "weights" or len(first.operands) != 1:
        return None
    kind = site.kind
    if kind == "batch_norm" and maker.name in ("convolution", "addmm", "mm"):
        if first.name != "convolution" and not _dense(first):
            return None
        weight, bias = _with_batch_norm(first, site)
    elif {maker.name, node.name} <= {"addmm", "mm"} and _dense(first) and _dense(site):
        weight, bias = _product(first, site)
    else:
        return None
    out = node.out if isinstance(node.out, Ref) else node.out[0]
    assert out is not None
    return maker, _layer(first, maker, node, out, weight, bias, constants)


def _dense(site: Site) -> bool:
    """x·W with the input on the left."""
    return site.is_operand("mat1" if site.name == "addmm" else "self") and (
        site.name == "mm" or site.named.get("alpha", 1) == site.named.get("beta", 1) == 1
    )


def _parts(site: Site) -> tuple[Tensor, Tensor]:
    """Weight and bias of a layer, the bias zeros where it has none."""
    a: dict[str, Any] = site.named
    if site.name == "convolution":
        weight = a["weight"]
        channels = site.y.shape[1]
        return weight, a["bias"] if a["bias"] is not None else weight.new_zeros(channels)
    weight = a["mat2"]
    return weight, a["self"] if site.name == "addmm" else weight.new_zeros(weight.shape[1])


def _with_batch_norm(first: Site, norm: Site) -> tuple[Tensor, Tensor]:
    a = norm.named
    scale = channel_scale(norm).reshape(-1)
    shift = -a["running_mean"] * scale
    if a["bias"] is not None:
        shift = shift + a["bias"]
    weight, bias = _parts(first)
    if first.name != "convolution":
        return weight * scale, bias * scale + shift
    if first.named["transposed"]:
        groups = first.named["groups"]
        per_group = scale.reshape(groups, 1, -1)
        tail = [1] * (weight.dim() - 2)
        grouped = weight.reshape(groups, -1, *weight.shape[1:]) * per_group.reshape(groups, 1, -1, *tail)
        return grouped.reshape(weight.shape), bias * scale + shift
    return weight * scale.reshape([-1] + [1] * (weight.dim() - 1)), bias * scale + shift


def _product(first: Site, second: Site) -> tuple[Tensor, Tensor]:
    (w1, b1), (w2, b2) = _parts(first), _parts(second)
    return w1 @ w2, b1 @ w2 + b2


def _layer(
    first: Site,
    maker: Node,
    node: Node,
    out: Ref,
    weight: Tensor,
    bias: Tensor,
    constants: dict[int, Tensor],
) -> Node:
    number = -1 - len(constants)  # below every number of the program, so taken by nothing
    refs = []
    for tensor in (weight, bias):
        while number in constants:
            number -= 1
        constants[number] = tensor
        refs.append(Ref(number))
    w, b = refs
    if first.name == "convolution":
        args: tuple[Any, ...] = (maker.args[0], w, b, *maker.args[3:])
        return replace(maker, args=args, out=out, shape=node.shape)
    x = maker.args[1] if first.name == "addmm" else maker.args[0]
    return replace(maker, op=aten.addmm.default, args=(b, x, w), kwargs={}, out=out, shape=node.shape)
