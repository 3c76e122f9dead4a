"""AuditReport: what `audit` found, as a page a person reads, as JSON, as numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass

from taylorattr.criteria.audit.numbers import AuditNumbers
from taylorattr.criteria.audit.page import page


@dataclass(frozen=True, eq=False, repr=False)
class AuditReport(AuditNumbers):
    """The three criteria of one method on one network; fields as in `AuditNumbers`."""

    def to_json(self) -> str:
        """Return everything as JSON text; ``AuditReport.from_dict(json.loads(text))`` reads it back."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    def summary(self, examples: int = 3) -> str:
        """Return the page with the details of the first few examples."""
        return page(self, examples)

    def __repr__(self) -> str:
        """Show the page."""
        return self.summary()
