"""The model as a chain of layers, each with its operations: what MIP-IN inverts one by one.

The layers are read off the captured operations, so that functional calls and modules are the same. A chain
starts at the input, or at a feature map inside the model; what is below that map may be anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from taylorattr.analysis.game import blocks
from taylorattr.analysis.layers import Layer, find_layer, replaced_output
from taylorattr.analysis.model_errors import at_the_model
from taylorattr.analysis.private_model import ModelCopy, PrivateModel
from taylorattr.analysis.targets import tensor_output
from taylorattr.errors import (
    CaptureError,
    OptionError,
    ShapeError,
    TrainingModeWarning,
    warn,
)
from taylorattr.methods.extra.mip_in.layers import ChainLayer, layers_of, run
from taylorattr.program.arguments import map_leaves
from taylorattr.program.isolate import preserved_rng
from taylorattr.program.program import Ref
from taylorattr.program.record import record

ROWS_RECORDED = 2
"""Examples that the operations are recorded on: shapes show which dimension is the batch."""

VALUES_AT_A_TIME = 1 << 22
"""Numbers of the largest layer's values that are computed in one go; more rows are taken in turns."""

AGREEMENT = 1e-4
"""Difference between chain and model, relative to the largest output, that another size of batch may make."""


@dataclass(frozen=True)
class Chain:
    """Layers in the order in which they run, from the bottom X_0 to the logits X_L.

    Attributes:
        layers: f_1 … f_L.
        bottom: Inputs (N, …), at most so many that the model takes them at once, to X_0.
        inside: Name of the layer whose output is X_0; None: X_0 is the input itself.
        dtype: Of all values.
        device: Where they are.
        input_shape: Of one example of the model's input.
        copied: The private copy of the whole model, what lies below the bottom included.
    """

    layers: tuple[ChainLayer, ...]
    bottom: Callable[[Tensor], Tensor]
    inside: str | None
    dtype: torch.dtype
    device: torch.device
    input_shape: tuple[int, ...]
    copied: ModelCopy

    @cached_property
    def rows_at_a_time(self) -> int:
        """Number of examples whose values fit into one go."""
        widest = max(
            torch.Size(shape).numel() for layer in self.layers for shape in (layer.before, layer.after)
        )
        return max(1, VALUES_AT_A_TIME // max(widest, torch.Size(self.input_shape).numel()))

    def parts(self, rows: Tensor) -> Iterator[Tensor]:
        """Yield the rows, a few at a time, in the dtype and on the device of the chain."""
        for part in blocks(len(rows), self.rows_at_a_time):
            yield rows[part].to(self.device, self.dtype)

    def forward(self, x: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
        """Return X_stop of values X_start, both (N, …); the logits unless said otherwise."""
        for layer in self.layers[start:stop]:
            x = run(layer, x)
        return x

    def position_of(self, layer: str) -> int:
        """Return l such that X_l is the output of a module, by its path.

        Raises:
            OptionError: If no layer of the chain is in that module, or the module runs several times.
        """
        if layer == self.inside:
            return 0
        inside = [
            i
            for i, own in enumerate(self.layers)
            if any(path == layer or path.startswith(f"{layer}.") for path in own.modules)
        ]
        if not inside:
            listed = ", ".join(repr(own.name) for own in self.layers)
            raise OptionError(f"no layer of the inverted chain runs in a module {layer!r}; it has {listed}")
        if inside[-1] - inside[0] + 1 != len(inside):
            raise OptionError(
                f"module {layer!r} runs {len(inside)} times with other layers in between; name a module that "
                "runs once, or the one around it"
            )
        return inside[-1] + 1

    def fingerprint(self) -> str:
        """Return a hash of the operations, their arguments and all weights: equal for the same model only."""
        digest = hashlib.sha256(repr((self.inside, str(self.dtype), self.input_shape)).encode())
        for layer in self.layers:
            digest.update(repr((layer.kind, layer.before, layer.after)).encode())
            for node in layer.nodes:
                literal = map_leaves(Ref, partial(_named, layer), (node.args, node.kwargs))
                digest.update(repr((str(node.op), literal)).encode())
        for module in self.copied.modules:
            for tensor in (*module.parameters(), *module.buffers()):
                digest.update(_hash(tensor).encode())
        return digest.hexdigest()


def _named(layer: ChainLayer, ref: Ref) -> str:
    return _hash(layer.constants[ref.index]) if ref.index in layer.constants else "x"


def _hash(tensor: Tensor) -> str:
    """Return a hash of a tensor's shape and bytes."""
    array = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return f"{tuple(tensor.shape)}:{hashlib.sha256(array.tobytes()).hexdigest()}"


def read_chain(model: Callable[..., Any], rows: Tensor, layer: Layer | None = None) -> Chain:
    """Return the layers of a model above its input, or above the output of a layer.

    Args:
        model: Module or callable from (N, …) to logits (N, K), or (N,); copied, never changed.
        rows: Inputs (N, …), N ≥ 1, of which the first few are looked at.
        layer: Path or module whose output is X_0.

    Returns:
        The chain, checked against the model on these rows.

    Raises:
        UnsupportedLayerError: If a layer has no inverse; names module, operation, line and what to do.
        CaptureError: If the model computes something else on other rows than on those recorded.
        OptionError: If there is no such layer, it runs several times, or its output is no tensor.
        ShapeError: If the model's output is not (N, K).
    """
    private = PrivateModel(model)
    own = private.facts.dtypes
    native = own[0] if own else rows.dtype
    dtype = native if native in (torch.float32, torch.float64) else torch.float32
    copied = private.copied(dtype, None)
    if copied.was_training:
        warn(
            "the model is in training mode; it is inverted in eval behaviour (dropout off, running "
            "statistics). Call model.eval() before to silence this",
            TrainingModeWarning,
        )
    device = private.facts.device or rows.device
    example = (
        rows[:1].expand(ROWS_RECORDED, *rows.shape[1:]).clone() if len(rows) == 1 else rows[:ROWS_RECORDED]
    )
    example = example.to(device, dtype)
    with torch.no_grad(), preserved_rng():
        path, bottom, above = _bottom(model, copied, layer)
        features = bottom(example)
        program = record(lambda z: above(example, z), (features,), module=_named_by(copied), keep_values=True)
        output = program.values.get(program.output.index)
        if output is None or output.dim() != 2 or len(output) != len(example):
            shape = None if output is None else tuple(output.shape)
            raise ShapeError(
                f"the model's output has shape {shape} for {len(example)} rows; MIP-IN starts from logits "
                f"(N, K): expected ({len(example)}, K)"
            )
        layers = tuple(layers_of(program, path))
        if not layers:
            raise OptionError("there is no layer to invert: the output is the feature map itself")
        shape = tuple(rows.shape[1:])
        chain = Chain(layers, bottom, path, dtype, device, shape, copied)
        _check(chain, copied, rows)
    return chain


def _named_by(copied: ModelCopy) -> torch.nn.Module | None:
    return copied.modules[0] if len(copied.modules) == 1 else None


def _bottom(
    model: Callable[..., Any], copied: ModelCopy, layer: Layer | None
) -> tuple[str | None, Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]:
    """Return the layer's path, inputs -> X_0, and (inputs, X_0) -> logits."""
    if layer is None:
        return None, lambda x: x, lambda x, z: _call(copied, z)
    path, module = find_layer(model, copied, layer)

    def bottom(x: Tensor) -> Tensor:
        outputs: list[Any] = []

        def keep(output: Any) -> Any:
            outputs.append(output.clone() if isinstance(output, Tensor) else output)
            return output

        with torch.no_grad(), replaced_output(module, keep):
            _call(copied, x)
        if len(outputs) != 1:
            raise OptionError(
                f"layer {path!r} runs {len(outputs)} times in one forward pass; expected one that runs once"
            )
        if not isinstance(outputs[0], Tensor) or outputs[0].dim() < 2 or len(outputs[0]) != len(x):
            raise OptionError(
                f"layer {path!r} gives no tensor with one row per example; choose a layer inside it, or the "
                "one before or after"
            )
        return outputs[0]

    def above(x: Tensor, z: Tensor) -> Tensor:
        with replaced_output(module, lambda _: z):
            return _call(copied, x)

    return path, bottom, above


def _call(copied: ModelCopy, x: Tensor) -> Any:
    """Return logits (N, K), K = 1 for one number per row; errors carry the shapes of the call."""
    try:
        output = copied.function(x)
    except Exception as error:  # whatever a user's forward may raise
        at_the_model(error, (x,))
        raise
    logits = tensor_output(output)
    return logits.unsqueeze(1) if logits.dim() == 1 else logits


def _check(chain: Chain, copied: ModelCopy, rows: Tensor) -> None:
    """Compare chain and model on rows at the other end of the data than those recorded.

    Raises:
        CaptureError: If they differ.
    """
    last = rows[-8:].to(chain.device, chain.dtype)
    expected = _call(copied, last.clone())
    gap = (chain.forward(chain.bottom(last)) - expected).abs().max()
    if not float(gap) <= AGREEMENT * float(expected.abs().max()):
        raise CaptureError(
            f"the layers read off the model give outputs that differ from its own by {float(gap):.3g} on "
            "other rows: it branches on values, or numbers leave torch on the way (.item(), .numpy()). "
            "MIP-IN needs one chain of layers for all inputs"
        )


def without(chain: Chain, count: int, path: str) -> Chain:
    """Return the chain without its first layers, so that X_count, the output of a module, is its bottom."""
    below = chain.bottom

    def bottom(x: Tensor) -> Tensor:
        return chain.forward(below(x), 0, count)

    return replace(chain, layers=chain.layers[count:], bottom=bottom, inside=path)
