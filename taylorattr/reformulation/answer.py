"""What a reformulation is asked, what one family of methods answers, and effects shared out by one ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import Frame
from taylorattr.allocation.allocate import allocate, blocks
from taylorattr.allocation.context import Context
from taylorattr.allocation.layerwise.formal import FormalAllocation
from taylorattr.allocation.layerwise.result import Layerwise
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.analysis.question import Question
from taylorattr.attribution import Attribution
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError
from taylorattr.methods.method import AttributionMethod

Rows: TypeAlias = tuple[Tensor, ...]

ERRORS_ALLOWED = 4.0
"""Standard errors that a sampled score may lie from its mean."""

ROUNDING_UNITS = 1024
"""Units of the last place of Σ|w·I| and of f by which two ways of computing may differ."""


@dataclass(frozen=True)
class MethodRequest:
    """One call of ``reformulate``.

    Attributes:
        question: What is asked of the model, in float64.
        entry: The method.
        starts: Baselines: one entry (B, …) or (1, …), or one entry (1, …) for each reference.
        direct: The method's own scores.
        order: K of the Taylor effects.
        frame: Frame asked for; None: the rule's own.
        max_players: Most players whose 2^n coalitions are evaluated.
        bound: Whether to look for a bound of what the order leaves out.
        options: Of the method.
    """

    question: Question
    entry: AttributionMethod
    starts: tuple[Rows, ...]
    direct: Attribution
    order: int
    frame: Frame | None
    max_players: int
    bound: bool
    options: Mapping[str, Any]

    def against(self, start: Rows, *, integers_allowed: bool = False) -> Question:
        """Return the question about effects against one of the baselines.

        Derivatives need floating-point inputs, coalitions do not, whatever the method itself takes.
        """
        # the coalitions that probe a series are the same whatever the method draws: their seed is 0
        return replace(self.question, baselines=start, integers_allowed=integers_allowed, seed=0)

    def rule(self) -> AllocationRule:
        """Return the method's rule in the frame asked for.

        Raises:
            OptionError: If the method has no ratio in that frame.
        """
        first = RULES[self.entry.name]
        if self.frame is None or self.frame in first.frames:
            return first
        of_the_input = f"{first.name}/input"
        if self.frame == "input" and of_the_input in RULES:
            return RULES[of_the_input]
        raise OptionError(
            f"{first.name} has no ratio in frame {self.frame!r}; it has: "
            + ", ".join(f"{rule.name} ({rule.frame})" for rule in RULES.of_method(first.name))
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

    def add_sampling(self, direct: Attribution) -> bool:
        """Allow for the method's own sampling, if it sampled; return whether it did."""
        if direct.standard_errors is None:
            return False
        self.errors["sampling"] = ERRORS_ALLOWED * direct.standard_errors
        return True


def shared_out(
    rule: AllocationRule,
    effects: Sequence[TaylorEffects | HarsanyiEffects],
    contexts: Sequence[Context],
) -> Answer:
    """Return Σ w·I, averaged over the tables, with its rounding.

    Args:
        rule: The ratio.
        effects: One table, or one per reference.
        contexts: What the ratio reads besides κ, one per table.
    """
    several = len(effects) > 1 or rule.per_reference
    chosen = replace(rule, per_reference=several)
    if several:
        allocated = allocate(chosen, list(effects), list(contexts))
    else:
        allocated = allocate(chosen, effects[0], contexts[0])
    answer = Answer(allocated, rule, tuple(effects), tuple(contexts))
    of_tables = [rounding(rule, context, table) for context, table in zip(contexts, effects, strict=True)]
    answer.errors["rounding"] = torch.stack(of_tables).mean(0)
    return answer


def rounding(rule: AllocationRule, context: Context, effects: TaylorEffects | HarsanyiEffects) -> Tensor:
    """Return 1024 ε (Σ_κ |w_i(κ) I(κ)| + max(|f(x)|, |f(b)|)) for every receiver, shape (B, R).

    Exact effects add Σ_S |w_i(S)| times the bound that comes with them.
    """
    ends = torch.maximum(effects.f_input.abs(), effects.f_baseline.abs()).double().cpu().numpy()
    rows = []
    for e in range(effects.batch):
        values = effects.values[e].double().cpu().abs().numpy()
        size = np.zeros(1)
        for columns, kappas in blocks(effects, effects.n):
            ratios = np.abs(rule.ratios(kappas, context, example=e))
            size = size + values[columns] @ ratios * ROUNDING_UNITS * np.finfo(np.float64).eps
            if isinstance(effects, HarsanyiEffects) and effects.error_bound is not None:
                bound = effects.error_bound[e].double().cpu().numpy()
                size = size + bound[kappas.sum(1)] @ ratios
        rows.append(size + ROUNDING_UNITS * np.finfo(np.float64).eps * ends[e])
    return torch.from_numpy(np.stack(rows))


def kinks(effects: TaylorEffects, example: int) -> str:
    """Return what is known of kinks between the two ends of one example, "" if there are none."""
    counts = effects.diagnostics["examples"][example].get("kinks")
    if counts is None:
        return "" if effects.converged[example] else effects.reasons[example]
    bent = counts["path"] or any(counts["per_player"]) or counts["at_expansion"] or counts["escapes"]
    return effects.reasons[example] if bent else ""


def smooth(effects: TaylorEffects) -> Tensor:
    """Return 1 for examples without kinks between their ends and NaN for the others, shape (B, 1).

    Taylor's theorem bounds the remainder of smooth functions only.
    """
    flags = [float("nan") if kinks(effects, e) else 1.0 for e in range(effects.batch)]
    return torch.tensor(flags, dtype=torch.float64)[:, None]
