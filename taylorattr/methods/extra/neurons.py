"""The hidden neurons of a ReLU network: their scores for an output, and which of them are kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.relu_calls import Change, ReluCalls, watched_pass
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.errors import NonFiniteError, OptionError

SCALES = tuple(t / 10 for t in range(11))
"""Places t at which the integrated score takes the gradient, activations being t·a."""

_SAMPLE = 8192
"""Numbers that are sorted to bracket the threshold."""


@dataclass(frozen=True)
class Neurons:
    """Every scalar output of every call of a ReLU, numbered call by call, each in row-major order.

    Attributes:
        shapes: Shape (R, …) of the outputs, by call.
    """

    shapes: Mapping[int, torch.Size]

    def columns(self, rows: int) -> Iterator[tuple[int, slice]]:
        """Yield each call and the numbers of its neurons."""
        start = 0
        for call, shape in self.shapes.items():
            size = shape.numel() // rows
            yield call, slice(start, start + size)
            start += size

    def count(self, rows: int) -> int:
        """Return how many there are in one example."""
        return sum(shape.numel() for shape in self.shapes.values()) // rows

    def layers(self, rows: int) -> tuple[str, ...]:
        """Return a name of each call: its number and the shape of one example's output."""
        shapes = (shape[1:] if shape[0] == rows else shape for shape in self.shapes.values())
        return tuple(
            f"ReLU {number} ({'×'.join(map(str, shape)) or '1'})" for number, shape in enumerate(shapes)
        )

    def by_call(self, table: Tensor) -> dict[int, Tensor]:
        """Return the columns of a table (R, M) in the shapes of the outputs, by call."""
        rows = len(table)
        return {call: table[:, columns].reshape(self.shapes[call]) for call, columns in self.columns(rows)}

    def masks(self, table: Tensor) -> tuple[Tensor, ...]:
        """Return the columns of a table (R, M), on the CPU, shape (R, …) each: one example's output last."""
        rows = len(table)
        return tuple(
            (part if len(part) == rows else part[None]).cpu() for part in self.by_call(table).values()
        )


def masking(masks: Mapping[int, Tensor]) -> Change:
    """Return what sets neurons to 0: the outputs of each call times its mask."""

    def change(call: int, output: Tensor) -> None:
        mask = masks.get(call)
        if mask is not None:
            output.mul_(mask)

    return change


class RowsNotFirstError(Exception):
    """A ReLU runs on tensors whose first dimension is not the examples."""


class Contributions:
    """|a_j ∂y/∂a_j|: to first order, what y changes by if neuron j is set to 0.

    Taken while the pass back meets the neurons, so that neither their outputs nor the derivatives are held
    longer than the pass itself holds them.

    Args:
        scalar: The model.
        xs: Input tensors (R, …).
        examples: Shape (R,), int64: whose target and extra arguments each row uses.
        change: Applied to the output of each call.
        alone: What a pass of one row saw: by it the dimension of the rows is told. None where R is 1.
        tables: Scores and marks of earlier passes by shape, which are written over: fresh memory for
            hundreds of thousands of neurons takes as long as scoring them.

    Attributes:
        seen: The pass.
        neurons: Those that it met.
        scores: Shape (R, M).
        active: Which neurons are not 0, shape (R, M), bool.

    Raises:
        RowsNotFirstError: If the R rows are not the first dimension of every output.
    """

    neurons: Neurons
    scores: Tensor
    active: Tensor

    def __init__(
        self,
        scalar: ScalarModel,
        xs: tuple[Tensor, ...],
        examples: Tensor,
        change: Change | None = None,
        alone: ReluCalls | None = None,
        tables: dict[tuple[int, int], tuple[Tensor, Tensor]] | None = None,
    ) -> None:
        """Run the pass."""
        self._tables = {} if tables is None else tables
        self._like, self._rows = torch.empty(0, dtype=scalar.dtype, device=scalar.device), len(examples)
        self._calls, self._alone = ReluCalls(change, self._meet), alone
        self._columns: dict[int, slice] = {}
        self.seen = watched_pass(scalar, xs, examples, self._calls)
        if not self._columns:  # the output depends on no neuron
            self._arrange()
        for call, output in self._calls.unmet.items():
            self.scores[:, self._columns[call]] = 0
            self._set_active(call, output)
        del self._calls  # it knows this object: the tables of one block would outlive the next

    def _arrange(self) -> None:
        """Lay out the tables: on the way back all calls are known."""
        for call, shape in self._calls.shapes.items():
            lone = None if self._alone is None else self._alone.shapes.get(call, ())
            if lone is not None and (lone[:1] != (1,) or shape != (self._rows, *lone[1:])):
                raise RowsNotFirstError
        self.neurons = Neurons(self._calls.shapes)
        self._columns = dict(self.neurons.columns(self._rows))
        shape = self._rows, self.neurons.count(self._rows)
        if shape not in self._tables:
            self._tables[shape] = self._like.new_empty(shape), self._like.new_empty(shape, dtype=torch.bool)
        self.scores, self.active = self._tables[shape]

    def _meet(self, call: int, output: Tensor, gradient: Tensor) -> None:
        if not self._columns:
            self._arrange()
        part = self.scores[:, self._columns[call]]
        torch.mul(output.reshape(self._rows, -1), gradient.reshape(self._rows, -1), out=part)
        part.abs_()
        self._set_active(call, output)

    def _set_active(self, call: int, output: Tensor) -> None:
        part = self.active[:, self._columns[call]]
        torch.gt(output.detach().reshape(self._rows, -1), 0, out=part)


