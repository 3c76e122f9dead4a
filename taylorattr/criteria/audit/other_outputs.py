"""Every output of the model at masked inputs, to see which one a method explains."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.game import blocks
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.criteria.audit.masked_rows import masked_rows
from taylorattr.criteria.audit.measured import rows_per_call
from taylorattr.criteria.audit.subject import Subject

MOST_ROWS = 256


def other_outputs(subject: Subject, present: np.ndarray) -> np.ndarray | None:
    """Return all outputs of the model.

    Args:
        subject: Whose target is an int.
        present: Coalitions, shape (m, n); at most the first 256 are looked at.

    Returns:
        Shape (≤ 256, K); None where one output has no others beside it.
    """
    target = subject.target
    if not isinstance(target, int) or isinstance(target, bool):
        return None
    seen: list[Tensor] = []

    def whole(output: Any) -> Tensor:
        seen.append(output.detach())
        return output[:, target]

    game, rows = subject.game, masked_rows(subject.game, present[:MOST_ROWS], subject.example)
    count = len(rows[0])
    extra = tuple(
        part.expand(count, *part.shape[1:]) if isinstance(part, Tensor) and part.ndim else part
        for part in subject.extra
    )
    scalar = ScalarModel(
        subject.model,
        rows,
        target=whole,
        additional_forward_args=extra or None,
        dtype=game.dtype,
        integers_allowed=True,
    )
    seen.clear()
    with torch.no_grad():
        for part in blocks(count, rows_per_call(game)):
            scalar.values(tuple(r[part] for r in rows), torch.arange(part.start, part.stop))
    outputs = torch.cat(seen)
    return outputs.cpu().double().numpy() if outputs.ndim == 2 and outputs.shape[1] > 1 else None
