"""What a reformulation is asked, and what one family of methods answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor

from taylorattr.aliases import Frame
from taylorattr.allocation.context import Context
from taylorattr.allocation.layerwise.formal import FormalAllocation
from taylorattr.allocation.layerwise.result import Layerwise
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.analysis.game import Game
from taylorattr.analysis.question import Question
from taylorattr.attribution import Attribution
from taylorattr.effects.effects import HarsanyiEffects, TaylorEffects
from taylorattr.effects.harsanyi import harsanyi
from taylorattr.effects.taylor import decompose
from taylorattr.errors import OptionError

Rows: TypeAlias = tuple[Tensor, ...]


@dataclass
class Request:
    """One call of ``reformulate``.

    Attributes:
        method: Name of the method.
        model: The user's model.
        inputs: x as given, tensors (B, …).
        starts: Baselines: one entry (B, …) or (1, …), or one entry (1, …) for each reference.
        direct: The method's own scores.
        order: K of the Taylor effects.
        frame: Frame asked for; None: the rule's own.
        max_players: Most players whose 2^n coalitions are evaluated.
        bound: Whether to look for a bound of what the order leaves out.
        seed: Seed of everything drawn at random.
        options: Of the method.
        shared: Arguments of every analysis: target, players, additional_forward_args, internal_batch_size.
        show_progress: Whether to show progress bars.
    """

    method: str
    model: Callable[..., Any]
    inputs: Rows
    starts: tuple[Rows, ...]
    direct: Attribution
    order: int
    frame: str | None
    max_players: int
    bound: bool
    seed: int
    options: Mapping[str, Any]
    shared: dict[str, Any]
    show_progress: bool = False

    @property
    def n(self) -> int:
        """Number of receivers of the method."""
        return self.direct.n

    def game(self, start: Rows) -> Game:
        """Return f̃ between one baseline and the inputs, in float64."""
        return Question(self.model, self.inputs, start, dtype=torch.float64, **self.shared).game

    def taylor(self, inputs: Rows, baselines: Rows, order: int, frame: Any = "baseline") -> TaylorEffects:
        """Return Taylor effects, with diagnosis of the series."""
        return decompose(
            self.model, inputs, baselines, order=order, frame=frame, with_tails=False,
            show_progress=self.show_progress, **self.shared,
        )  # fmt: skip

    def undiagnosed(self, inputs: Rows, baselines: Rows, order: int) -> TaylorEffects:
        """Return Taylor effects between two points, without diagnosis."""
        return decompose(
            self.model, inputs, baselines, order=order, with_tails=False, diagnose=False, **self.shared
        )

    def coalitions(
        self, baselines: Rows, frame: Frame = "baseline", max_order: int | None = None
    ) -> HarsanyiEffects:
        """Return the exact effects of all coalitions, or of those up to a size."""
        return harsanyi(
            self.model, self.inputs, baselines, frame=frame, max_order=max_order,
            show_progress=self.show_progress, **self.shared,
        )  # fmt: skip

    def rule(self) -> AllocationRule:
        """Return the method's rule in the frame asked for.

        Raises:
            OptionError: If the method has no ratio in that frame.
        """
        rules = list(RULES.of_method(self.method))
        if self.frame is None:
            return rules[0]
        for rule in rules:
            if self.frame in rule.frames and rule.variant in ("", "input"):
                return rule
        raise OptionError(
            f"{self.method} has no ratio in frame {self.frame!r}; it has: "
            + ", ".join(f"{rule.name} ({rule.frame})" for rule in rules)
        )


@dataclass
class Answer:
    """Effects, ratio and errors that reproduce a method.

    Attributes:
        allocated: Σ w·I.
        rule: The ratio; None where it holds layer by layer only.
        effects: One table per reference.
        context: What the ratio read, one entry per reference.
        errors: What may separate allocation and method, by name, each (B, R); NaN where no bound is known.
        remarks: What a reader must know.
        layers: The layers of a back-propagation method.
        formal: Its formal shares of the whole network, where it is small.
    """

    allocated: Attribution
    rule: AllocationRule | None = None
    effects: tuple[TaylorEffects | HarsanyiEffects, ...] = ()
    context: tuple[Context, ...] = ()
    errors: dict[str, Tensor] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    layers: Layerwise | None = None
    formal: FormalAllocation | None = None
