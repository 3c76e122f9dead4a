"""``shap:DeepExplainer``, ``GradientExplainer`` and ``KernelExplainer`` as recipes for ``ta.audit``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor, nn

from taylorattr.analysis.players import Players
from taylorattr.compat.adapters.draws import SEEDS, fresh_draws
from taylorattr.compat.adapters.player_game import games
from taylorattr.compat.adapters.selected import Selected
from taylorattr.criteria.audit.attributor import ADAPTERS, Binds, binds
from taylorattr.criteria.audit.bound_method import Exactness
from taylorattr.errors import MissingExtraError, OptionError

EXPLAINERS: dict[str, Exactness] = {
    "DeepExplainer": "closed",
    "GradientExplainer": "sampled",
    "KernelExplainer": "sampled",
}
"""Explainers that take a torch model or a function, and how they compute."""


@ADAPTERS.register("shap")
def shap_method(name: str) -> Binds:
    """Return the recipe of one of shap's explainers.

    ``KernelExplainer`` shares out the game of the players, so it gives one score per player; the others score
    elements. Every call leaves the global generators as they were.

    Args:
        name: ``DeepExplainer``, ``GradientExplainer`` or ``KernelExplainer``.

    Returns:
        The recipe; further settings go to ``shap_values``.

    Raises:
        MissingExtraError: If shap is not installed.
        OptionError: If there is no adapter for that explainer.
    """
    if name not in EXPLAINERS:
        raise OptionError(f"shap has no adapter for {name!r}; known: {', '.join(EXPLAINERS)}")
    try:
        import shap as library
    except ImportError as error:
        raise MissingExtraError(f"shap:{name} needs shap: pip install shap") from error

    def make(
        model: Callable[..., Any], baselines: Any, target: Any, players: Players, **settings: Any
    ) -> Callable[[Any], Any]:
        selected = Selected(model, target, baselines)
        seeds = iter(SEEDS)
        if name == "DeepExplainer":
            settings.setdefault("check_additivity", False)

        def scores(rows: Any) -> Any:
            with fresh_draws(seeds):
                if name == "KernelExplainer":
                    return by_player(library, selected, rows, baselines, players, settings)
                explainer = getattr(library, name)(selected, _listed(baselines))
                found = explainer.shap_values(_listed(rows), **settings)
            return _shaped(found, rows)

        return scores

    return binds(
        make,
        references=name != "KernelExplainer",
        exactness=EXPLAINERS[name],
        parts=name == "DeepExplainer",
        row_by_row=name != "DeepExplainer",
        name=f"shap:{name}",
    )


def by_player(
    library: Any, model: nn.Module, rows: Any, baselines: Any, players: Players, settings: dict[str, Any]
) -> np.ndarray:
    """Return Kernel SHAP's score of each player for each row, shape (m, n)."""
    found = []
    for game in games(model, rows, baselines, players):
        explainer = library.KernelExplainer(game, np.zeros((1, game.n)))
        given = {"silent": True, "l1_reg": False, **settings}
        found.append(np.asarray(explainer.shap_values(np.ones((1, game.n)), **given)).reshape(game.n))
    return np.stack(found)


def _listed(value: Any) -> Any:
    """Return several inputs as the list that shap expects."""
    return list(value) if isinstance(value, tuple) else value


def _shaped(found: Any, rows: Any) -> Any:
    """Return scores without shap's dimension of the one output, in the structure of the rows."""
    parts = found if isinstance(found, list) else [found]
    ends: tuple[Tensor, ...] = rows if isinstance(rows, tuple) else (rows,)
    shaped = tuple(np.asarray(part).reshape(tuple(row.shape)) for part, row in zip(parts, ends, strict=True))
    return shaped if isinstance(rows, tuple) else shaped[0]
