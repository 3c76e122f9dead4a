"""Effects shared out by one ratio: from one baseline, or from each of a reference set and averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from taylorattr.allocation.allocate import allocate
from taylorattr.allocation.context import Context
from taylorattr.allocation.rule import AllocationRule
from taylorattr.effects.effects import HarsanyiEffects, TaylorEffects
from taylorattr.reformulation.request import Answer
from taylorattr.reformulation.rounding import rounding

SAMPLING = 4.0
"""Standard errors that a sampled score may lie from its mean."""


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
    answer.errors["rounding"] = mean(
        [rounding(rule, context, table) for context, table in zip(contexts, effects, strict=True)]
    )
    return answer


def mean(parts: Sequence[Tensor]) -> Tensor:
    """Return the mean over references."""
    return torch.stack(list(parts)).mean(0)


def kinks(effects: TaylorEffects, example: int) -> str:
    """Return what is known of kinks between the two ends of one example, "" if there are none."""
    found = effects.diagnostics["examples"][example].get("kinks")
    if found is None:
        return "" if effects.converged[example] else effects.reasons[example]
    bent = found["path"] or any(found["per_player"]) or found["at_expansion"] or found["escapes"]
    return effects.reasons[example] if bent else ""


def smooth(effects: TaylorEffects) -> Tensor:
    """Return 1 for examples without kinks between their ends and NaN for the others, shape (B, 1).

    Taylor's theorem bounds the remainder of smooth functions only.
    """
    flags = [float("nan") if kinks(effects, e) else 1.0 for e in range(effects.batch)]
    return torch.tensor(flags, dtype=torch.float64)[:, None]
