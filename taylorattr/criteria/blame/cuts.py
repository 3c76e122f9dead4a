"""Do the scores of a sub-network add up, and between which two neighbouring cuts do they stop doing so?

Each cut runs a method of another library on a network of its own, which is slow and may be refused; so cuts
are made by bisection, each once, and a refused one is stepped around.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from taylorattr.analysis.targets import TargetSelector
from taylorattr.criteria.blame.blamed_operation import Cut, Law, Probe
from taylorattr.errors import OptionError

NOTHING = 1e-12
"""Scores and sums up to this, in float64, are 0 and add up."""

REFUSAL_LETTERS = 140
"""Letters of a refusal that are told."""


Fault: TypeAlias = Literal["breaks", "refused"]
"""What is sought: sums that break, or networks that the method does not take."""


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
class SumCheck:
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
        gaps, sums = [], []  # sums: what the scores add up to, and what is due, of each example
        for example in examples:
            rows = tuple(example.at_input[name].clone() for name in leaves)
            start = tuple(example.at_baseline[name].clone() for name in leaves)
            target = 0 if reads_out else example.target
            try:
                due = value(network, rows, target) - (
                    value(network, start, target) if self.law == "difference" else 0.0
                )
                scores = scores_of(self.make, network, rows, start, target)
            except Exception as error:  # whatever a library raises on a network that it does not take
                text = f"{type(error).__name__}: {error}".split("\n")[0]
                return Cut(probe, operation, 0.0, 0.0, 0.0, 0.0, "refused", text[:REFUSAL_LETTERS])
            total = sum(float(part.double().sum()) for part in scores)
            size = max(sum(float(part.double().abs().sum()) for part in scores), abs(due))
            gaps.append(abs(total - due) / size if size > NOTHING else 0.0)
            sums.append((total, due))
        broken = next((k for k, gap in enumerate(gaps) if not gap <= self.tolerance), None)  # NaN breaks too
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
    returned = function(rows[0] if alone else rows)
    parts = tuple(returned) if isinstance(returned, tuple | list) else (returned,)
    if len(parts) != len(rows):
        raise OptionError(f"{len(parts)} tensors of scores for {len(rows)} inputs")
    return tuple(torch.as_tensor(part).detach() for part in parts)


@dataclass
class Cuts:
    """Sub-networks by the number of the operation at their edge, each measured once.

    Attributes:
        measure: Number of an operation -> its cut.
        fault: What is sought.
        measured: The cuts that have been asked for.
    """

    measure: Callable[[int], Cut]
    fault: Fault = "breaks"
    measured: dict[int, Cut] = field(default_factory=dict)

    def __getitem__(self, k: int) -> Cut:
        """Return the cut at operation k."""
        if k not in self.measured:
            self.measured[k] = self.measure(k)
        return self.measured[k]

    def wrong(self, k: int) -> bool | None:
        """Whether the cut shows the fault; None where a refusal hides whether the sum breaks."""
        status = self[k].status
        if self.fault == "refused":
            return status == "refused"
        return None if status == "refused" else status == "breaks"


def edge(cuts: Cuts, right: int, wrong: int) -> tuple[int, int]:
    """Return neighbouring cuts, apart from refused ones, of which one holds and the other shows the fault.

    Args:
        cuts: The cuts; a longer one behind a broken one is taken to stay broken.
        right: A cut that holds, above or below `wrong`.
        wrong: A cut that shows the fault.

    Returns:
        Both, as near as refusals between them allow.
    """
    while abs(right - wrong) > 1:
        middle = (right + wrong) // 2
        between = sorted(range(min(right, wrong) + 1, max(right, wrong)), key=lambda k: abs(k - middle))
        usable = next((k for k in between if cuts.wrong(k) is not None), None)
        if usable is None:
            break
        if cuts.wrong(usable):
            wrong = usable
        else:
            right = usable
    return right, wrong


def last_fault(cuts: Cuts, count: int) -> tuple[int, int] | None:
    """Return the operation that the suffixes name and the next one from which the sum holds, or None.

    Args:
        cuts: Suffixes by their first operation.
        count: Number of operations; a suffix without any holds.
    """
    known = next((k for k in range(count) if cuts.wrong(k) is not None), None)
    if known is None or not cuts.wrong(known):
        return None
    right, wrong = edge(cuts, count, known)
    return wrong, right


def first_fault(cuts: Cuts, count: int, parents: Callable[[int], list[int]]) -> int | None:
    """Return the operation that the prefixes name, or None.

    Args:
        cuts: Prefixes by their last operation.
        count: Number of operations.
        parents: Operation -> those it takes values from, which must hold for it to be blamed.
    """
    known = next((k for k in reversed(range(count)) if cuts.wrong(k) is not None), None)
    if known is None or not cuts.wrong(known):
        return None
    _, wrong = edge(cuts, -1, known)
    while True:
        above = [k for k in parents(wrong) if cuts.wrong(k)]
        if not above:
            return wrong
        wrong = above[0]
