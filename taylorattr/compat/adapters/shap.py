"""``shap:DeepExplainer``, ``GradientExplainer`` and ``KernelExplainer`` as recipes for ``ta.audit``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor, nn

from taylorattr.analysis.players import Players
from taylorattr.compat.adapters.draws import SEEDS, fresh_draws
from taylorattr.compat.adapters.wrapped_model import OneOutput, games
from taylorattr.criteria.audit.attributor import ADAPTERS, Binds, binds
from taylorattr.errors import MissingExtraError, OptionError
from taylorattr.methods.method import Exactness

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
        one_output = OneOutput(model, target, baselines)
        seeds = iter(SEEDS)
        if name == "DeepExplainer":
            # shap stops where the sum is off; whether it is off is what the audit is asked
            settings.setdefault("check_additivity", False)

        def scores(rows: Any) -> Any:
            with fresh_draws(seeds):
                if name == "KernelExplainer":
                    return by_player(library, one_output, rows, baselines, players, settings)
                explainer = getattr(library, name)(one_output, _as_list(baselines))
                values = explainer.shap_values(_as_list(rows), **settings)
            return _like_rows(values, rows)

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
    # shap's default l1_reg keeps at most ten features, which breaks the sum on purpose
    settings = {"silent": True, "l1_reg": False, **settings}
    scores = []
    for game in games(model, rows, baselines, players):
        # the game takes coalitions: all absent is shap's background, all present the point explained
        explainer = library.KernelExplainer(game, np.zeros((1, game.n)))
        scores.append(np.asarray(explainer.shap_values(np.ones((1, game.n)), **settings)).reshape(game.n))
    return np.stack(scores)


def _as_list(value: Any) -> Any:
    """Return several inputs as the list that shap expects."""
    return list(value) if isinstance(value, tuple) else value


def _like_rows(values: Any, rows: Any) -> Any:
    """Return scores without shap's dimension of the one output, in the structure of the rows."""
    parts = values if isinstance(values, list) else [values]
    ends: tuple[Tensor, ...] = rows if isinstance(rows, tuple) else (rows,)
    scores = tuple(np.asarray(part).reshape(tuple(row.shape)) for part, row in zip(parts, ends, strict=True))
    return scores if isinstance(rows, tuple) else scores[0]
