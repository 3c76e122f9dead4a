"""What wrong sums are compared with: other outputs of the model, units inside it, scores of right methods."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.criteria.audit.bound_method import AuditedExample
from taylorattr.criteria.audit.coalitions import Reach
from taylorattr.criteria.audit.examination import ExampleNumbers
from taylorattr.criteria.audit.score_tables import other_outputs
from taylorattr.criteria.audit.suspicions import Comparisons
from taylorattr.errors import TaylorAttrError, TaylorAttrWarning
from taylorattr.methods import METHODS
from taylorattr.methods.method import attributed

MOST_UNITS_OF_LAYER = 512
"""Units of a layer that are compared, at most; wider layers are left out."""

MOST_UNIT_ROWS = 64
"""Rows at which units are compared."""

MOST_PLAYERS_BESIDE = 8
"""Up to this many players Integrated Gradients and Shapley values of every masked input are worked out."""


def comparisons(audited: AuditedExample, numbers: ExampleNumbers, reach: Reach) -> Comparisons:
    """Return what the sums of one example are compared with.

    Args:
        audited: The example with its baseline and model.
        numbers: What was measured.
        reach: Which coalitions were asked for.
    """
    present = numbers.tables[0].present
    target = audited.target if isinstance(audited.target, int) else 0
    return Comparisons(
        outputs=other_outputs(audited, present),
        target=target,
        units=_units(audited, present[:MOST_UNIT_ROWS]),
        right=_right(audited, numbers)
        if reach.order is None and audited.game.n <= MOST_PLAYERS_BESIDE
        else {},
    )


def _units(audited: AuditedExample, present: np.ndarray) -> dict[str, np.ndarray]:
    """Return the values of units of the model's modules at masked inputs, by name."""
    if not isinstance(audited.model, nn.Module):
        return {}
    values: dict[str, np.ndarray] = {}
    try:
        # hooks are put on a copy: the user's module is never changed
        model = copy.deepcopy(audited.model).to(audited.game.device, audited.game.dtype).eval()
        for path, module in model.named_modules():
            if path:
                module.register_forward_hook(_keeping(values, path, len(present)))
        rows = audited.rows(present, own_dtype=False)
        with torch.no_grad():
            model(*(rows if isinstance(rows, tuple) else (rows,)), *(audited.extra_for(len(present)) or ()))
    except Exception:  # a model that cannot be copied or hooked has no units to compare with
        return {}
    return values


def _keeping(values: dict[str, np.ndarray], path: str, count: int) -> Any:
    """Return a hook that keeps the units of one module."""

    def hook(module: nn.Module, args: Any, output: Any) -> None:
        if not isinstance(output, Tensor) or output.ndim < 2 or len(output) != count:
            return
        units = output.detach().reshape(count, -1).cpu().double().numpy()
        if units.shape[1] <= MOST_UNITS_OF_LAYER:
            name = type(module).__name__
            values.update({f"unit {k} of `{path}` ({name})": unit for k, unit in enumerate(units.T)})

    return hook


def _right(audited: AuditedExample, numbers: ExampleNumbers) -> dict[str, np.ndarray]:
    """Return right scores of every masked input: Shapley values from v alone, and Integrated Gradients."""
    table = numbers.tables[0]
    inside = (table.present[:, None] >= table.present[None]).all(axis=2)  # [T, S]: S ⊆ T
    sizes = np.maximum(table.present.sum(axis=1), 1)
    shares = np.where(table.present.T, numbers.J / sizes, 0.0)
    right = {"Shapley values": shares @ inside.T}
    if any(not part.is_floating_point() for part in audited.game.inputs):
        return right
    try:
        with warnings.catch_warnings(), torch.inference_mode(False):
            warnings.simplefilter("ignore", TaylorAttrWarning)
            rows = audited.rows(table.present, own_dtype=False)
            question = audited.asked_at(rows, len(table.present), internal_batch_size=None)
            path_integral = attributed(METHODS["integrated_gradients"], question, {})
        right["Integrated Gradients"] = path_integral.player_scores.numpy().T
    except TaylorAttrError:  # what has no gradient has none
        pass
    return right
