"""What the page reads of a reformulation."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from taylorattr.allocation.layerwise.formal import FormalAllocation
from taylorattr.allocation.layerwise.result import Layerwise
from taylorattr.allocation.rule import AllocationRule
from taylorattr.attribution import Attribution
from taylorattr.effects.effects import HarsanyiEffects, TaylorEffects
from taylorattr.reformulation.term import Term


class Shown(Protocol):
    """A reformulation as the page sees it; :class:`Reformulation` says what each is."""

    @property
    def method(self) -> str: ...  # noqa: D102
    @property
    def rule(self) -> str: ...  # noqa: D102
    @property
    def direct(self) -> Attribution: ...  # noqa: D102
    @property
    def allocated(self) -> Attribution: ...  # noqa: D102
    @property
    def effects(self) -> tuple[TaylorEffects | HarsanyiEffects, ...]: ...  # noqa: D102
    @property
    def context(self) -> tuple[dict[str, Any], ...]: ...  # noqa: D102
    @property
    def errors(self) -> dict[str, Tensor]: ...  # noqa: D102
    @property
    def remarks(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def layers(self) -> Layerwise | None: ...  # noqa: D102
    @property
    def formal(self) -> FormalAllocation | None: ...  # noqa: D102
    @property
    def names(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def difference(self) -> Tensor: ...  # noqa: D102
    @property
    def explained(self) -> Tensor: ...  # noqa: D102
    @property
    def wide(self) -> Tensor: ...  # noqa: D102
    @property
    def allocation_rule(self) -> AllocationRule: ...  # noqa: D102
    def matrix(self, example: int = 0, reference: int | None = None) -> Tensor: ...  # noqa: D102
    def terms(  # noqa: D102
        self, receiver: str | int, example: int = 0, k: int = 8, reference: int | None = None
    ) -> list[Term]: ...
