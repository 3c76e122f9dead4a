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
        shares: What was given up by name: ``bias``, ``epsilon``, ``constant``, ``empty group``.
        remainder: incoming − outgoing − Σ shares; a fault where it is not rounding.
    """

    op: str
    module: str
    where: str
    rule: str = ""
    incoming: float = 0.0
    outgoing: float = 0.0
    shares: dict[str, float] = field(default_factory=dict)
    remainder: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return dict(vars(self))


class Ledger:
    """Collects the balance during one walk.

    Sums run over everything, the batch included: seed a single example, or rows with unequal weights, so
    that faults of two rows cannot cancel.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._open: Entry | None = None

    def open(self, site: Site, ms: Sequence[Tensor | None]) -> None:
        """Begin an operation with what comes in."""
        node = site.node
        entry = Entry(str(node.op), node.module, node.where)
        for index, m in zip(site.outs, ms, strict=True):
            if m is not None and index is not None:
                entry.incoming += _total(m, _quantity(site, index))
        self._open = entry

    def note(self, share: str, amount: Tensor) -> None:
        """Write down relevance given up on purpose; nothing outside an operation."""
        if self._open is not None:
            shares = self._open.shares
            shares[share] = shares.get(share, 0.0) + float(amount.double().sum())

    def close(self, site: Site, rule: Rule, handed: Sequence[tuple[int, Tensor, bool]]) -> None:
        """End an operation with what goes out: value number, tensor, whether it is a relevance."""
        entry = self._open
        assert entry is not None
        entry.rule = rule.name
        for index, g, is_relevance in handed:
            entry.outgoing += float(g.double().sum()) if is_relevance else _total(g, _quantity(site, index))
        entry.remainder = entry.incoming - entry.outgoing - sum(entry.shares.values())
        if rule.absorbs is not None:
            if entry.remainder:
                entry.shares[rule.absorbs] = entry.shares.get(rule.absorbs, 0.0) + entry.remainder
            entry.remainder = 0.0
        self.entries.append(entry)
        self._open = None

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


def _quantity(site: Site, index: int) -> Tensor:
    x = site.values[index]
    return x if site.reference is None else finite_difference(x, site.reference[index])


def _total(m: Tensor, quantity: Tensor) -> float:
    product = m * quantity
    if bool(torch.isnan(product).any()):  # 0 · ∞, where a masked value gets nothing
        product = torch.where(m == 0, 0.0, product)
    return float(product.double().sum())
