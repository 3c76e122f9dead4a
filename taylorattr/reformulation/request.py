"""What a reformulation is asked, and what one family of methods answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from torch import Tensor

from taylorattr.allocation.context import Context
from taylorattr.allocation.formal import FormalAllocation
from taylorattr.allocation.layerwise_result import Layerwise
from taylorattr.allocation.rule import AllocationRule
from taylorattr.attribution import Attribution
from taylorattr.effects.effects import HarsanyiEffects, TaylorEffects
from taylorattr.effects.harsanyi import harsanyi
from taylorattr.effects.taylor import decompose

Rows: TypeAlias = tuple[Tensor, ...]


@dataclass
class Request:
    """One call of ``reformulate``.

    Attributes:
        method: Name of the method.
        model: The user's model.
        inputs: x, float64 tensors (B, …).
        baselines: b, tensors (B, …), or a reference set (R, …).
        direct: The method's own scores.
        order: K of the Taylor effects.
        frame: Frame asked for; None: the rule's own.
        max_players: Most players whose 2^n coalitions are evaluated.
        bound: Whether to look for a bound of what the order leaves out.
        options: Of the method.
        shared: Arguments of every analysis: target, players, additional_forward_args, internal_batch_size.
        show_progress: Whether to show progress bars.
    """

    method: str
    model: Callable[..., Any]
    inputs: Rows
    baselines: Rows
    direct: Attribution
    order: int
    frame: str | None
    max_players: int
    bound: bool
    options: Mapping[str, Any]
    shared: dict[str, Any]
    show_progress: bool = False

    @property
    def n(self) -> int:
        """Number of receivers of the method."""
        return self.direct.n

    def taylor(self, inputs: Rows, baselines: Rows, order: int, frame: Any = "baseline") -> TaylorEffects:
        """Return Taylor effects, with diagnosis of the series."""
        return decompose(
            self.model, inputs, baselines, order=order, frame=frame, with_tails=False,
            show_progress=self.show_progress, **self.shared,
        )  # fmt: skip

    def top_order(self, inputs: Rows, baselines: Rows, order: int) -> TaylorEffects:
        """Return Taylor effects between two points of a segment, without diagnosis."""
        return decompose(
            self.model, inputs, baselines, order=order, with_tails=False, diagnose=False, **self.shared
        )

    def coalitions(self, baselines: Rows) -> HarsanyiEffects:
        """Return the exact effects of all coalitions."""
        return harsanyi(self.model, self.inputs, baselines, show_progress=self.show_progress, **self.shared)


@dataclass
class Answer:
    """Effects, ratio and errors that reproduce a method.

    Attributes:
        allocated: Σ w·I.
        rule: The ratio; None where it holds layer by layer only.
        effects: One table per reference.
        context: What the ratio read, one entry per reference.
        errors: What may separate allocation and method, by name, each (B, R).
        remarks: What a reader must know.
        layers: The layers of a back-propagation method.
        formal: Its formal shares of the whole network, where it is small.
    """

    allocated: Attribution
    rule: AllocationRule | None = None
    effects: tuple[TaylorEffects | HarsanyiEffects, ...] = ()
    context: tuple[Context, ...] = ({},)
    errors: dict[str, Tensor] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    layers: Layerwise | None = None
    formal: FormalAllocation | None = None
