"""``shapiq:AgnosticExplainer`` and ``TabularExplainer`` as recipes for ``ta.audit``."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from taylorattr.analysis.players import Players
from taylorattr.compat.adapters.draws import SEEDS, fresh_draws
from taylorattr.compat.adapters.wrapped_model import OneOutput, games
from taylorattr.criteria.audit.attributor import ADAPTERS, Binds, binds
from taylorattr.errors import MissingExtraError, OptionError

EXPLAINERS = {
    "AgnosticExplainer": "shares out the game of the players",
    "TabularExplainer": "shares out the game of the columns of a table, one reference at a time",
}
"""Explainers that take a function; the others explain trees and TabPFN."""

LARGEST_DEFAULT_BUDGET = 4096
"""Model outputs per row, 2¹²: up to 12 players every coalition is asked for, which is exact."""


@ADAPTERS.register("shapiq")
def shapiq_method(name: str) -> Binds:
    """Return the recipe of one of shapiq's explainers.

    Settings: ``index`` (SV), ``max_order`` (1), ``budget`` (all 2ⁿ coalitions, at most 4096), and the further
    arguments of the explainer, such as ``approximator`` or ``imputer``. Scores are the values of single
    players; those of an index with interactions leave the interactions out, and an audit says so. Every call
    has a random state of its own.

    Args:
        name: ``AgnosticExplainer`` or ``TabularExplainer``.

    Returns:
        The recipe.

    Raises:
        MissingExtraError: If shapiq is not installed.
        OptionError: If there is no adapter for that explainer.
    """
    if name not in EXPLAINERS:
        raise OptionError(f"shapiq has no adapter for {name!r}; known: {', '.join(EXPLAINERS)}")
    try:
        import shapiq as library
    except ImportError as error:
        raise MissingExtraError(f"shapiq:{name} needs shapiq: pip install shapiq") from error
    scores_of = _agnostic if name == "AgnosticExplainer" else _tabular

    def make(
        model: Callable[..., Any],
        baselines: Any,
        target: Any,
        players: Players,
        budget: int | None = None,
        **settings: Any,
    ) -> Callable[[Any], Any]:
        one_output = OneOutput(model, target, baselines)
        settings = {"index": "SV", "max_order": 1, **settings}
        seeds = iter(SEEDS)

        def scores(rows: Any) -> np.ndarray:
            with fresh_draws(seeds) as seed, warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Not all budget is required")  # of an exact computation
                return scores_of(library, one_output, rows, baselines, players, budget, seed, settings)

        return scores

    return binds(
        make,
        references=name == "TabularExplainer",
        exactness="closed",
        parts=False,
        row_by_row=True,
        name=f"shapiq:{name}",
    )


def _agnostic(
    library: Any,
    model: nn.Module,
    rows: Any,
    baselines: Any,
    players: Players,
    budget: int | None,
    seed: int,
    settings: dict[str, Any],
) -> np.ndarray:
    """Return the explainer's scores of players at each row, shape (m, n)."""
    scores = []
    for k, game in enumerate(games(model, rows, baselines, players)):
        explainer = library.AgnosticExplainer(game, n_players=game.n, random_state=seed + k, **settings)
        values = explainer.explain_function(budget=budget or min(2**game.n, LARGEST_DEFAULT_BUDGET))
        scores.append(_of_single_players(values, game.n))
    return np.stack(scores)


def _tabular(
    library: Any,
    model: nn.Module,
    rows: Any,
    baselines: Any,
    players: Players,
    budget: int | None,
    seed: int,
    settings: dict[str, Any],
) -> np.ndarray:
    """Return the explainer's scores of the columns at each row, shape (m, n)."""
    if isinstance(rows, tuple) or rows.ndim != 2:
        shape = [tuple(r.shape) for r in rows] if isinstance(rows, tuple) else tuple(rows.shape)
        raise OptionError(
            f"shapiq:TabularExplainer explains tables (m, n), and the inputs have shape {shape}; use "
            "shapiq:AgnosticExplainer"
        )

    def predict(points: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(np.ascontiguousarray(points)).to(rows))[:, 0].cpu().double().numpy()

    n = rows.shape[1]
    explainer = library.TabularExplainer(
        predict, baselines.cpu().numpy(), random_state=seed, **{"imputer": "baseline", **settings}
    )
    budget = budget or min(2**n, LARGEST_DEFAULT_BUDGET)
    points = rows.cpu().numpy()
    return np.stack(
        [_of_single_players(explainer.explain(points[k : k + 1], budget=budget), n) for k in range(len(rows))]
    )


def _of_single_players(values: Any, n: int) -> np.ndarray:
    """Return the values of single players, 0 where the index leaves one out."""
    return np.array([float(values[(i,)]) for i in range(n)])
