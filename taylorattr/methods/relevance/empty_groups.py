"""Relevance that reached units without a contribution of the wanted sign, docs/theory.md eqs. (34), (38)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from taylorattr.errors import PrecisionWarning, warn
from taylorattr.methods.relevance.site import Site

_MATERIAL = 0.01


@dataclass
class EmptyGroups:
    """Counts what α–β and z⁺ give to nobody, during the walks of one question.

    Attributes:
        units: Number of units whose group was empty and whose relevance was not 0.
        lost: Σ|relevance| of theirs.
        places: Operations where it happened.
    """

    units: int = 0
    lost: float = 0.0
    places: list[str] = field(default_factory=list)

    def __call__(self, site: Site, lost: Tensor) -> None:
        """Count the entries of one operation: the relevance given up, 0 elsewhere."""
        count = int(torch.count_nonzero(lost))
        if count:
            self.units += count
            self.lost += float(lost.double().abs().sum())
            if site.place not in self.places:
                self.places.append(site.place)

    def report(self, output: Tensor, method: str) -> dict[str, Any]:
        """Return diagnostics, and warn where more than 1 % of Σ|f(x)| is concerned.

        Args:
            output: f(x), shape (B,).
            method: Name for the message.
        """
        if not self.units:
            return {}
        share = self.lost / max(float(output.double().abs().sum()), torch.finfo(torch.float64).tiny)
        if share > _MATERIAL:
            warn(
                f"{method} found {self.units} units without a contribution of the sign that takes relevance, "
                f"first at {self.places[0]}; they held {share:.0%} of Σ|f(x)|, which nobody gets (the share "
                "'empty group' of balance=True). lrp_epsilon, or bias='denominator', hands it on",
                PrecisionWarning,
            )
        return {"empty_groups": {"units": self.units, "relevance": self.lost, "operations": self.places}}
