"""Find the edge between sums that hold and sums that break, with few sub-networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from taylorattr.criteria.blame.report import Cut

Fault: TypeAlias = Literal["breaks", "refused"]
"""What is sought: sums that break, or networks that the method does not take."""


@dataclass
class Cuts:
    """Sub-networks that were looked at, each once.

    Attributes:
        measure: Place of an operation -> its cut.
        fault: What is sought.
        seen: What was measured.
    """

    measure: Callable[[int], Cut]
    fault: Fault = "breaks"
    seen: dict[int, Cut] = field(default_factory=dict)

    def __getitem__(self, k: int) -> Cut:
        """Return the cut at operation k."""
        if k not in self.seen:
            self.seen[k] = self.measure(k)
        return self.seen[k]

    def wrong(self, k: int) -> bool | None:
        """Whether the cut shows the fault; None where a refusal hides whether the sum breaks."""
        status = self[k].status
        if self.fault == "refused":
            return status == "refused"
        return None if status == "refused" else status == "breaks"


def edge(cuts: Cuts, right: int, wrong: int) -> tuple[int, int]:
    """Return neighbouring places, apart from refused ones, of which one holds and the other shows the fault.

    Args:
        cuts: The cuts; a longer one behind a broken one is taken to stay broken.
        right: A place that holds, above or below `wrong`.
        wrong: A place that shows the fault.

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