def integrated_contributions(
    scalar: ScalarModel, xs: tuple[Tensor, ...], examples: Tensor, neurons: Neurons, change: Change
) -> Tensor:
    """Return |a_j · mean_t ∂y/∂a_j at activation t·a_j|, shape (R, M), one call scaled at a time.

    Args:
        scalar: The model.
        xs: Input tensors (R, …).
        examples: Whose target and extra arguments each row uses.
        neurons: Those of the model at these rows.
        change: Applied to the output of each call before it is scaled.
    """
    rows = len(examples)
    table = torch.zeros(rows, neurons.count(rows), dtype=scalar.dtype, device=scalar.device)
    for call, columns in neurons.columns(rows):
        for t in SCALES:

            def scale(number: int, output: Tensor, call: int = call, t: float = t) -> None:
                change(number, output)
                if number == call:
                    output.mul_(t)

            def add(
                number: int,
                output: Tensor,
                gradient: Tensor,
                call: int = call,
                columns: slice = columns,
                t: float = t,
            ) -> None:
                if number == call:
                    table[:, columns] += gradient.reshape(rows, -1)
                    if t == 1:  # the last of them
                        table[:, columns] *= output.detach().reshape(rows, -1) / len(SCALES)

            watched_pass(scalar, xs, examples, ReluCalls(scale, add))
    return table.abs_()


def row_totals(scores: Tensor) -> Tensor:
    """Return the sum of each example's scores, shape (R,): 0 where no neuron matters.

    Raises:
        NonFiniteError: If a score is NaN or infinite.
    """
    totals = scores.sum(1)
    if not bool(torch.isfinite(totals).all()) and not bool(torch.isfinite(scores).all()):
        row = int((~torch.isfinite(scores)).any(1).nonzero()[0])
        raise NonFiniteError(
            f"the score of a neuron is NaN or infinite in row {row} of a batch: derivatives overflow inside "
            "the model; use dtype=torch.float64, or move the input"
        )
    return totals


def kept_count(sparsity: float, neurons: int) -> int:
    """Return ⌈(1 − p)·M⌉ of the decimal number p; in binary 0.3·10 would be more than 3.

    Raises:
        OptionError: If there is no neuron.
    """
    if not neurons:
        raise OptionError(
            "no ReLU lies between the inputs and the output, so there is no neuron to prune. torch.relu, "
            "F.relu, Tensor.relu and nn.ReLU are seen, clamps, maxima and other activations are not; "
            "gradient_x_input with multiply_by='none' is the plain gradient"
        )
    return math.ceil((1 - Fraction(repr(float(sparsity)))) * neurons)


def most_important(scores: Tensor, count: int) -> Tensor:
    """Return which neurons of each row score highest, exactly `count` of them; of equal ones the first.

    Args:
        scores: Shape (R, M).
        count: From 1 to M.

    Returns:
        Shape (R, M), bool.
    """
    rows = scores.cpu()
    rows = (rows if rows.dtype in (torch.float32, torch.float64) else rows.float()).numpy()
    return torch.from_numpy(np.stack([largest(row, count) for row in rows])).to(scores.device)


def largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return which numbers are the largest, exactly `count` of them; of equal ones those that come first.

    A sorted sample brackets the threshold, and only the numbers inside the bracket are partitioned: a sixth
    of the time of partitioning half a million, a twentieth of ``torch.topk``.

    Args:
        values: Shape (M,), no NaN.
        count: From 1 to M.

    Returns:
        Shape (M,), bool.
    """
    threshold = _nth_largest(values, count)
    chosen = values > threshold
    missing = count - np.count_nonzero(chosen)
    if missing:
        chosen[np.flatnonzero(values == threshold)[:missing]] = True
    return chosen


def _nth_largest(values: np.ndarray, count: int) -> np.generic:
    step = len(values) // _SAMPLE
    if step > 1:
        sample = np.sort(values[::step])[::-1]
        place, slack = count // step, 2 * int(len(sample) ** 0.5)
        if slack <= place < len(sample) - slack:
            high, low = sample[place - slack], sample[place + slack]
            above = int(np.count_nonzero(values > high))
            inside = values[(values <= high) & (values >= low)]
            if above < count <= above + len(inside):
                values, count = inside, count - above
    return np.partition(values, len(values) - count)[len(values) - count]
