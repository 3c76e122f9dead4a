"""Where the sum of a third-party method breaks, asked through the recipe that binds it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from taylorattr.analysis.players import Players
from taylorattr.criteria.audit.bound_callable import Binds
from taylorattr.criteria.audit.subject import Attributor, Subject
from taylorattr.criteria.blame.blame import blame
from taylorattr.criteria.blame.report import Blame
from taylorattr.errors import MethodError

TOLERANCE = 1e-3
"""Relative gap from which a sum breaks at most; less where the audit calls less wrong."""


def recipe_blame(asked: Binds, subject: Subject, present: np.ndarray, tol: float = TOLERANCE) -> Blame | None:
    """Return the operation at which the sum breaks for some masked rows.

    Args:
        asked: The recipe; it is called with parts of the model.
        subject: The example with its baseline and model.
        present: The coalitions whose rows are looked at, shape (m, n), bool: in one row the errors behind
            an operation may cancel.
        tol: What the audit takes for right.

    Returns:
        The blame; None where the recipe takes no parts of a model, or the model is no module or reads
        additional arguments.
    """
    if not asked.parts or subject.extra or not isinstance(subject.model, nn.Module):
        return None
    takes_players = "players" in inspect.signature(asked.make).parameters

    def make(network: nn.Module, baselines: Any, target: Any) -> Callable[[Any], Any]:
        settings = dict(asked.settings)
        if takes_players:
            settings["players"] = Players.elements(baselines)
        return asked.make(network, baselines, target, **settings)

    rows = subject.rows(present, own_dtype=False)
    tolerance = min(tol, TOLERANCE)
    return blame(make, subject.model, rows, subject.baseline(), target=subject.target, tolerance=tolerance)


def refusal(error: MethodError, asked: Attributor, subject: Subject) -> str:
    """Return the message of a method that does not take a model, with the operation that it refuses.

    Args:
        error: What was raised for rows of the whole model.
        asked: The method.
        subject: The example with its baseline and model.

    Returns:
        The same message where no operation can be named, as where every part of the model is refused.
    """
    if not isinstance(asked, Binds):
        return str(error)
    found = recipe_blame(asked, subject, np.ones((1, subject.game.n), dtype=bool))
    if found is None or found.found != "refused" or not found.operation:
        return str(error)
    shown = f"`{found.operation}`" + (f" ({found.kind})" if found.kind else "")
    if found.before is None:
        return f"{error}; of the model it refuses {shown}, the last operation"
    return f"{error}; of the model it takes what follows {shown}, and refuses it with {shown}"
