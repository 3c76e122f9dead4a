"""Where relevance was created or lost: incoming, outgoing, named shares and remainder of every operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from taylorattr.methods.relevance.rule import Rule
from taylorattr.methods.relevance.site import Site, finite_difference


@dataclass
class Entry:
    """The balance of one operation.

    Attributes:
        op: The operation.
        module: Dotted path of the module that ran it.
        where: Source line.
        rule: Name of the rule.
        incoming: Σ m_out·y (or m_out·Δy).
        outgoing: Σ m_in·in (or m_in·Δin).
        shares: What the rule gave up by name: ``bias``, ``epsilon``, ``constant``, ``empty group``. Each is
            worked out from what it stands for (the response to inputs 0), never from what is missing.
        remainder: incoming − outgoing − Σ shares; a fault where it is not rounding.
    """

    op: str
    module: str
    where: str
    rule: str
    incoming: float
    outgoing: float
    shares: dict[str, float]
    remainder: float

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return dict(vars(self))


Layouts = list[Tensor]
"""The sums of one tensor by rows, one candidate per way its dimensions may hold the rows."""


@dataclass
class Line:
    """What is summed for one operation, tensor by tensor; fields as in `Entry`."""

    site: Site
    rule: str = ""
    incoming: list[Layouts] = field(default_factory=list)
    outgoing: list[Layouts] = field(default_factory=list)
    shares: dict[str, list[Layouts]] = field(default_factory=dict)

    def entry(self, row: int) -> Entry:
        """One row in plain numbers."""
        incoming, outgoing = _at(self.incoming, row), _at(self.outgoing, row)
        shares = {name: _at(amounts, row) for name, amounts in self.shares.items()}
        node = self.site.node
        left = incoming - outgoing - sum(shares.values())
        return Entry(str(node.op), node.module, node.where, self.rule, incoming, outgoing, shares, left)

    def tensors(self) -> list[Layouts]:
        """Everything summed, in order."""
        return [*self.incoming, *self.outgoing, *(part for parts in self.shares.values() for part in parts)]


def _at(parts: list[Layouts], row: int) -> float:
    return sum(float(layouts[0][row]) for layouts in parts)


class Ledger:
    """Collects the balance during one walk.

    Args:
        rows: Number of parts every tensor is summed in. With 1, sums run over everything, the batch included:
            seed a single example, or rows with unequal weights, so that faults of two rows cannot cancel.
            With B, every dimension that may hold the examples is tried; `settle` finds the right one.

    Attributes:
        asks_for_shares: Whether rules are to work out what they give up, such as the response to inputs 0.
    """

    asks_for_shares = True

    def __init__(self, rows: int = 1) -> None:
        self.rows = rows
        self.lines: list[Line] = []
        self._open: Line | None = None

    def open(self, site: Site, ms: Sequence[Tensor | None], rs: Sequence[Tensor | None] = ()) -> None:
        """Begin an operation with what comes in: multipliers and relevances of its results."""
        line = Line(site)
        for index, m in zip(site.outs, ms, strict=True):
            if m is not None and index is not None:
                line.incoming.append(self._sums(_product(m, _quantity(site, index))))
        line.incoming += [self._sums(r) for r in rs if r is not None]
        self._open = line

    def note(self, share: str, amount: Tensor) -> None:
        """Write down relevance given up on purpose; nothing outside an operation."""
        if self._open is not None and bool(amount.any()):
            self._open.shares.setdefault(share, []).append(self._sums(amount))

    def close(self, site: Site, rule: Rule | str, handed: Sequence[tuple[int, Tensor, bool]]) -> None:
        """End an operation with what goes out: value number, tensor, whether it is a relevance."""
        line = self._open
        assert line is not None
        line.rule = rule if isinstance(rule, str) else rule.name
        for index, g, is_relevance in handed:
            amount = g if is_relevance else _product(g, _quantity(site, index))
            line.outgoing.append(self._sums(amount))
        self.lines.append(line)
        self._open = None

    def _sums(self, amount: Tensor) -> Layouts:
        if self.rows == 1:
            return [amount.sum(dtype=torch.float64).reshape(1).cpu()]
        layouts = []
        for d, size in enumerate(amount.shape):
            if size and size % self.rows == 0:
                others = [i for i in range(amount.dim()) if i != d]
                along = (amount.sum(others, dtype=torch.float64) if others else amount.double()).cpu()
                layouts.append(along.reshape(self.rows, -1).sum(1))
                if size > self.rows:  # merged with another dimension, the examples last
                    layouts.append(along.reshape(-1, self.rows).sum(0))
        return layouts

    def row(self, row: int) -> Ledger:
        """Return the ledger of one row of a settled one."""
        one = Ledger()

        def part(parts: list[Layouts]) -> list[Layouts]:
            return [[layouts[0][row : row + 1]] for layouts in parts]

        for line in self.lines:
            shares = {name: part(amounts) for name, amounts in line.shares.items()}
            one.lines.append(Line(line.site, line.rule, part(line.incoming), part(line.outgoing), shares))
        return one

    def settle(self, other: Ledger, weights: Tensor, tolerance: float) -> bool:
        """Keep of each tensor the layout in which rows are examples, by comparing two walks.

        Args:
            other: The ledger of a walk seeded with the weights, where this one was seeded with ones.
            weights: w, shape (rows,), unequal. Where row e is example e, its sum there is w_e times ours.
            tolerance: Of the largest sum.

        Returns:
            Whether every tensor has such a layout; the ledger is of no use where not.
        """
        w = weights.double().cpu()
        sums = [s for line in self.lines for layouts in line.incoming for s in layouts]
        scale = max([1e-300, *(float(s.abs().max()) for s in sums)])
        for mine, theirs in zip(self.lines, other.lines, strict=True):
            ours, weighted = mine.tensors(), theirs.tensors()
            if len(ours) != len(weighted):
                return False
            for layouts, others in zip(ours, weighted, strict=True):
                right = [
                    one
                    for one, two in zip(layouts, others, strict=True)
                    if float((w * one - two).abs().max()) <= tolerance * scale
                ]
                if not right:
                    return False
                layouts[:] = right[:1]
        return True

    @property
    def entries(self) -> list[Entry]:
        """Every operation, in the order of the walk; of the first row."""
        return [line.entry(0) for line in self.lines]

    @property
    def shares(self) -> dict[str, float]:
        """Every named share, summed over the operations."""
        total: dict[str, float] = {}
        for entry in self.entries:
            for name, amount in entry.shares.items():
                total[name] = total.get(name, 0.0) + amount
        return total

    def worst(self) -> Entry | None:
        """The operation with the largest remainder."""
        return max(self.entries, key=lambda e: abs(e.remainder), default=None)


class Sizes(Ledger):
    """Takes Σ|relevance| in place of the sums: what an operation makes of it that cancels in a sum shows."""

    asks_for_shares = False

    def _sums(self, amount: Tensor) -> Layouts:
        return [amount.abs().sum(dtype=torch.float64).reshape(1).cpu()]

    def largest_growth(self) -> Entry | None:
        """The operation that hands on the largest multiple of what it receives."""
        received = [e for e in self.entries if e.incoming > 0]
        return max(received, key=lambda e: e.outgoing / e.incoming, default=None)


def _quantity(site: Site, index: int) -> Tensor:
    x = site.values[index]
    return x if site.reference is None else finite_difference(x, site.reference[index])


def _product(m: Tensor, quantity: Tensor) -> Tensor:
    product = m * quantity
    if bool(torch.isnan(product.sum())):  # 0 · ∞, where a masked value gets nothing
        product = torch.where(m == 0, 0.0, product)
    return product
