"""Do the scores of a sub-network add up? One cut at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from taylorattr.analysis.target import TargetSelector
from taylorattr.criteria.blame.report import Cut, Law, Probe
from taylorattr.errors import OptionError

LONGEST = 140
"""Letters of an error that are shown."""


@dataclass(frozen=True)
class Example:
    """One example at both ends.

    Attributes:
        at_input: Values by name, at x.
        at_baseline: The same at b.
        target: Of the model's output for this example.
    """

    at_input: Mapping[str, Any]
    at_baseline: Mapping[str, Any]
    target: Any


@dataclass(frozen=True)
class Question:
    """A method and what its scores should add up to.

    Attributes:
        make: ``make(model, baselines, target)`` returns rows -> scores.
        law: What the scores should add up to.
        tolerance: Relative gap from which a sum breaks.
    """

    make: Callable[..., Callable[[Any], Any]]
    law: Law
    tolerance: float

    def cut(
        self,
        probe: Probe,
        operation: str,
        network: Callable[..., Any],
        leaves: tuple[str, ...],
        examples: list[Example],
        *,
        reads_out: bool,
    ) -> Cut:
        """Return the sum of the scores of a sub-network beside what it should be.

        Args:
            probe: Which part of the model it is.
            operation: The operation at its edge.
            network: The sub-network.
            leaves: Names of the values it takes.
            examples: Values at both ends.
            reads_out: Whether its output is one number per row; else the target picks one.
        """
        gaps, sums = [], []
        for example in examples:
            rows = tuple(example.at_input[name].clone() for name in leaves)
            start = tuple(example.at_baseline[name].clone() for name in leaves)
            target = 0 if reads_out else example.target
            try:
                due = value(network, rows, target) - (
                    value(network, start, target) if self.law == "difference" else 0.0
                )
                given = scores_of(self.make, network, rows, start, target)
            except Exception as error:  # whatever a library raises on a network that it does not take
                text = f"{type(error).__name__}: {error}".split("\n")[0]
                return Cut(probe, operation, 0.0, 0.0, 0.0, 0.0, "refused", text[:LONGEST])
            total = sum(float(part.double().sum()) for part in given)
            size = max(sum(float(part.double().abs().sum()) for part in given), abs(due))
            gaps.append(abs(total - due) / size if size > 1e-12 else 0.0)
            sums.append((total, due))
        broken = next((k for k, gap in enumerate(gaps) if not gap <= self.tolerance), None)
        total, due = sums[broken or 0]
        expected = sum(abs(due) for _, due in sums) / len(sums)
        status = "holds" if broken is None else "breaks"
        return Cut(probe, operation, expected, total, due, max(gaps), status)


def value(network: Callable[..., Any], rows: tuple[Tensor, ...], target: Any) -> float:
    """Return the explained output, added over rows."""
    with torch.no_grad():
        output = network(*(row.clone() for row in rows))
    first = output if isinstance(output, Tensor) else rows[0]
    examples = torch.zeros(first.shape[0] if first.ndim else 1, dtype=torch.int64)
    return float(TargetSelector(target, 1).select(output, examples).double().sum())


def scores_of(
    make: Callable[..., Callable[[Any], Any]],
    network: Callable[..., Any],
    rows: tuple[Tensor, ...],
    start: tuple[Tensor, ...],
    target: Any,
) -> tuple[Tensor, ...]:
    """Return the scores of each value that a sub-network takes.

    Raises:
        OptionError: If they are not as many tensors as the values.
    """
    alone = len(rows) == 1
    function = make(network, start[0] if alone else start, target)
    given = function(rows[0] if alone else rows)
    parts = tuple(given) if isinstance(given, tuple | list) else (given,)
    if len(parts) != len(rows):
        raise OptionError(f"{len(parts)} tensors of scores for {len(rows)} inputs")
    return tuple(torch.as_tensor(part).detach() for part in parts)
