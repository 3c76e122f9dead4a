"""Players folded into the model's first affine layer.

Where a model begins with one linear or convolution layer A on the untouched input, the pre-activation of a
coalition T is A(b) + Σ_{g∈T} L(Δ_g), L the layer without bias: n columns computed once replace the
layer and the masked inputs. The rest of the model is run with the layer's call answered by these sums.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from taylorattr.analysis.game import Game
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.analysis.shared_rows import columns_at
from taylorattr.program.arguments import leaves

_TABLE_BYTES = 16 * 2**20
_COLUMN_BYTES = 256 * 2**20
_WITH_BIAS = {F.linear, torch.conv1d, torch.conv2d, torch.conv3d}
_WITHOUT_BIAS = {torch.matmul, torch.mm, Tensor.matmul, Tensor.mm, Tensor.__matmul__}
_RESHAPES = {
    torch.flatten, torch.reshape, torch.squeeze, torch.unsqueeze, Tensor.flatten, Tensor.reshape, Tensor.view,
    Tensor.squeeze, Tensor.unsqueeze, Tensor.contiguous, Tensor.to, Tensor.double, Tensor.float,
}  # fmt: skip
_METADATA = {
    "size", "dim", "numel", "nelement", "stride", "is_contiguous", "is_floating_point", "is_complex",
    "__len__", "element_size", "get_device", "shape", "dtype", "device", "ndim", "requires_grad", "layout",
    "is_cuda", "is_sparse", "is_nested", "is_quantized", "is_mps", "is_meta", "ndimension",
    "__hash__", "data_ptr",
}  # fmt: skip


class OtherPathError(RuntimeError):
    """The model took another path than at the baseline: it reads the input elsewhere."""


@dataclass
class FirstAffine:
    """Pre-activations of coalitions, and the rest of the model.

    Attributes:
        game: The game.
        example: Which example.
        operation: The torch function that applies the layer.
        offset: A(b), shape (1, …).
        columns: L(Δ_g), shape (n, width) with the layer's output flattened.
        tables: For the low and the high half of the players the sums of every subset, the offset in the
            first; None when they would not fit, then a matrix product is used.
        low: Number of players in the first table.
    """

    game: Game
    example: int
    operation: Any
    offset: Tensor
    columns: Tensor
    tables: tuple[Tensor, Tensor] | None
    low: int

    def values(self, bits: Tensor | None, masks: Tensor | None, examples: Tensor) -> Tensor:
        """Return v of R coalitions for the examples that share the rows of this one.

        Args:
            bits: Shape (R, n), bool; needed without tables.
            masks: Shape (R,), int64; needed with tables.
            examples: Shape (R,), the example repeated.

        Returns:
            Shape (R, K), as `columns_at`.

        Raises:
            ValueError: If what is needed is missing.
            OtherPathError: If the model reads the input elsewhere for these coalitions.
        """
        rows = len(examples)
        start = self.game.baselines[0][self.example]
        placeholder = start.expand(rows, *start.shape)
        with AnsweredLayer(placeholder, self.operation, self._pre_activations(bits, masks, rows)):
            return columns_at(self.game.scalar, (placeholder,), examples)

    def _pre_activations(self, bits: Tensor | None, masks: Tensor | None, rows: int) -> Tensor:
        if self.tables is not None and masks is not None:
            block = self._sum_tables(self.tables, masks)
        elif bits is not None:
            block = torch.addmm(self.offset.reshape(1, -1), bits.to(self.columns.dtype), self.columns)
        else:
            raise ValueError("either tables with masks, or bits")
        return block.reshape(rows, *self.offset.shape[1:])

    def _sum_tables(self, tables: tuple[Tensor, Tensor], masks: Tensor) -> Tensor:
        """Return the sums of both tables' rows: one broadcast addition for masks in bitmask order."""
        first, rows, size = int(masks[0]), len(masks), 2**self.low
        run = min(rows, size)
        whole = rows % run == 0 and size % run == 0 and first % run == 0
        aligned = whole and int(masks[-1]) == first + rows - 1
        if aligned and bool((masks[1:] > masks[:-1]).all()):
            low = tables[0][first % size : first % size + run]
            high = tables[1][first >> self.low : (first + rows - 1 >> self.low) + 1]
            return torch.add(low[None], high[:, None]).reshape(rows, -1)
        block = tables[0].index_select(0, masks & (size - 1))
        return block.add_(tables[1].index_select(0, masks >> self.low))


