"""One result that holds effects, as the page names and reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from taylorattr.effects.effects import HarsanyiEffects, InteractionIndex, TaylorEffects
from taylorattr.effects.integrated_hessians import IntegratedHessians
from taylorattr.html.numbers import count

Effects: TypeAlias = TaylorEffects | HarsanyiEffects | InteractionIndex | IntegratedHessians


@dataclass(frozen=True)
class Source:
    """Effects of a batch.

    Attributes:
        key: Its name in the page.
        effects: The result.
        label: What it is, in a line.
    """

    key: str
    effects: Effects
    label: str

    @classmethod
    def of(cls, effects: Effects, place: int) -> Source:
        """Return the source of a result; ``place`` is its number among the results of its kind."""
        return cls(f"s{place}", effects, _label(effects))

    @property
    def batch(self) -> int:
        """Number of examples."""
        return len(self.effects.delta)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the players."""
        return self.effects.names

    def finite(self, example: int) -> bool:
        """Return whether every effect of an example is a finite number."""
        return bool(np.isfinite(self.effects.values[example].detach().cpu().numpy()).all())


def _label(effects: Effects) -> str:
    players = count(len(effects.names), "player")
    if isinstance(effects, IntegratedHessians):
        return f"Integrated Hessians · {players}"
    frame = f"frame {effects.frame}"
    if isinstance(effects, TaylorEffects):
        return f"Taylor effects · {players} · orders up to {effects.order} · {frame}"
    what = f"index {effects.index}" if isinstance(effects, InteractionIndex) else "exact effects"
    held = f"all {len(effects.coalitions):,} coalitions" if effects.full else f"|S| ≤ {effects.largest_order}"
    if isinstance(effects, HarsanyiEffects) and effects.truncated_at is not None:
        what = f"effects summed over Taylor terms up to order {effects.truncated_at}"
    return f"{what[0].upper()}{what[1:]} · {players} · {held} · {frame}"
