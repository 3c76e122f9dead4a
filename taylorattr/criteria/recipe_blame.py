"""Where the sum of a third-party method breaks, asked through the recipe that binds it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from taylorattr.autodiff.players import Players
from taylorattr.criteria.blame import blame
from taylorattr.criteria.blame_report import Blame
from taylorattr.criteria.bound_callable import Binds
from taylorattr.criteria.subject import Subject


def recipe_blame(asked: Binds, subject: Subject, present: np.ndarray) -> Blame | None:
    """Return the operation at which the sum breaks for one masked row.

    Args:
        asked: The recipe; it is called with parts of the model.
        subject: The example with its baseline and model.
        present: The coalition whose row is looked at, shape (n,), bool.

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

    row = subject.rows(present[None], own_dtype=False)
    return blame(make, subject.model, row, subject.baseline(), target=subject.target)