def find_first_affine(game: Game, example: int) -> FirstAffine | None:
    """Return the fold, or None where the model does not begin with an affine layer used once.

    What counts is what the call does: the first operation on the input, up to reshapes, is one linear,
    convolution or matrix product with a tensor that does not depend on it, and nothing else reads the input.
    The caller verifies the fold's values.
    """
    if len(game.inputs) != 1 or not game.inputs[0].is_floating_point():
        return None
    start = game.baselines[0][example : example + 1]
    examples = torch.tensor([example])
    with _Look(start) as look:
        game.scalar.values((start,), examples)
    if look.layer is None or look.refused:
        return None
    operation, offset, linear = look.layer
    if offset.shape[0] != 1 or offset.dtype != game.dtype:
        return None
    width = offset.numel()
    if game.n * width * offset.element_size() > _COLUMN_BYTES:
        return None
    delta = game.directions(example)[0]
    rows = max(1, _TABLE_BYTES // max(1, delta[0].numel() * delta.element_size()))
    columns = torch.cat([linear(delta[i : i + rows]).reshape(-1, width) for i in range(0, game.n, rows)])
    low = (game.n + 1) // 2
    tables = None
    if 2 ** (low + 1) * width * offset.element_size() <= _TABLE_BYTES:
        high = columns.new_zeros(1, width)
        tables = (_subset_sums(offset.reshape(1, -1), columns[:low]), _subset_sums(high, columns[low:]))
    return FirstAffine(game, example, operation, offset, columns, tables, low)


def _subset_sums(start: Tensor, columns: Tensor) -> Tensor:
    """Return start + Σ_{i∈T} columns_i for every subset T in bitmask order, shape (2^k, width)."""
    table = start
    for column in columns:
        table = torch.cat([table, table + column])
    return table


class InputWatch(TorchFunctionMode):
    """Follows the input through reshapes to the operation that reads it."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.raw: dict[int, Tensor] = {id(x): x}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        uses = sum(1 for part in leaves(Tensor, (*args, *kwargs.values())) if id(part) in self.raw)
        if not uses:
            return func(*args, **kwargs)
        if func in _RESHAPES and uses == 1:
            result = func(*args, **kwargs)
            if result.dtype == next(iter(self.raw.values())).dtype:
                self.raw[id(result)] = result
                return result
            return self.other(result)
        name = getattr(func, "__name__", "")
        if name == "__get__":  # a property: its getter knows the name
            name = getattr(getattr(func, "__self__", None), "__name__", "")
        if name in _METADATA:
            return func(*args, **kwargs)
        return self.read(func, args, kwargs, uses)

    def other(self, result: Any) -> Any:
        """Called where the input is used in a way the fold does not cover."""
        return result

    def read(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], uses: int) -> Any:
        """Called where an operation reads the input."""
        return func(*args, **kwargs)


class _Look(InputWatch):
    """Finds the affine layer and whether anything else reads the input."""

    layer: tuple[Any, Tensor, Callable[[Tensor], Tensor]] | None = None
    refused = False

    def other(self, result: Any) -> Any:
        self.refused = True
        return result

    def read(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], uses: int) -> Any:
        result = func(*args, **kwargs)
        linear = _linear_part(func, args, kwargs, self.raw) if uses == 1 and self.layer is None else None
        if linear is None:
            return self.other(result)
        self.layer = (func, result.clone(), linear)  # an in-place activation may follow
        return result


class AnsweredLayer(InputWatch):
    """Answers the affine layer's call with prepared pre-activations."""

    def __init__(self, x: Tensor, operation: Any, answer: Tensor) -> None:
        super().__init__(x)
        self.operation = operation
        self.answers = [answer]

    def other(self, result: Any) -> Any:
        """Refuse: the model takes another path than the prepared one."""
        raise OtherPathError

    def read(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], uses: int) -> Any:
        """Answer the layer's call, once."""
        if func is not self.operation or uses != 1 or not self.answers:
            raise OtherPathError
        return self.answers.pop()  # not kept: its memory is reused by the layers after it


class _FirstRead(BaseException):
    """The model's first read of its input has been seen: the rest of the call is not needed."""


class Tap(InputWatch):
    """Keeps the output of the first operation on the input, if it is an affine layer, and ends the call.

    That nothing else reads the input shows when the nodes run.
    """

    def __init__(self, x: Tensor) -> None:
        super().__init__(x)
        self.input = x
        self.output: Tensor | None = None
        self.operation: Any = None

    def other(self, result: Any) -> Any:
        """End the call: the first use of the input is no layer."""
        raise _FirstRead

    def read(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], uses: int) -> Any:
        """Run the layer by itself, keep its output and end the call."""
        if uses == 1 and args and id(args[0]) in self.raw:
            product = func in _WITHOUT_BIAS and len(args) == 2 and args[1].ndim == 2 and args[0].ndim >= 2
            if func in _WITH_BIAS or product:
                self.output, self.operation = func(*args, **kwargs), func
        raise _FirstRead


def tapped(scalar: ScalarModel, points: Tensor, examples: Tensor) -> Tap:
    """Return the first affine layer and its output at points (R, …), running the model no further."""
    with Tap(points) as tap, suppress(_FirstRead):
        scalar.values((points,), examples)
    return tap


def _linear_part(
    func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], raw: dict[int, Tensor]
) -> Callable[[Tensor], Tensor] | None:
    """Return the operation without its bias as a function of rows shaped like the game's input."""
    if not args or id(args[0]) not in raw:
        return None
    shape = tuple(args[0].shape[1:])
    rest = list(args[1:])
    named = dict(kwargs)
    if func in _WITH_BIAS:
        named.pop("bias", None)
        if len(rest) > 1:
            rest[1] = None
    elif func not in _WITHOUT_BIAS or len(rest) != 1 or rest[0].ndim != 2 or args[0].ndim < 2:
        return None
    if args[0].shape[0] != 1:
        return None
    return lambda rows: func(rows.reshape(len(rows), *shape), *rest, **named)
