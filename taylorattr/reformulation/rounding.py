"""What rounding may add to a sum of weighted effects."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from taylorattr.allocation.allocate import blocks
from taylorattr.allocation.context import Context
from taylorattr.allocation.rule import AllocationRule
from taylorattr.effects.effects import HarsanyiEffects, TaylorEffects

UNITS = 1024
"""Units of the last place of Σ|w·I| and of f by which two ways of computing may differ."""


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
            size = size + values[columns] @ ratios * UNITS * np.finfo(np.float64).eps
            if isinstance(effects, HarsanyiEffects) and effects.error_bound is not None:
                bound = effects.error_bound[e].double().cpu().numpy()
                size = size + bound[kappas.sum(1)] @ ratios
        rows.append(size + UNITS * np.finfo(np.float64).eps * ends[e])
    return torch.from_numpy(np.stack(rows))
